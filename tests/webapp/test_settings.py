"""Settings refuse nonsense and are safe when nothing is set."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from webapp.config.broker import celery_url, socket_path
from webapp.config.env import Environment
from webapp.config.secret import read_or_create_secret

ROOT = Path(__file__).resolve().parents[2]
SHOW = (
    "from django.conf import settings as s;"
    "print(s.DEBUG, s.SESSION_COOKIE_SECURE, s.CSRF_COOKIE_SECURE, s.SECURE_SSL_REDIRECT,"
    " s.SECURE_HSTS_SECONDS > 0, s.ALLOWED_HOSTS, sep='|')"
)


def run(code: str, data_dir: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    environment = kept | {
        "DJANGO_SETTINGS_MODULE": "webapp.config.settings",
        "ENGAGEMENT_DATA_DIR": str(data_dir),
        "PYTHONPATH": str(ROOT),
        **variables,
    }
    return subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    ("raw", "value"), [("on", True), ("1", True), ("Yes", True), ("off", False), ("0", False)]
)
def test_flags_are_words(raw: str, value: bool) -> None:
    assert Environment({"X": raw}).flag("X", default=not value) is value


@pytest.mark.parametrize("raw", ["maybe", "2", "tru"])
def test_other_flags_are_refused_by_name(raw: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="X must be on or off"):
        Environment({"X": raw}).flag("X", default=True)


@pytest.mark.parametrize("raw", ["ten", "1.5", "0", "-3", "11"])
def test_numbers_outside_their_range_are_refused(raw: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="X must be"):
        Environment({"X": raw}).integer("X", 5, low=1, high=10)


@pytest.mark.parametrize("raw", ["nan", "inf", "-1", "a"])
def test_real_numbers_that_are_none_are_refused(raw: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="X must be"):
        Environment({"X": raw}).number("X", 5.0, low=0.0, high=10.0)


def test_empty_variables_mean_the_default() -> None:
    env = Environment({"X": " "})
    assert env.integer("X", 5, low=1, high=10) == 5
    assert env.words("X", ["a"]) == ["a"]
    assert Environment({"X": "a, b,,"}).words("X", []) == ["a", "b"]


@pytest.mark.parametrize(
    ("variables", "shown"),
    [
        ({}, "False|False|False|False|False"),
        ({"ALLOWED_HOSTS": "school.example"}, "False|True|True|True|True"),
        ({"ALLOWED_HOSTS": "school.example", "HTTPS": "off"}, "False|False|False|False|False"),
        ({"HTTPS": "on"}, "False|True|True|True|True"),
    ],
)
def test_https_is_required_as_soon_as_the_site_has_a_name(
    variables: dict[str, str], shown: str, tmp_path: Path
) -> None:
    done = run(SHOW, tmp_path, **variables)
    assert done.stdout.startswith(shown + "|"), done.stderr


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DEBUG", "perhaps"),
        ("MAX_UPLOAD_MB", "-1"),
        ("SECRET_KEY", "short"),
        ("REDIS_URL", "http://broker"),
    ],
)
def test_nonsense_stops_the_start_with_the_variables_name(
    name: str, value: str, tmp_path: Path
) -> None:
    done = run(SHOW, tmp_path, **{name: value})
    assert done.returncode != 0
    assert name in done.stderr.splitlines()[-1]


def test_the_secret_is_made_once_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "data" / "secret_key"
    first = read_or_create_secret(path)
    assert len(first) >= 64
    assert read_or_create_secret(path) == first
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [one.name for one in path.parent.iterdir()] == ["secret_key"]


def test_a_deep_data_folder_gets_a_short_socket(tmp_path: Path) -> None:
    assert socket_path(Path("/srv/data")) == Path("/srv/data/valkey/valkey.sock")
    deep = tmp_path / ("d" * 120)
    assert len(str(socket_path(deep))) < 100
    assert socket_path(deep) == socket_path(deep)
    assert socket_path(deep) != socket_path(tmp_path / ("e" * 120))


def test_broker_urls_are_spelt_as_celery_wants_them() -> None:
    data = Path("/srv/data")
    assert celery_url("redis://:pw@host:6379/1", data) == "redis://:pw@host:6379/1"
    assert celery_url("unix:///run/redis.sock", data) == "redis+socket:///run/redis.sock"
    assert celery_url("", data).startswith("redis+socket:///srv/data/valkey/valkey.sock")
