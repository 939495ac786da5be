"""Names beside the faces, read by the tesseract program where it is installed.

Meeting programs write a name at the lower left of each tile. Some whole frames are read; a line of
text belongs to the face that it is nearest to at the lower left, and what a person's frames agree
on is a suggestion: a name is what somebody typed, and text in a picture may be anything.
"""

import os
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from engagement.report.schema import NameTag
from engagement.types import Face, Frame, Pixels

# Frames are kept this far apart at first; when there are too many, every other one is let go and
# the distance doubled, so that they are spread over recordings of any length.
_EVERY_S, _MOST_LOOKS = 1.0, 16
# Tesseract reads letters best at about thirty pixels; a tile's are about twelve.
_ENLARGED, _LONGEST_PX = 3.0, 3840
_LEAST_CONFIDENCE = 55.0
# Words further apart than this, in heights of a word, are not one name.
_WORD_GAP = 1.2
# How far from its face a tag may be, in sides of the face: to the left of the middle, below it.
_ASIDE, _BELOW = 6.0, 4.0
# Readings that are this alike are one name with an error in it.
_SAME_NAME = 0.8
_LEAST_READINGS, _LEAST_SHARE = 2, 0.4
_TIMEOUT_S = 60
# Two letters or more, and nothing that no name has.
_NAME = re.compile(r"[^\W\d_][\w .,'()\-]{0,38}[\w.)]")
_FAR = 1e6


@dataclass(frozen=True)
class Look:
    """A frame to read, ``(h, w)`` grey, and whose faces are in it."""

    t: float
    grey: Pixels
    faces: Sequence[Face]
    tracklets: Sequence[int]


@dataclass(frozen=True)
class Line:
    """A line of text that may be a name: where it is, and how sure tesseract is (0..100)."""

    text: str
    left: float
    top: float
    sure: float


@dataclass
class _Word:
    text: str
    left: float
    top: float
    width: float
    height: float
    sure: float


def tesseract() -> str | None:
    """The program's path, None where it is not installed."""
    return shutil.which("tesseract")


@dataclass
class LookCollector:
    """Keeps a few frames with faces, spread over the recording."""

    looks: list[Look] = field(default_factory=list)
    _every_s: float = _EVERY_S

    def take(self, frame: Frame, faces: Sequence[Face], tracklets: Sequence[int]) -> None:
        """See the next frame; `tracklets` has the number of each face."""
        if not faces or (self.looks and frame.t - self.looks[-1].t < self._every_s):
            return
        grey = np.asarray(cv2.cvtColor(frame.rgb, cv2.COLOR_RGB2GRAY), dtype=np.uint8)
        self.looks.append(Look(frame.t, grey, tuple(faces), tuple(tracklets)))
        if len(self.looks) > _MOST_LOOKS:
            self.looks = self.looks[::2]
            self._every_s *= 2


def read_names(
    program: str, looks: Sequence[Look], person_of: Mapping[int, int]
) -> dict[int, NameTag]:
    """Names of those people on whose name their frames agree.

    Args:
        person_of: a person's id for the number of each of their tracklets; others are nobody.
    """
    readings: dict[int, list[Line]] = {}
    frames: dict[int, int] = {}
    for look in looks:
        seen = [
            (person_of[number], face)
            for number, face in zip(look.tracklets, look.faces, strict=True)
            if number in person_of
        ]
        lines = list(_lines(program, look.grey))
        for person, _ in seen:
            frames[person] = frames.get(person, 0) + 1
        for i, line in _nearest(lines, [face for _, face in seen]):
            readings.setdefault(seen[i][0], []).append(line)
    tags = {person: _agreed(lines, frames[person]) for person, lines in readings.items()}
    return {person: tag for person, tag in tags.items() if tag is not None}


def _agreed(readings: Sequence[Line], frames: int) -> NameTag | None:
    """The name on which enough of a person's frames agree."""
    agreeing = max(
        ([other for other in readings if _alike(one.text, other.text)] for one in readings),
        key=len,
    )
    share = len(agreeing) / frames
    if len(agreeing) < _LEAST_READINGS or share < _LEAST_SHARE:
        return None
    # Words get lost more often than made up: the longest that was read twice, else what
    # tesseract is surest of.
    counts = Counter(line.text for line in agreeing)
    twice = [text for text, count in counts.items() if count >= _LEAST_READINGS]
    surest = max(agreeing, key=lambda line: line.sure).text
    return NameTag(text=max(twice, key=len, default=surest), share=round(share, 4))


def _alike(a: str, b: str) -> bool:
    if a.split()[0] == b.split()[0] and (a in b or b in a):
        return True
    return SequenceMatcher(None, a.casefold(), b.casefold()).ratio() >= _SAME_NAME


def _nearest(lines: Sequence[Line], faces: Sequence[Face]) -> Iterator[tuple[int, Line]]:
    """Each face's line, with the face's index: each line to one face, the nearest at the right."""
    if not lines or not faces:
        return
    distance = np.array([[_distance(face, line) for line in lines] for face in faces])
    for i, j in zip(*linear_sum_assignment(distance), strict=True):
        if distance[i, j] < _FAR:
            yield int(i), lines[j]


def _distance(face: Face, line: Line) -> float:
    """From the face's middle to the line's start, in pixels; far where it is not below or left."""
    x, y = (float(v) for v in (face.xyxy[:2] + face.xyxy[2:]) / 2)
    side = float((face.xyxy[2:] - face.xyxy[:2]).max())
    aside, below = x - line.left, line.top - y
    inside = 0 <= aside <= _ASIDE * side and side / 4 <= below <= _BELOW * side
    return aside + below if inside else _FAR


def _lines(program: str, grey: Pixels) -> Iterator[Line]:
    """Lines in a picture that may be names."""
    scale = min(_ENLARGED, _LONGEST_PX / max(grey.shape))
    large = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    for words in _words(program, large):
        first = words[0]
        text = " ".join(word.text for word in words).strip(" .,'-")
        if _NAME.fullmatch(text):
            sure = float(np.mean([word.sure for word in words]))
            yield Line(text, first.left / scale, first.top / scale, sure)


def _words(program: str, grey: NDArray[np.uint8]) -> Iterator[list[_Word]]:
    """Words that stand together on a line."""
    lines: dict[tuple[str, ...], list[_Word]] = {}
    for row in _tesseract(program, grey).splitlines()[1:]:
        cells = row.split("\t")
        if len(cells) == 12 and cells[11].strip() and float(cells[10]) >= _LEAST_CONFIDENCE:
            left, top, width, height = (float(cell) for cell in cells[6:10])
            word = _Word(cells[11].strip(), left, top, width, height, float(cells[10]))
            lines.setdefault(tuple(cells[2:5]), []).append(word)
    for words in lines.values():
        together = [words[0]]
        for word in words[1:]:
            last = together[-1]
            if word.left - last.left - last.width > _WORD_GAP * last.height:
                yield together
                together = []
            together.append(word)
        yield together


def _tesseract(program: str, grey: NDArray[np.uint8]) -> str:
    """Tesseract's table of words, empty where it fails: a tag that cannot be read is no tag."""
    _, png = cv2.imencode(".png", grey)
    try:
        done = subprocess.run(  # noqa: S603  # its own path, fixed arguments, a picture of ours
            [program, "stdin", "stdout", "--psm", "12", "tsv"],
            input=png.tobytes(),
            capture_output=True,
            timeout=_TIMEOUT_S,
            check=False,
            env={**os.environ, "OMP_THREAD_LIMIT": "1"},
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else ""
