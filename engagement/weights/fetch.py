"""Fetching published model files: over bad networks, from mirrors, or not at all; never wrongly.

A file takes its name in the cache only when its git blob id is the published one. Until then it is
``<name>.part``, which a later try goes on with. Whatever ends badly ends with one sentence.
"""

import logging
import os
import random
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from engagement.errors import ModelError, OutputError
from engagement.weights.cache import (
    CACHE_VARIABLE,
    find_file,
    git_blob_id,
    make_folder,
    models_folder,
)
from engagement.weights.registry import MODELS, PublishedFile
from engagement.weights.transfer import (
    FetchSettings,
    OnProgress,
    Patience,
    TransferError,
    host_of,
    receive,
    shown,
    tag_of,
)

logger = logging.getLogger(__name__)

MIRROR_VARIABLE = "ENGAGEMENT_MODEL_MIRROR"
DEFAULT_SETTINGS = FetchSettings()


class UnavailableError(ModelError):
    """A model file cannot be had just now; the network or the mirror may be better later."""

    code = "model_unavailable"
    permanent = False


def fetch(
    file: PublishedFile,
    *,
    on_progress: OnProgress | None = None,
    mirror: str | None = None,
    settings: FetchSettings = DEFAULT_SETTINGS,
) -> Path:
    """The file on this machine, fetched if it is not here yet; several processes may ask at once.

    Args:
        on_progress: told of every piece that arrives.
        mirror: an http(s) address that has the files under their names, or under
            ``repo/commit/path``, or a folder that has them under their names. Only the mirror is
            asked then. Without, ``ENGAGEMENT_MODEL_MIRROR`` is looked at.

    Raises:
        ModelError: ``model_unavailable`` (not permanent) when nobody sends it, ``model_corrupt``
            when what is sent is twice not the published file.
        OutputError: the cache cannot be written.
    """
    present = find_file(file)
    if present is not None:
        return present
    mirror = mirror or os.environ.get(MIRROR_VARIABLE) or None
    folder = make_folder(models_folder())
    path, part = folder / file.name, folder / f"{file.name}.part"
    with _written(file, folder), _locked(folder / f".{file.name}.lock"):
        if _is_right(path, file):  # another process was faster
            return path
        if mirror is not None and not mirror.lower().startswith(("http://", "https://")):
            _copy(file, mirror, part)
        else:
            _download(file, _addresses(file, mirror), part, on_progress, settings)
        part.replace(path)
    tag_of(part).unlink(missing_ok=True)
    return path


def _addresses(file: PublishedFile, mirror: str | None) -> list[str]:
    if mirror is None:
        return [source.url for source in file.sources]
    base = mirror.rstrip("/")
    places = (f"{source.repo}/{source.commit}/{source.path}" for source in file.sources)
    return [f"{base}/{file.name}", *(f"{base}/{place}" for place in places)]


def _is_right(path: Path, file: PublishedFile) -> bool:
    with suppress(OSError):
        return path.is_file() and git_blob_id(path) == file.git_blob
    return False


@contextmanager
def _written(file: PublishedFile, folder: Path) -> Iterator[None]:
    """Turn a full disk and its like into one sentence."""
    try:
        yield
    except OSError as error:
        raise OutputError(
            f"{file.name} cannot be written to {folder} ({error.strerror or error}). Make room "
            f"there, or set {CACHE_VARIABLE} to another folder."
        ) from error


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """One process at a time; the others wait, and find the file there.

    Where the system or the file system knows no such locks, whoever writes last is checked like
    the first: the worst is that both fetch.
    """
    with path.open("w") as file:
        with suppress(ImportError, OSError):
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _copy(file: PublishedFile, mirror: str, part: Path) -> None:
    """Take the file from a mirror that is a folder."""
    source = Path(mirror).expanduser() / file.name
    try:
        if not source.is_file():
            raise UnavailableError(
                f"{_title(file)} is not in the mirror: there is no file {source}. Put it there, or "
                f"correct {MIRROR_VARIABLE}."
            )
        opened = source.open("rb")
    except OSError as error:
        raise UnavailableError(
            f"{_title(file)} cannot be read from the mirror {mirror} ({error.strerror}). "
            f"Correct {MIRROR_VARIABLE}, or the folder's permissions."
        ) from error
    with opened, part.open("wb") as out:
        shutil.copyfileobj(opened, out, 1 << 20)
    found = git_blob_id(part)
    if found != file.git_blob:
        part.unlink()
        raise _corrupt(file, str(source), found)


def _download(
    file: PublishedFile,
    urls: list[str],
    part: Path,
    on_progress: OnProgress | None,
    settings: FetchSettings,
) -> None:
    """Fill `part` with the published bytes, from the first address that has them."""
    patience = Patience(settings.patience_s)
    failures: list[str] = []
    wrong: ModelError | None = None
    waiting = list(urls)
    while waiting and patience.left_s > 0:
        url = waiting.pop(0)
        try:
            _fill(file, url, part, bool(waiting), patience, settings, on_progress)
        except TransferError as error:
            logger.info("%s from %s: it %s", file.name, shown(url), error.reason)
            failures.append(f"{host_of(url)} {error.reason}")
            continue
        found = git_blob_id(part)
        if found == file.git_blob:
            return
        part.unlink()
        if wrong is not None:
            raise _corrupt(file, shown(url), found)
        wrong = _corrupt(file, shown(url), found)
        # Once more, from the start: by the next address, or the same if there is no other.
        waiting = waiting or [url]
    raise wrong or UnavailableError(
        f"{_title(file)} cannot be fetched: {'; '.join(dict.fromkeys(failures))}. Connect to the "
        f"network, set {MIRROR_VARIABLE} to a mirror's address or a folder, or copy the file into "
        f"{part.parent}."
    )


def _fill(
    file: PublishedFile,
    url: str,
    part: Path,
    others: bool,
    patience: Patience,
    settings: FetchSettings,
    on_progress: OnProgress | None,
) -> None:
    """Receive one address's body, in as many tries as the settings allow.

    A try that got further than any before it starts the counting anew: a line that breaks every
    few megabytes still gets there. An address that does not answer is left at once for `others`,
    with some patience to spare for them.
    """
    furthest, tries = _size(part), 0
    while not _is_right(part, file):
        budget_s = patience.left_s / 2 if others else patience.left_s
        try:
            receive(
                url,
                part,
                budget_s=budget_s,
                patience=patience,
                settings=settings,
                on_progress=on_progress,
            )
        except TransferError as error:
            tries += 1
            if _size(part) >= furthest + settings.headway:
                furthest, tries = _size(part), 1
            left_alone = patience.silent and others
            if not error.again or tries >= settings.tries or left_alone:
                raise
            pause_s = _pause_s(error, tries, settings)
            if patience.silent:
                patience.spent_s += pause_s
            if patience.left_s <= 0:
                raise
            time.sleep(pause_s)
        else:
            return


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _pause_s(error: TransferError, tries: int, settings: FetchSettings) -> float:
    """Wait longer each time, and never in step with others; at least as long as the server asks."""
    backoff_s = settings.backoff_s * 2.0 ** (tries - 1) * random.uniform(0.75, 1.25)
    return max(error.wait_s, min(backoff_s, settings.longest_wait_s))


def _title(file: PublishedFile) -> str:
    """The file, and its model's name where the file's own does not tell it."""
    model = next((m.name for m in MODELS.values() if file in m.files), None)
    if model is None or file.name.startswith(f"{model}."):
        return file.name
    return f"{file.name} (the model {model})"


def _corrupt(file: PublishedFile, where: str, found: str) -> ModelError:
    return ModelError(
        f"{_title(file)} was refused: {where} sent another file than the published one (git blob "
        f"id {file.git_blob} expected, {found} found). Try another network, or another mirror.",
        code="model_corrupt",
    )
