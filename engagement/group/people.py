"""Who was seen in a recording of several people, as a value that can be stored and read again.

The descriptors are biometric data: whoever stores a `People` erases it once it has served.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import cv2
import numpy as np
from numpy.typing import NDArray

from engagement.errors import DataError
from engagement.files import make_out_folder, written_whole
from engagement.report import schema
from engagement.report.people import PeopleFacts, PersonFacts
from engagement.report.sampled import rounded_s
from engagement.types import Face, Floats, Pixels

_FACTS, _ARRAYS = "people.json", "observations.npz"

Times = NDArray[np.float64]


@dataclass(frozen=True)
class Person:
    """One person and every observation of their face, in order of time.

    Attributes:
        id: counted from 1 in a recording.
        descriptor: ``(1024,)`` float32 of unit length, whose face it is.
        times: ``(n,)`` seconds; each is one of the recording's sampled times.
        boxes: ``(n, 4)`` float32 xyxy, pixels of the upright frame.
        landmarks: ``(n, 5, 2)`` float32, as `engagement.types.Face` has them.
        scores: ``(n,)`` float32, the detector's.
        thumbnail: ``(h, w, 3)`` uint8 RGB of the best view.
        name_tag: a name that was read beside the face, None where none was.
    """

    id: int
    descriptor: Floats
    times: Times
    boxes: Floats
    landmarks: Floats
    scores: Floats
    thumbnail: Pixels
    name_tag: schema.NameTag | None = None

    @property
    def first_s(self) -> float:
        return float(self.times[0])

    @property
    def last_s(self) -> float:
        return float(self.times[-1])

    def at(self, t: float) -> int | None:
        """Number of the observation in the frame sampled at `t`, None where there is none."""
        number = int(np.searchsorted(self.times, t))
        return number if number < len(self.times) and self.times[number] == t else None

    def face(self, number: int) -> Face:
        """The face of one observation."""
        return Face(self.boxes[number], self.landmarks[number], float(self.scores[number]))


@dataclass(frozen=True)
class People:
    """Everybody who was told apart in one recording.

    Attributes:
        source: the recording.
        sampling_fps: samples a second that were asked for.
        times: ``(m,)`` seconds of all sampled frames.
        damaged: parts of the video that could not be decoded.
        detector: what found the faces.
        people: in order of their ids.
        stray_times, stray_boxes: ``(k,)`` and ``(k, 4)``: what looks like a face and belongs to no
            person; it is blurred, and never analysed.
        warnings: what a reader should know.
    """

    source: schema.Source
    sampling_fps: float
    times: Times
    damaged: int
    detector: schema.Detector
    people: tuple[Person, ...]
    stray_times: Times
    stray_boxes: Floats
    warnings: tuple[schema.AnalysisWarning, ...] = ()

    def chosen(self, ids: Collection[int]) -> tuple[Person, ...]:
        """The people with these ids, in order.

        Raises:
            DataError: nobody has one of them.
        """
        known = {person.id for person in self.people}
        unknown = sorted(set(ids) - known)
        if unknown:
            raise DataError(
                f"There is no person {unknown[0]} in {self.source.file}; it has "
                f"{_counted(len(known))}.",
                code="no_such_person",
            )
        return tuple(person for person in self.people if person.id in ids)

    def facts(self) -> PeopleFacts:
        """What people.json says."""
        return PeopleFacts(
            source=self.source,
            sampling_fps=self.sampling_fps,
            damaged=self.damaged,
            detector=self.detector,
            people=[
                PersonFacts(
                    id=person.id,
                    first_s=rounded_s(person.first_s),
                    last_s=rounded_s(person.last_s),
                    seen_share=round(len(person.times) / len(self.times), 4),
                    observations=len(person.times),
                    thumbnail=f"person-{person.id}.png",
                    name_tag=person.name_tag,
                )
                for person in self.people
            ],
            warnings=list(self.warnings),
        )

    def save(self, folder: Path | str) -> None:
        """Write people.json, observations.npz and a PNG a person into `folder`, made if absent.

        Raises:
            OutputError: it cannot be written.
        """
        folder = Path(folder)
        make_out_folder(folder)
        facts = self.facts()
        for person, told in zip(self.people, facts.people, strict=True):
            _, png = cv2.imencode(".png", person.thumbnail[:, :, ::-1])
            with written_whole(folder / told.thumbnail) as partial:
                partial.write_bytes(png.tobytes())
        with written_whole(folder / _ARRAYS) as partial, partial.open("wb") as file:
            np.savez_compressed(file, **_packed(self))  # type: ignore[arg-type]
        # Last: where this is, the rest is whole.
        with written_whole(folder / _FACTS) as partial:
            partial.write_text(facts.to_json(), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path | str) -> "People":
        """Read what `save` wrote. Nothing in the folder is executed.

        Raises:
            DataError: it is absent, incomplete or not what `save` writes.
        """
        folder = Path(folder)
        try:
            facts = PeopleFacts.model_validate_json((folder / _FACTS).read_bytes())
            with np.load(folder / _ARRAYS, allow_pickle=False) as arrays:
                return _unpacked(facts, dict(arrays), folder)
        except (OSError, ValueError, KeyError, BadZipFile) as error:
            raise DataError(
                f"{folder} holds no people that can be read. Find them again with "
                "`engagement people`.",
                code="people_unreadable",
            ) from error


def _packed(people: People) -> dict[str, NDArray[Any]]:
    """All observations in one array a kind, person after person."""
    everybody = people.people
    counts = [len(person.times) for person in everybody]

    def joined(arrays: Sequence[NDArray[Any]], shape: tuple[int, ...]) -> NDArray[Any]:
        return np.concatenate(arrays) if arrays else np.zeros((0, *shape), dtype=np.float32)

    return {
        "sampled": people.times,
        "stray_times": people.stray_times,
        "stray_boxes": people.stray_boxes,
        "counts": np.array(counts, dtype=np.int64),
        "descriptors": joined([p.descriptor[None] for p in everybody], (1024,)),
        "times": joined([p.times for p in everybody], ()),
        "boxes": joined([p.boxes for p in everybody], (4,)),
        "landmarks": joined([p.landmarks for p in everybody], (5, 2)),
        "scores": joined([p.scores for p in everybody], ()),
    }


def _unpacked(facts: PeopleFacts, arrays: dict[str, NDArray[Any]], folder: Path) -> People:
    counts = arrays["counts"].tolist()
    if counts != [told.observations for told in facts.people]:
        raise ValueError("the two files are of different recordings")
    edges = np.cumsum(counts)[:-1]
    parts = {
        name: np.split(arrays[name], edges) for name in ("times", "boxes", "landmarks", "scores")
    }
    return People(
        source=facts.source,
        sampling_fps=facts.sampling_fps,
        times=arrays["sampled"],
        damaged=facts.damaged,
        detector=facts.detector,
        people=tuple(
            Person(
                id=told.id,
                descriptor=arrays["descriptors"][i],
                times=parts["times"][i],
                boxes=parts["boxes"][i],
                landmarks=parts["landmarks"][i],
                scores=parts["scores"][i],
                thumbnail=_read_png(folder / f"person-{told.id}.png"),
                name_tag=told.name_tag,
            )
            for i, told in enumerate(facts.people)
        ),
        stray_times=arrays["stray_times"],
        stray_boxes=arrays["stray_boxes"],
        warnings=tuple(facts.warnings),
    )


def _read_png(path: Path) -> Pixels:
    bgr = cv2.imdecode(np.frombuffer(path.read_bytes(), dtype=np.uint8), cv2.IMREAD_COLOR)
    if bgr is None:
        raise ValueError(f"{path} is not a picture")
    return np.ascontiguousarray(bgr[:, :, ::-1], dtype=np.uint8)


def _counted(people: int) -> str:
    if not people:
        return "nobody"
    return "person 1 only" if people == 1 else f"people 1 to {people}"
