"""A real HTTP server on this machine that sends files well or badly, as a test asks it to.

It serves as the code host, as a mirror, and as a proxy (which is asked for whole addresses).
"""

import hashlib
import os
import random
import re
import ssl
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from engagement.weights.cache import models_folder
from engagement.weights.fetch import fetch
from engagement.weights.registry import PublishedFile, Source
from engagement.weights.transfer import FetchSettings

BODY = random.Random(7).randbytes(200_000)
OTHER = random.Random(8).randbytes(200_000)
NAME = "tiny.pt"
AT_ONE, AT_TWO = (f"/{who}/tiny/c0ffee/models/{NAME}" for who in ("one", "two"))
QUICK = FetchSettings(
    connect_timeout_s=1, read_timeout_s=0.3, patience_s=1.0, tries=3, backoff_s=0.01
)


def blob_id(body: bytes) -> str:
    """By git's own recipe, written down once more."""
    return hashlib.sha1(b"blob %d\0" % len(body) + body).hexdigest()  # noqa: S324


TINY = PublishedFile(
    NAME,
    "torch",
    blob_id(BODY),
    tuple(Source(f"{who}/tiny", "c0ffee", f"models/{NAME}") for who in ("one", "two")),
)


@dataclass(frozen=True)
class Answer:
    """How one request is answered.

    Attributes:
        ranges: whether a request for a piece gets just that piece.
        cut_after: close the connection after so many bytes of the body.
        stall_after: send so many bytes of the body and then nothing more.
        length: what Content-Length claims instead of the truth; a negative one leaves it out.
        pause_s: between pieces of the body, so that there is time to meddle.
        silent: accept the request and never answer.
    """

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    ranges: bool = True
    cut_after: int | None = None
    stall_after: int | None = None
    length: int | None = None
    pause_s: float = 0.0
    silent: bool = False


@dataclass(frozen=True)
class Asked:
    """A request that came in."""

    target: str
    headers: Mapping[str, str]
    at: float


class ModelServer:
    """Answers by path; the answers of a path are given in turn, the last one for ever."""

    def __init__(self, certificate: Path | None = None) -> None:
        self.asked: list[Asked] = []
        self._answers: dict[str, list[Answer]] = {}
        self._lock = threading.Lock()
        self.closing = threading.Event()
        owner = self

        class Handler(_Handler):
            server_of_models = owner

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self.scheme = "http"
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self._http.socket = context.wrap_socket(self._http.socket, server_side=True)
            self.scheme = "https"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self._http.server_address[1]}"

    def serve(self, path: str, *answers: Answer) -> None:
        with self._lock:
            self._answers[path] = list(answers)

    def answer_to(self, target: str, headers: Mapping[str, str]) -> Answer:
        path = urlsplit(target).path if "/" in target else target  # host and port of a CONNECT
        with self._lock:
            self.asked.append(Asked(target, headers, time.monotonic()))
            answers = self._answers.get(path, [Answer(b"no such file", status=404)])
            return answers.pop(0) if len(answers) > 1 else answers[0]

    def close(self) -> None:
        self.closing.set()
        self._http.shutdown()
        self._http.server_close()


class _Handler(BaseHTTPRequestHandler):
    server_of_models: ModelServer

    def do_GET(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        answer = self.server_of_models.answer_to(self.path, headers)
        if answer.silent:
            self.server_of_models.closing.wait(30)
            self.close_connection = True
            return
        with suppress(ConnectionError):  # the client may have enough at any time
            self._send(answer, headers)
        self.close_connection = True

    def _send(self, answer: Answer, headers: Mapping[str, str]) -> None:
        status, body, more = answer.status, answer.body, dict(answer.headers)
        wanted = re.fullmatch(r"bytes=(\d+)-", headers.get("range", ""))
        same = headers.get("if-range", more.get("ETag")) == more.get("ETag")
        if status == 200 and answer.ranges and wanted and same:
            start = int(wanted[1])
            if start >= len(body):
                status, more["Content-Range"], body = 416, f"bytes */{len(body)}", b""
            else:
                more["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
                status, body = 206, body[start:]
        length = len(body) if answer.length is None else answer.length
        self.send_response(status)
        if length >= 0:
            more["Content-Length"] = str(length)
        for name, value in more.items():
            self.send_header(name, value)
        self.end_headers()
        end = min(x for x in (len(body), answer.cut_after, answer.stall_after) if x is not None)
        for begin in range(0, end, 1 << 14):
            self.wfile.write(body[begin : min(end, begin + (1 << 14))])
            time.sleep(answer.pause_s)
        if answer.stall_after is not None:
            self.server_of_models.closing.wait(30)

    do_CONNECT = do_GET  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: what was asked is in `ModelServer.asked`."""


Get = Callable[..., Path]


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A home and a cache of the test's own, and no proxy but the test's."""
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.delenv("ENGAGEMENT_MODEL_MIRROR", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("ENGAGEMENT_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def server() -> Iterator[ModelServer]:
    running = ModelServer()
    yield running
    running.close()


@pytest.fixture
def get(server: ModelServer) -> Get:
    """Fetches TINY from the server as from a mirror that has it only by repo and commit."""

    def call(settings: FetchSettings = QUICK) -> Path:
        return fetch(TINY, mirror=server.url, settings=settings)

    return call


def left_over() -> list[str]:
    """What lies in the cache of models, locks apart."""
    return sorted(p.name for p in models_folder().iterdir() if not p.name.startswith("."))


def start_fetching(
    server: ModelServer, before: Callable[[], None] | None = None
) -> subprocess.Popen[str]:
    """Fetch TINY in another process, which prints the path or our error."""
    code = f"""
        from engagement.errors import EngagementError
        from engagement.weights.fetch import fetch
        from engagement.weights.registry import PublishedFile, Source
        try:
            print(fetch({TINY!r}, mirror={server.url!r}))
        except EngagementError as error:
            print(error)
    """
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)],
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=before,
    )
