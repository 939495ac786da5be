"""The drawn films of a simulated course: one for each length, which all recordings link to."""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from django.conf import settings

# A program of its own: no web process may load what encodes a film.
_PROGRAM = "engagement.sample.simulated_clip"
#: So many different heads it draws.
HEADS = 6


class ClipError(RuntimeError):
    """The drawn films could not be made; the message says why."""


class Films:
    """Films of these lengths, drawn by a program of their own while rows are written."""

    def __init__(self, lengths_s: Iterable[int]) -> None:
        self.folder = films_dir()
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._sums: dict[Path, str] = {}
        lengths = sorted(set(lengths_s))
        command = [sys.executable, "-m", _PROGRAM, str(self.folder), *map(str, lengths)]
        self._popen = subprocess.Popen(  # noqa: S603  (a program of this package)
            command,
            env=os.environ | {"PYTHONPATH": str(settings.BASE_DIR)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )

    def wait(self) -> None:
        """Returns when they are there."""
        _, said = self._popen.communicate()
        if self._popen.returncode:
            lines = said.decode(errors="replace").strip().splitlines() or ["no reason given"]
            raise ClipError(f"The simulated films could not be drawn: {lines[-1]}")

    def stop(self) -> None:
        """Ends the program if it still runs."""
        with suppress(ProcessLookupError):
            self._popen.kill()
        self._popen.wait()

    def head(self, number: int) -> Path:
        """The picture of a head, one of a few that differ."""
        return self.folder / f"head-{1 + number % HEADS}.jpg"

    def figure(self, number: int) -> Path:
        """The picture that goes with that head: a whole one of the film."""
        return self.folder / f"figure-{1 + number % HEADS}.jpg"

    def of(self, length_s: int) -> Path:
        """The film of that length."""
        return self.folder / f"{length_s}.mp4"

    def sha256(self, film: Path) -> str:
        """The film's checksum."""
        if film not in self._sums:
            self._sums[film] = hashlib.sha256(film.read_bytes()).hexdigest()
        return self._sums[film]


def films_dir() -> Path:
    """Where they lie; recordings have links to them."""
    return Path(settings.DATA_DIR) / "simulated"


def erase() -> None:
    """Removes the films; recordings keep theirs."""
    shutil.rmtree(films_dir(), ignore_errors=True)


def link(film: Path, target: Path) -> None:
    """The film under another name; a copy where the disk knows no links."""
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    target.unlink(missing_ok=True)
    try:
        os.link(film, target)
    except OSError:
        shutil.copyfile(film, target)
