"""Observations on disk while a recording is analysed, so that memory does not grow with its length.

Small values lie in one file of fixed records, embeddings in another, the times of all frames that
were looked at in a third. Numbers come back bit for bit. What comes back is a sequence of
observations that are made when they are asked for; an embedding is read when it is asked for.
"""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any, overload

import numpy as np
from numpy.typing import NDArray

from engagement.errors import OutputError
from engagement.types import Expression, Face, Floats, Observation

_VALUES, _EMBEDDINGS, _TIMES, _PASSED = "values", "embeddings", "times", "passed"
#: Names of a log's files.
FILES = (_VALUES, _EMBEDDINGS, _TIMES, _PASSED)
Rows = NDArray[Any]


class LoggedExpression(Expression):
    """An expression whose embedding lies on disk."""

    __slots__ = ("_embeddings", "_row")
    _embeddings: "_Embeddings"
    _row: int

    def __init__(self, values: Any, embeddings: "_Embeddings", row: int) -> None:
        for name, value in (
            ("probabilities", values["probabilities"]),
            ("valence", float(values["valence"])),
            ("arousal", float(values["arousal"])),
            ("_embeddings", embeddings),
            ("_row", row),
        ):
            object.__setattr__(self, name, value)

    @property
    def embedding(self) -> Floats:
        """``(d,)``, read anew every time."""
        return self._embeddings.read(self._row)


class _Embeddings:
    """Rows of float32 in a file that stays open, whatever becomes of its name."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self.size = 0

    def read(self, row: int) -> Floats:
        length = 4 * self.size
        self.file.seek(row * length)
        return np.frombuffer(self.file.read(length), np.float32)


class LoggedObservations(Sequence[Observation]):
    """Observations of a log, in any order, some of them perhaps left out.

    Args:
        rows: their records, each with the number of its embedding.
    """

    def __init__(self, rows: Rows, embeddings: _Embeddings) -> None:
        self._rows = rows
        self._embeddings = embeddings

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, index: int) -> Observation: ...
    @overload
    def __getitem__(self, index: slice) -> "LoggedObservations": ...
    def __getitem__(self, index: int | slice) -> "Observation | LoggedObservations":
        if isinstance(index, slice):
            return LoggedObservations(self._rows[index], self._embeddings)
        return self._made(self._rows[index])

    def __iter__(self) -> Iterator[Observation]:
        return map(self._made, self._rows)

    def _made(self, row: Any) -> Observation:
        return Observation(
            int(row["track_id"]),
            float(row["t"]),
            Face(row["xyxy"], row["landmarks"], float(row["score"])),
            LoggedExpression(row, self._embeddings, int(row["row"])),
            float(row["yaw"]),
            float(row["pitch"]),
        )


class ObservationLog:
    """Takes observations as they are made, in order of time.

    Args:
        folder: where its files lie; None for files without a name, which are gone with the
            process. Of a folder's files `keep` says how much counts.

    Raises:
        OutputError: the files cannot be made.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._files = {name: _opened(folder, name) for name in FILES}
        self._embeddings = _Embeddings(self._files[_EMBEDDINGS])
        self._record: np.dtype[Any] | None = None
        self.observations = self.times = self.passed = 0

    def keep(
        self, observations: int, times: int, classes: int, embedding_size: int, passed: int = 0
    ) -> None:
        """Go on behind what an earlier run wrote: so much of it counts.

        Raises:
            OutputError: the files hold less.
        """
        if observations:
            self._begin(classes, embedding_size)
        sizes = {
            _VALUES: observations * (self._record.itemsize if self._record else 0),
            _EMBEDDINGS: observations * 4 * embedding_size,
            _TIMES: times * 8,
            _PASSED: passed * 8,
        }
        for name, size in sizes.items():
            if self._files[name].seek(0, os.SEEK_END) < size:
                raise OutputError("What an earlier run kept is incomplete.")
            self._files[name].truncate(size)
        self.observations, self.times, self.passed = observations, times, passed

    @property
    def shape(self) -> tuple[int, int]:
        """Numbers of classes and of an embedding; zeros before the first observation."""
        if self._record is None:
            return 0, 0
        return self._record["probabilities"].shape[0], self._embeddings.size

    def append(
        self,
        observations: Sequence[Observation],
        times: Sequence[float],
        passed: Sequence[float] = (),
    ) -> None:
        """Add what was observed, and the times of frames: looked at, and passed over.

        Raises:
            OutputError: the disk is full, for example.
        """
        written = {
            _TIMES: np.array(times, "<f8").tobytes(),
            _PASSED: np.array(passed, "<f8").tobytes(),
        }
        if observations:
            first = observations[0].expression
            if self._record is None:
                self._begin(first.probabilities.size, first.embedding.size)
            written |= {
                _VALUES: self._values(observations).tobytes(),
                _EMBEDDINGS: np.array(
                    [o.expression.embedding for o in observations], "<f4"
                ).tobytes(),
            }
        try:
            for name, data in written.items():
                self._files[name].seek(0, os.SEEK_END)
                self._files[name].write(data)
        except OSError as error:
            raise _unwritable(error) from error
        self.observations += len(observations)
        self.times += len(times)
        self.passed += len(passed)

    def flush(self) -> None:
        """Have everything on the disk.

        Raises:
            OutputError: the disk is full, for example.
        """
        try:
            for file in self._files.values():
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise _unwritable(error) from error

    def read_times(self) -> NDArray[np.float64]:
        """``(m,)`` times of all frames that were looked at."""
        return np.frombuffer(_whole(self._files[_TIMES]), "<f8")

    def read_passed(self) -> NDArray[np.float64]:
        """``(k,)`` times of all frames that adaptive sampling passed over."""
        return np.frombuffer(_whole(self._files[_PASSED]), "<f8")

    def read_rows(self) -> Rows:
        """``(n,)`` records of all observations, in the order in which they came."""
        if self._record is None:
            return np.empty(0, _record(0))
        return np.frombuffer(_whole(self._files[_VALUES]), self._record)

    def sequence(self, rows: Rows) -> LoggedObservations:
        """Records, perhaps chosen, changed and put in order, as observations."""
        return LoggedObservations(rows, self._embeddings)

    def _begin(self, classes: int, embedding_size: int) -> None:
        self._record = _record(classes)
        self._embeddings.size = embedding_size

    def _values(self, observations: Sequence[Observation]) -> Rows:
        rows = np.zeros(len(observations), self._record)
        for number, (row, o) in enumerate(zip(rows, observations, strict=True)):
            row["row"] = self.observations + number
            row["track_id"], row["t"] = o.track_id, o.t
            row["xyxy"], row["landmarks"] = o.face.xyxy, o.face.landmarks
            row["score"] = o.face.score
            row["probabilities"] = o.expression.probabilities
            row["valence"], row["arousal"] = o.expression.valence, o.expression.arousal
            row["yaw"], row["pitch"] = o.yaw, o.pitch
        return rows


def _record(classes: int) -> "np.dtype[Any]":
    return np.dtype(
        [
            ("row", "<i8"),
            ("track_id", "<i4"),
            ("t", "<f8"),
            ("xyxy", "<f4", 4),
            ("landmarks", "<f4", (5, 2)),
            ("score", "<f8"),
            ("probabilities", "<f4", (classes,)),
            ("valence", "<f8"),
            ("arousal", "<f8"),
            ("yaw", "<f8"),
            ("pitch", "<f8"),
        ]
    )


def _opened(folder: Path | None, name: str) -> IO[bytes]:
    try:
        if folder is None:
            return TemporaryFile()
        path = folder / name
        path.touch()
        return path.open("r+b")
    except OSError as error:
        raise _unwritable(error) from error


def _whole(file: IO[bytes]) -> bytes:
    file.seek(0)
    return file.read()


def _unwritable(error: OSError) -> OutputError:
    return OutputError(
        f"What the analysis found so far cannot be kept ({error.strerror or error}). Make room, or "
        "name another folder for temporary files (TMPDIR)."
    )
