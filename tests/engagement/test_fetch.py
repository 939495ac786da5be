"""Fetching a model from a real server that sends it well, badly, wrongly or not at all."""

import random
import signal
import subprocess
import time
from email.utils import formatdate
from pathlib import Path

import pytest

from engagement.errors import EngagementError, ModelError
from engagement.weights.cache import models_folder
from engagement.weights.fetch import fetch
from engagement.weights.registry import PublishedFile
from engagement.weights.transfer import FetchSettings
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
    blob_id,
    left_over,
    start_fetching,
)

own_home, server, get = model_server.own_home, model_server.server, model_server.get


def test_a_file_arrives_whole_with_progress(server: ModelServer) -> None:
    server.serve(f"/{NAME}", Answer(BODY))
    seen: list[tuple[int, int | None]] = []
    path = fetch(TINY, mirror=server.url, on_progress=lambda *news: seen.append(news))
    assert path == models_folder() / NAME
    assert path.read_bytes() == BODY
    assert seen[-1] == (len(BODY), len(BODY))
    assert left_over() == [NAME]


def test_what_is_here_is_not_fetched_again(server: ModelServer, get: Get) -> None:
    server.serve(AT_ONE, Answer(BODY))
    assert get() == get()
    assert [asked.target for asked in server.asked] == [f"/{NAME}", AT_ONE]


def test_without_a_mirror_the_code_host_is_asked_for_the_commit(
    server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", server.url)
    with pytest.raises(ModelError, match=r"github\.com cannot be reached through the proxy"):
        fetch(TINY, settings=QUICK)
    assert TINY.sources[0].url == (f"https://github.com/one/tiny/raw/c0ffee/models/{NAME}")


def test_a_mirror_without_the_flat_name_is_asked_for_repo_and_commit(
    server: ModelServer, get: Get
) -> None:
    server.serve(AT_TWO, Answer(BODY))
    assert get().read_bytes() == BODY
    assert [asked.target for asked in server.asked] == [f"/{NAME}", AT_ONE, AT_TWO]


# Downloads that break.


def test_a_broken_download_goes_on_where_it_stopped(server: ModelServer, get: Get) -> None:
    tag = {"ETag": '"v1"'}
    server.serve(AT_ONE, Answer(BODY, headers=tag, cut_after=150_000), Answer(BODY, headers=tag))
    assert get().read_bytes() == BODY
    again = server.asked[-1].headers
    begun = int(again["range"].removeprefix("bytes=").removesuffix("-"))
    assert 0 < begun <= 150_000
    assert again["if-range"] == '"v1"'


def test_a_download_goes_on_in_the_next_process(
    server: ModelServer, get: Get, tmp_path: Path
) -> None:
    tag = {"ETag": '"v1"'}
    server.serve(f"/{NAME}", Answer(BODY, headers=tag, pause_s=0.05), Answer(BODY, headers=tag))
    first = start_fetching(server)
    part = models_folder() / f"{NAME}.part"
    deadline = time.monotonic() + 20
    while not (part.exists() and part.stat().st_size) and time.monotonic() < deadline:
        time.sleep(0.01)
    first.send_signal(signal.SIGKILL)
    first.communicate()
    assert not (models_folder() / NAME).exists()
    assert get().read_bytes() == BODY
    assert server.asked[-1].headers["range"] != "bytes=0-"


def test_a_server_that_ignores_ranges_starts_again(server: ModelServer, get: Get) -> None:
    server.serve(AT_ONE, Answer(BODY, cut_after=90_000), Answer(BODY, ranges=False))
    assert get().read_bytes() == BODY


def test_a_file_that_changed_meanwhile_starts_again(server: ModelServer, get: Get) -> None:
    server.serve(
        AT_ONE,
        Answer(OTHER, headers={"ETag": '"old"'}, cut_after=90_000),
        Answer(BODY, headers={"ETag": '"new"'}),
    )
    assert get().read_bytes() == BODY
    assert len(server.asked) == 3


def test_a_piece_that_is_too_long_starts_again(server: ModelServer, get: Get) -> None:
    models_folder().mkdir(parents=True)
    (models_folder() / f"{NAME}.part").write_bytes(BODY + b"too much")
    server.serve(AT_ONE, Answer(BODY))
    assert get().read_bytes() == BODY
    assert "range" not in server.asked[-1].headers


def test_a_piece_of_another_file_starts_again(server: ModelServer, get: Get) -> None:
    models_folder().mkdir(parents=True)
    (models_folder() / f"{NAME}.part").write_bytes(OTHER[:100_000])
    server.serve(AT_ONE, Answer(BODY))
    server.serve(AT_TWO, Answer(BODY))
    assert get().read_bytes() == BODY


def test_a_piece_that_is_whole_is_not_asked_for(server: ModelServer, get: Get) -> None:
    models_folder().mkdir(parents=True)
    (models_folder() / f"{NAME}.part").write_bytes(BODY)
    assert get().read_bytes() == BODY
    assert server.asked == []


def test_a_wrong_piece_in_answer_is_not_appended(server: ModelServer, get: Get) -> None:
    odd = {"Content-Range": "bytes 5-9/200000"}
    server.serve(
        AT_ONE,
        Answer(BODY, cut_after=90_000),
        Answer(BODY, status=206, headers=odd),
        Answer(BODY),
    )
    assert get().read_bytes() == BODY


def test_a_stalled_download_is_taken_up_again(server: ModelServer, get: Get) -> None:
    server.serve(AT_ONE, Answer(BODY, stall_after=100_000), Answer(BODY))
    assert get().read_bytes() == BODY
    assert "range" in server.asked[-1].headers


def test_a_line_that_always_breaks_but_gets_further_gets_there(
    server: ModelServer, get: Get
) -> None:
    server.serve(AT_ONE, *[Answer(BODY, cut_after=40_000)] * 9)
    assert get(FetchSettings(tries=2, headway=1, backoff_s=0.001)).read_bytes() == BODY
    assert len(server.asked) > 4


def test_a_line_that_always_breaks_at_the_start_is_given_up(server: ModelServer, get: Get) -> None:
    server.serve(AT_ONE, Answer(BODY, ranges=False, cut_after=40_000))
    with pytest.raises(ModelError, match="broke the download off") as caught:
        get()
    assert caught.value.code == "model_unavailable"
    assert not caught.value.permanent
    assert NAME not in left_over()
    assert len([a for a in server.asked if a.target == AT_ONE]) == QUICK.tries


def test_a_length_that_is_absent_does_no_harm(server: ModelServer, get: Get) -> None:
    server.serve(AT_ONE, Answer(BODY, length=-1))
    assert get().read_bytes() == BODY


def test_a_length_that_is_too_high_is_a_broken_download(server: ModelServer, get: Get) -> None:
    server.serve(AT_ONE, Answer(BODY, length=300_000))
    with pytest.raises(ModelError, match="broke the download off"):
        get()
    assert NAME not in left_over()


def test_a_length_that_is_too_low_is_found_out(server: ModelServer, get: Get) -> None:
    server.serve(AT_ONE, Answer(BODY, length=100_000), Answer(BODY))
    server.serve(AT_TWO, Answer(BODY))
    assert get().read_bytes() == BODY


# Wrong files.


def test_a_wrong_file_is_tried_once_more_elsewhere(server: ModelServer, get: Get) -> None:
    server.serve(AT_ONE, Answer(OTHER))
    server.serve(AT_TWO, Answer(BODY))
    assert get().read_bytes() == BODY
    assert "range" not in server.asked[-1].headers


def test_a_file_that_is_wrong_twice_is_refused(server: ModelServer, get: Get) -> None:
    server.serve(AT_ONE, Answer(b"<html>Please log in</html>"))
    server.serve(AT_TWO, Answer(OTHER))
    with pytest.raises(ModelError) as caught:
        get()
    assert caught.value.code == "model_corrupt"
    assert caught.value.permanent
    assert f"{blob_id(BODY)} expected, {blob_id(OTHER)} found" in str(caught.value)
    assert NAME not in left_over()
    assert f"{NAME}.part" not in left_over()


def test_a_single_address_is_asked_twice_before_its_file_is_refused(server: ModelServer) -> None:
    alone = PublishedFile(NAME, "torch", TINY.git_blob, TINY.sources[:1])
    server.serve(f"/{NAME}", Answer(status=404))
    server.serve(AT_ONE, Answer(OTHER), Answer(BODY))
    assert fetch(alone, mirror=server.url, settings=QUICK).read_bytes() == BODY


def test_a_response_that_claims_too_much_is_refused(server: ModelServer, get: Get) -> None:
    server.serve(AT_ONE, Answer(BODY, length=201_000_000))
    with pytest.raises(ModelError, match="sends more than 200 MB"):
        get()
    assert left_over() == []


def test_a_response_that_sends_too_much_is_refused(server: ModelServer, get: Get) -> None:
    server.serve(AT_ONE, Answer(BODY, length=-1))
    with pytest.raises(ModelError, match=r"sends more than 0\.15 MB"):
        get(FetchSettings(size_limit=150_000))
    assert NAME not in left_over()
    assert sum(p.stat().st_size for p in models_folder().glob("*.part")) == 0


# Answers that are not the file.


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_server_is_asked_again(status: int, server: ModelServer, get: Get) -> None:
    server.serve(AT_ONE, Answer(status=status), Answer(status=status), Answer(BODY))
    assert get().read_bytes() == BODY


def test_a_server_that_asks_to_wait_gets_its_time(server: ModelServer, get: Get) -> None:
    server.serve(AT_ONE, Answer(status=429, headers={"Retry-After": "1"}), Answer(BODY))
    get()
    assert server.asked[-1].at - server.asked[-2].at >= 1


@pytest.mark.parametrize("when", ["7200", formatdate(time.time() + 7200, usegmt=True)])
def test_nobody_waits_for_hours(when: str, server: ModelServer, get: Get) -> None:
    server.serve(AT_ONE, Answer(status=503, headers={"Retry-After": when}))
    server.serve(AT_TWO, Answer(BODY))
    assert get().read_bytes() == BODY


@pytest.mark.parametrize("when", ["soon", "", "-5"])
def test_a_senseless_time_to_wait_is_passed_over(when: str, server: ModelServer, get: Get) -> None:
    server.serve(AT_ONE, Answer(status=503, headers={"Retry-After": when}), Answer(BODY))
    assert get().read_bytes() == BODY


@pytest.mark.parametrize("status", [403, 404, 410])
def test_a_file_that_is_nowhere_is_told_in_one_sentence(
    status: int, server: ModelServer, get: Get
) -> None:
    for path in (f"/{NAME}", AT_ONE, AT_TWO):
        server.serve(path, Answer(status=status))
    with pytest.raises(ModelError, match=f"tiny.pt cannot be fetched: .* answered {status}") as e:
        get()
    assert "ENGAGEMENT_MODEL_MIRROR" in str(e.value)
    assert str(models_folder()) in str(e.value)
    assert len(server.asked) == 3
    assert left_over() == []


def test_redirects_are_followed(server: ModelServer, get: Get) -> None:
    server.serve(AT_ONE, Answer(status=302, headers={"Location": "/there"}))
    server.serve("/there", Answer(status=307, headers={"Location": f"{server.url}/here"}))
    server.serve("/here", Answer(BODY))
    assert get().read_bytes() == BODY


@pytest.mark.parametrize(
    ("target", "words"),
    [
        (AT_ONE, "redirects more than 5 times"),
        ("file:///etc/passwd", "redirects to a file: address"),
        ("ftp://127.0.0.1/tiny.pt", "redirects to a ftp: address"),
        ("http://[::1/tiny.pt", "redirects to no address"),
        ("http://.x/tiny.pt", r"redirects to \.x, which is no valid address"),
    ],
)
def test_a_redirect_that_leads_nowhere_is_refused(
    target: str, words: str, server: ModelServer, get: Get
) -> None:
    server.serve(AT_ONE, Answer(status=302, headers={"Location": target}))
    with pytest.raises(ModelError, match=words):
        get()
    assert len([a for a in server.asked if a.target == AT_ONE]) <= QUICK.redirects + 1


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate for 127.0.0.1 and its key, signed by nobody."""
    file = tmp_path / "certificate.pem"
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost"
    names = ["-addext", "subjectAltName=IP:127.0.0.1"]
    out = ["-keyout", str(tmp_path / "key"), "-out", str(tmp_path / "crt")]
    try:
        subprocess.run([*command.split(), *names, *out], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"openssl cannot make a certificate: {error}")
    file.write_bytes((tmp_path / "key").read_bytes() + (tmp_path / "crt").read_bytes())
    return file


def test_https_is_never_left_for_http(
    server: ModelServer, certificate: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "crt"))
    server.serve(f"/{NAME}", Answer(BODY))
    secure = ModelServer(certificate)
    secure.serve(f"/{NAME}", Answer(status=302, headers={"Location": f"{server.url}/{NAME}"}))
    try:
        with pytest.raises(ModelError, match="redirects from https to http"):
            fetch(TINY, mirror=secure.url, settings=QUICK)
        assert server.asked == []
        secure.serve(f"/{NAME}", Answer(BODY))
        assert fetch(TINY, mirror=secure.url, settings=QUICK).read_bytes() == BODY
    finally:
        secure.close()


def test_a_certificate_nobody_trusts_is_refused(certificate: Path) -> None:
    secure = ModelServer(certificate)
    secure.serve(f"/{NAME}", Answer(BODY))
    try:
        with pytest.raises(ModelError, match="has a certificate that is not trusted"):
            fetch(TINY, mirror=secure.url, settings=QUICK)
    finally:
        secure.close()


# Several at once.


def test_processes_that_want_the_same_file_share_one_download(server: ModelServer) -> None:
    server.serve(f"/{NAME}", Answer(BODY, pause_s=0.05))
    running = [start_fetching(server) for _ in range(3)]
    printed = {process.communicate(timeout=30)[0].strip() for process in running}
    assert [process.returncode for process in running] == [0, 0, 0]
    assert printed == {str(models_folder() / NAME)}
    assert (models_folder() / NAME).read_bytes() == BODY
    assert len(server.asked) == 1
    assert left_over() == [NAME]


def test_every_error_is_one_of_ours(server: ModelServer, get: Get) -> None:
    """Whatever a server says in its headers, a caller has one family to catch."""
    random_source = random.Random(5)
    values = ["", "0", "-1", "abc", "9" * 30, "bytes 0-/x", "\xe9", "chunked", "gzip", "::", "1.5"]
    names = ["Content-Range", "ETag", "Location", "Retry-After", "Content-Encoding"]
    for _ in range(60):
        headers = {random_source.choice(names): random_source.choice(values) for _ in range(2)}
        status = random_source.choice([200, 200, 206, 301, 304, 416, 429, 500, 999])
        server.serve(AT_ONE, Answer(OTHER[:1000], status=status, headers=headers))
        with pytest.raises(EngagementError):
            get(FetchSettings(tries=1, patience_s=1, read_timeout_s=0.3, longest_wait_s=0))
