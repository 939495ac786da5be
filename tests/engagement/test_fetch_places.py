"""Model files that are here already, in mirrors, behind proxies, out of reach, or without room."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from engagement.errors import ModelError, OutputError
from engagement.weights.cache import find_file, git_blob_id, models_folder
from engagement.weights.fetch import fetch
from engagement.weights.registry import MODELS
from tests.engagement import model_server
from tests.engagement.model_server import (
    AT_ONE,
    AT_TWO,
    BODY,
    NAME,
    OTHER,
    QUICK,
    TINY,
    Answer,
    Get,
    ModelServer,
    left_over,
    start_fetching,
)

own_home, server, get = model_server.own_home, model_server.server, model_server.get


ENGAGEMENT = Path(sys.executable).with_name("engagement")


# What is on this machine already.


@pytest.mark.parametrize("folder", [".hsemotion", ".emotiefflib"])
def test_what_the_published_packages_fetched_is_used(
    folder: str, server: ModelServer, get: Get, tmp_path: Path
) -> None:
    place = tmp_path / "home" / folder
    place.mkdir(parents=True)
    (place / NAME).write_bytes(BODY)
    assert find_file(TINY) == place / NAME
    assert get() == place / NAME
    assert server.asked == []


def test_a_wrong_file_of_theirs_is_ignored_by_name(
    server: ModelServer, get: Get, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    theirs = tmp_path / "home" / ".hsemotion" / NAME
    theirs.parent.mkdir(parents=True)
    theirs.write_bytes(OTHER)
    server.serve(AT_ONE, Answer(BODY))
    assert get() == models_folder() / NAME
    assert theirs.read_bytes() == OTHER
    assert [r.levelname for r in caplog.records if str(theirs) in r.message] == ["WARNING"]


def test_a_wrong_file_in_our_cache_is_replaced(server: ModelServer, get: Get) -> None:
    models_folder().mkdir(parents=True)
    (models_folder() / NAME).write_bytes(OTHER)
    server.serve(AT_ONE, Answer(BODY))
    assert get().read_bytes() == BODY


@pytest.mark.parametrize("kind", ["folder", "dangling", "loop", "pipe", "link"])
def test_odd_things_under_the_name_never_crash(kind: str, tmp_path: Path) -> None:
    path = models_folder() / NAME
    path.parent.mkdir(parents=True)
    (tmp_path / "elsewhere").write_bytes(BODY)
    match kind:
        case "folder":
            path.mkdir()
        case "dangling":
            path.symlink_to(tmp_path / "nowhere")
        case "loop":
            path.symlink_to(path)
        case "pipe":
            os.mkfifo(path)
        case "link":
            path.symlink_to(tmp_path / "elsewhere")
    assert find_file(TINY) == (path if kind == "link" else None)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_file_is_passed_over() -> None:
    models_folder().mkdir(parents=True)
    (models_folder() / NAME).write_bytes(BODY)
    (models_folder() / NAME).chmod(0)
    assert find_file(TINY) is None


def test_the_blob_id_is_git_s_own(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"hello\n")
    # What `git hash-object` says of it.
    assert git_blob_id(file) == "ce013625030ba8dba906f756967f9e9ca394464a"


# Mirrors and proxies.


def test_a_mirror_may_be_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mirror = tmp_path / "stick"
    mirror.mkdir()
    (mirror / NAME).write_bytes(BODY)
    monkeypatch.setenv("ENGAGEMENT_MODEL_MIRROR", str(mirror))
    path = fetch(TINY)
    (mirror / NAME).unlink()
    assert path == models_folder() / NAME
    assert path.read_bytes() == BODY


def test_a_wrong_file_in_a_mirror_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(OTHER)
    with pytest.raises(ModelError) as caught:
        fetch(TINY, mirror=str(tmp_path))
    assert caught.value.code == "model_corrupt"
    assert str(tmp_path / NAME) in str(caught.value)
    assert left_over() == []


@pytest.mark.parametrize("mirror", ["nowhere", "ftp://127.0.0.1/models", "file"])
def test_a_mirror_folder_without_the_file_is_told(mirror: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ModelError, match="is not in the mirror") as caught:
        fetch(TINY, mirror=mirror if ":" in mirror else str(tmp_path / mirror))
    assert caught.value.code == "model_unavailable"


@pytest.mark.parametrize("mirror", ["http://", "http://[::1", "https://a b/", "http://.x/"])
def test_a_mirror_s_senseless_address_is_told(mirror: str) -> None:
    with pytest.raises(ModelError, match=r"cannot be fetched: .*(no valid|cannot be reached)"):
        fetch(TINY, mirror=mirror, settings=QUICK)


def test_a_mirror_s_password_is_never_told(server: ModelServer) -> None:
    server.serve(f"/{NAME}", Answer(OTHER))
    mirror = server.url.replace("http://", "http://me:hidden@")
    with pytest.raises(ModelError) as caught:
        fetch(TINY, mirror=mirror, settings=QUICK)
    assert "hidden" not in str(caught.value)
    assert server.asked[0].headers["authorization"].startswith("Basic ")


def test_the_proxy_is_used_unless_it_is_not_to_be(
    server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.serve(f"/{NAME}", Answer(BODY))
    monkeypatch.setenv("HTTP_PROXY", server.url)
    monkeypatch.setenv("http_proxy", server.url)
    assert fetch(TINY, mirror="http://models.invalid", settings=QUICK).read_bytes() == BODY
    assert [asked.target for asked in server.asked] == [f"http://models.invalid/{NAME}"]
    (models_folder() / NAME).unlink()
    monkeypatch.setenv("HTTP_PROXY", closed_port())
    monkeypatch.setenv("http_proxy", closed_port())
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    assert fetch(TINY, mirror=server.url, settings=QUICK).read_bytes() == BODY


@pytest.mark.parametrize(
    ("proxy", "words"),
    [
        ("http://", "the proxy's address is invalid"),
        ("socks5://127.0.0.1:9", "SOCKS proxy"),
        ("closed", "cannot be reached through the proxy \\(Connection refused\\)"),
    ],
)
def test_a_proxy_that_is_no_use_is_told(
    proxy: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, closed_port() if proxy == "closed" else proxy)
    with pytest.raises(ModelError, match=words):
        fetch(TINY, mirror="http://models.invalid", settings=QUICK)


# Nobody there, and no room.


def closed_port() -> str:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{taken.getsockname()[1]}"


def test_a_closed_port_is_told_with_what_the_system_says() -> None:
    with pytest.raises(ModelError, match="cannot be reached \\(Connection refused\\)") as caught:
        fetch(TINY, mirror=closed_port(), settings=QUICK)
    assert caught.value.code == "model_unavailable"
    assert not caught.value.permanent


def test_an_address_that_never_answers_leaves_time_for_the_next(
    server: ModelServer, get: Get
) -> None:
    server.serve(AT_ONE, Answer(silent=True))
    server.serve(AT_TWO, Answer(BODY))
    assert get().read_bytes() == BODY


def run_offline(proxy: str) -> subprocess.CompletedProcess[str]:
    proxies = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), proxy)
    return subprocess.run(
        [ENGAGEMENT, "models", "fetch", "enet_b0_8_best_vgaf"],
        env={**os.environ, **proxies},
        capture_output=True,
        text=True,
        check=False,
        timeout=10,
    )


def test_offline_ends_soon_with_one_sentence(server: ModelServer) -> None:
    server.serve("github.com:443", Answer(silent=True))
    for proxy in (closed_port(), server.url):  # nobody there, and somebody who never answers
        done = run_offline(proxy)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith("engagement: enet_b0_8_best_vgaf.pt cannot be fetched: ")
        assert done.stderr.count("\n") == 1
        assert "ENGAGEMENT_MODEL_MIRROR" in done.stderr
        assert str(models_folder()) in done.stderr
        assert left_over() == []


def test_the_sentence_names_the_model_where_its_file_does_not() -> None:
    (file,) = MODELS["vggface2_enet0"].files
    with pytest.raises(ModelError, match=r"enet0_new\.pt \(the model vggface2_enet0\)"):
        fetch(file, mirror=closed_port(), settings=QUICK)


def test_a_cache_that_cannot_be_made_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("ENGAGEMENT_CACHE", str(tmp_path / "file" / "below"))
    assert find_file(TINY) is None
    with pytest.raises(OutputError, match=r"cannot be made .* ENGAGEMENT_CACHE"):
        fetch(TINY, mirror=str(tmp_path))


def test_a_folder_in_the_way_is_told(server: ModelServer, get: Get) -> None:
    (models_folder() / NAME / "inside").mkdir(parents=True)
    server.serve(AT_ONE, Answer(BODY))
    with pytest.raises(OutputError, match="cannot be written"):
        get()


def test_a_full_disk_is_told_and_the_piece_is_kept(server: ModelServer, get: Get) -> None:
    resource = pytest.importorskip("resource")
    server.serve(f"/{NAME}", Answer(BODY))
    # The system refuses to let any file grow over 100 kB, as a full disk would.
    limit = (resource.RLIMIT_FSIZE, (100_000, 100_000))
    printed = start_fetching(server, lambda: resource.setrlimit(*limit)).communicate()[0]
    assert f"{NAME} cannot be written to {models_folder()}" in printed
    assert 0 < (models_folder() / f"{NAME}.part").stat().st_size <= 100_000
    assert get().read_bytes() == BODY
