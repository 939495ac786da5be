"""One try at receiving one file over HTTP: resumed where possible, bounded in time and size.

Who is asked, how often, and whether what came is right is decided in `engagement.weights.fetch`.
"""

import email.utils
import queue
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
import urllib3.exceptions

from engagement._version import __version__

_CHUNK = 1 << 14  # what is lost at most when a line breaks
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_PARTIAL_CONTENT = 206
_TOO_MANY_REQUESTS = 429
_RANGE_NOT_SATISFIABLE = 416
#: What requests and what lies under it raise for what a network or an address can do.
_NETWORK_ERRORS = (requests.RequestException, urllib3.exceptions.HTTPError, ValueError)
#: Called with the bytes that are here and, where it is known, how many there will be.
OnProgress = Callable[[int, int | None], None]


@dataclass(frozen=True)
class FetchSettings:
    """Patience and limits of a download.

    Attributes:
        connect_timeout_s: for one connection.
        read_timeout_s: the longest silence in the middle of a body.
        patience_s: how long, over all tries and addresses, nobody may answer at all; bounds how
            long it takes to find out that the machine is offline, name look-ups included.
        tries: of one address, as long as they get no further.
        headway: bytes that count as getting further.
        backoff_s: pause after the first failed try; doubles from try to try.
        longest_wait_s: the longest pause, and the longest ``Retry-After`` that is waited for.
        size_limit: bytes; more is refused.
        redirects: how many are followed.
    """

    connect_timeout_s: float = 3.0
    read_timeout_s: float = 20.0
    patience_s: float = 7.0
    tries: int = 3
    headway: int = 1 << 18
    backoff_s: float = 0.5
    longest_wait_s: float = 30.0
    size_limit: int = 200_000_000
    redirects: int = 5


class TransferError(Exception):
    """A try that failed.

    Attributes:
        reason: what the host did, as a predicate: ``answered 503``.
        again: whether the same address is worth another try.
        wait_s: how long the host asks to wait before.
    """

    def __init__(self, reason: str, *, again: bool, wait_s: float = 0.0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.again = again
        self.wait_s = wait_s


@dataclass
class Patience:
    """How long nobody has answered, so that being offline is noticed soon.

    Attributes:
        left_s: what is left of ``FetchSettings.patience_s``.
        silent: whether the last try got no answer of any kind.
    """

    limit_s: float
    spent_s: float = 0.0

    @property
    def left_s(self) -> float:
        return self.limit_s - self.spent_s

    @property
    def silent(self) -> bool:
        return self.spent_s > 0

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Around a question: an answer restores all patience, an error costs the time it took."""
        started = time.monotonic()
        try:
            yield
        except BaseException:
            self.spent_s += time.monotonic() - started
            raise
        self.spent_s = 0.0


def shown(url: str) -> str:
    """An address for messages, without what may be secret in it."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "the address"
    return f"{parts.scheme}://{host}{port}{parts.path}"


def host_of(url: str) -> str:
    """The host of an address for messages."""
    return shown(url).partition("//")[2].partition("/")[0] or "the address"


def receive(
    url: str,
    part: Path,
    *,
    budget_s: float,
    patience: Patience,
    settings: FetchSettings,
    on_progress: OnProgress | None,
) -> None:
    """Write the body of `url` to `part`, after what is there already if the server can do that.

    Args:
        budget_s: how long an answer's beginning may take.

    Raises:
        TransferError: the body did not come whole; `part` keeps what did.
        OSError: `part` cannot be written.
    """
    start = part.stat().st_size if part.exists() else 0
    headers = _headers(url, start, tag_of(part))
    with (
        requests.Session() as session,
        _follow(session, url, headers, budget_s, patience, settings) as response,
    ):
        if response.status_code == _RANGE_NOT_SATISFIABLE and start:
            part.unlink()
            raise TransferError("could not resume the download", again=True)
        _check_status(response, settings)
        if response.status_code != _PARTIAL_CONTENT:
            start = 0
        elif _first_byte(response) != start:
            part.unlink(missing_ok=True)
            raise TransferError("sent another piece than was asked for", again=True)
        _write(response, url, part, start, settings, on_progress)


def _write(
    response: requests.Response,
    url: str,
    part: Path,
    start: int,
    settings: FetchSettings,
    on_progress: OnProgress | None,
) -> None:
    length = response.headers.get("Content-Length", "")
    total = start + int(length) if length.isdecimal() else None
    if total is not None and total > settings.size_limit:
        raise _too_large(settings)
    etag = response.headers.get("ETag", "")
    tag_of(part).write_text(f"{url}\n{etag}", encoding="utf-8")
    done = start
    with part.open("ab" if start else "wb") as file:
        for chunk in _chunks(response):
            done += len(chunk)
            if done > settings.size_limit:
                file.truncate(0)
                raise _too_large(settings)
            file.write(chunk)
            if on_progress is not None:
                on_progress(done, total)
    if total is not None and done < total and "Content-Encoding" not in response.headers:
        raise TransferError("broke the download off", again=True)


def tag_of(part: Path) -> Path:
    """The file that keeps which version of which address `part` is a piece of."""
    return part.with_name(f"{part.name}.tag")


def _headers(url: str, start: int, tag: Path) -> dict[str, str]:
    headers = {
        "User-Agent": f"engagement-analytics/{__version__}",
        # Lengths and ranges are of the file's own bytes only then.
        "Accept-Encoding": "identity",
    }
    if start:
        headers["Range"] = f"bytes={start}-"
        with suppress(OSError, UnicodeError):
            begun_at, _, etag = tag.read_text(encoding="utf-8").partition("\n")
            # Only a strong tag of the same address promises the same bytes. Without one the piece
            # is asked for all the same: the git blob id tells at the end whether it fitted.
            if begun_at == url and re.fullmatch(r'"[\x21\x23-\x7e]*"', etag):
                headers["If-Range"] = etag
    return headers


def _check_status(response: requests.Response, settings: FetchSettings) -> None:
    status = response.status_code
    if status in {200, _PARTIAL_CONTENT}:
        return
    reason = f"answered {status}"
    if status != _TOO_MANY_REQUESTS and status < 500:
        raise TransferError(reason, again=False)
    wait_s = _retry_after_s(response.headers)
    if wait_s > settings.longest_wait_s:
        raise TransferError(f"{reason} and asks to wait for {wait_s:.0f} s", again=False)
    raise TransferError(reason, again=True, wait_s=wait_s)


def _retry_after_s(headers: Mapping[str, str]) -> float:
    """``Retry-After`` in seconds: a number or a date (RFC 9110, 10.2.3); 0 if absent or neither."""
    text = headers.get("Retry-After", "").strip()
    if text.isdecimal():
        return float(text)
    with suppress(ValueError, OverflowError):
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - time.time())
    return 0.0


def _first_byte(response: requests.Response) -> int | None:
    match = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
    return int(match[1]) if match else None


def _too_large(settings: FetchSettings) -> TransferError:
    limit = settings.size_limit / 1e6
    return TransferError(f"sends more than {limit:g} MB, which no model file has", again=False)


def _chunks(response: requests.Response) -> Iterator[bytes]:
    try:
        yield from response.iter_content(_CHUNK)
    except _NETWORK_ERRORS as error:
        raise TransferError("broke the download off", again=True) from error


def _within(budget_s: float, answer: Callable[[], requests.Response]) -> requests.Response:
    """What `answer` returns, or an error if it takes longer.

    In a thread of its own, because the system's name look-up obeys no timeout: on a network that
    leads nowhere it takes half a minute.
    """
    results: queue.SimpleQueue[requests.Response | Exception] = queue.SimpleQueue()

    def run() -> None:
        try:
            results.put(answer())
        except Exception as error:  # noqa: BLE001 - raised again below, by who waits for it
            results.put(error)

    threading.Thread(target=run, daemon=True).start()
    try:
        result = results.get(timeout=budget_s)
    except queue.Empty:
        raise TransferError("does not answer", again=True) from None
    if isinstance(result, Exception):
        raise result
    return result


def _follow(
    session: requests.Session,
    url: str,
    headers: Mapping[str, str],
    budget_s: float,
    patience: Patience,
    settings: FetchSettings,
) -> requests.Response:
    """The answer's beginning, after its redirects."""
    for hop in range(settings.redirects + 1):
        try:
            with patience.waiting():
                response = _within(budget_s, partial(_ask, session, url, headers, settings))
        except TransferError as error:
            reason = f"redirects to {host_of(url)}, which {error.reason}" if hop else error.reason
            raise TransferError(reason, again=error.again) from error
        target = response.headers.get("Location")
        if response.status_code not in _REDIRECTS or target is None:
            return response
        response.close()
        url = _redirected(url, target)
    raise TransferError(f"redirects more than {settings.redirects} times", again=False)


def _ask(
    session: requests.Session, url: str, headers: Mapping[str, str], settings: FetchSettings
) -> requests.Response:
    """One answer's beginning, with the proxies and certificates that the environment names."""
    try:
        request = session.prepare_request(requests.Request("GET", url, headers=headers))
        address = request.url or url
        environment: dict[str, Any] = {
            **session.merge_environment_settings(address, {}, True, None, None)
        }
        # By the adapter itself: a session would follow redirects, or read them whole.
        return session.get_adapter(address).send(
            request, timeout=(settings.connect_timeout_s, settings.read_timeout_s), **environment
        )
    except _NETWORK_ERRORS as error:
        raise _unreachable(error) from error


def _redirected(url: str, target: str) -> str:
    try:
        target = urljoin(url, target)
        before, after = urlsplit(url).scheme, urlsplit(target).scheme
    except ValueError as error:
        raise TransferError("redirects to no address", again=False) from error
    if after not in {"http", "https"}:
        raise TransferError(f"redirects to a {after}: address, which is refused", again=False)
    if before == "https" and after == "http":
        raise TransferError("redirects from https to http, which is refused", again=False)
    return target


def _unreachable(error: Exception) -> TransferError:
    if isinstance(error, requests.exceptions.InvalidProxyURL):
        return TransferError("cannot be reached: the proxy's address is invalid", again=False)
    if isinstance(error, requests.exceptions.InvalidSchema) and "SOCKS" in str(error):
        return TransferError("is behind a SOCKS proxy, for which PySocks is missing", again=False)
    if isinstance(error, ValueError):
        return TransferError("is no valid address", again=False)
    if isinstance(error, requests.exceptions.SSLError):
        return TransferError("has a certificate that is not trusted", again=False)
    cause = _system_error(error)
    suffix = f" ({cause})" if cause else ""
    if isinstance(error, requests.exceptions.ProxyError):
        return TransferError(f"cannot be reached through the proxy{suffix}", again=True)
    if isinstance(error, requests.exceptions.Timeout):
        return TransferError("does not answer", again=True)
    return TransferError(f"cannot be reached{suffix}", again=True)


def _system_error(error: BaseException | None) -> str:
    """What the operating system said, from under the layers of the HTTP library."""
    while error is not None:
        if isinstance(error, OSError) and error.strerror:
            return error.strerror
        error = error.__cause__ or error.__context__
    return ""
