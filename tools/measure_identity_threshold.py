"""Measure how alike the descriptors of one person and of two people are, to choose a threshold.

`python tools/measure_identity_threshold.py --person "Anna=a.mp4" --person "Ben=b.mp4" ...
[--strangers FOLDER]`

Every video is shrunk to tiles of several widths, as a gallery view does. Printed, a width:
quantiles of the cosine similarity of one person's successive faces, of all faces of one person's
video, and of two people's; then what each threshold would do: how often a tracklet would break
without need, how often a swap of tiles would go unnoticed, and how alike the means of whole
tracklets are, by which people are joined. --strangers takes a folder (or a .zip) of pictures that
are one cut-out face each, as FER2013 is: many people, one picture of each.
"""

import argparse
import io
import logging
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engagement.faces.detector import DetectorSettings, FaceDetector
from engagement.faces.identity import FaceIdentity
from engagement.types import Face, Floats, Frame
from engagement.video.reader import VideoReader

logger = logging.getLogger("measure_identity_threshold")

THRESHOLDS = (0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65)
QUANTILES = (0.001, 0.01, 0.05, 0.5, 0.95, 0.99, 0.999)
# A tracklet of this many faces stands for what is joined into people.
PIECE = 10


@dataclass(frozen=True)
class Seen:
    """The descriptors ``(n, d)`` of one person at one size, in order of time."""

    name: str
    descriptors: Floats

    def pieces(self) -> Floats:
        """Mean descriptors ``(m, d)`` of successive stretches."""
        cut = [self.descriptors[i : i + PIECE] for i in range(0, len(self.descriptors), PIECE)]
        means = np.stack([part.mean(axis=0) for part in cut])
        return np.asarray(means / np.linalg.norm(means, axis=1, keepdims=True))


def describe_video(paths: Sequence[Path], width: int, fps: float) -> Floats:
    """Descriptors of the largest face of every sampled frame, the videos shrunk to `width`."""
    detector = FaceDetector(DetectorSettings(max_side_px=1280, min_face_share=0.035))
    identity = FaceIdentity()
    found = []
    for path in paths:
        for frame in VideoReader(path, fps):
            small = Frame(frame.t, _shrink(frame.rgb, width))
            [faces] = detector.detect([small])
            if faces:
                found.append(identity.describe(small, faces[:1])[0])
    return np.stack(found)


def _shrink(rgb: NDArray[np.uint8], width: int) -> NDArray[np.uint8]:
    size = (width, round(rgb.shape[0] * width / rgb.shape[1]))
    return np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def describe_strangers(place: Path, count: int) -> Floats:
    """Descriptors of up to `count` cut-out faces, spread over all that are there."""
    identity = FaceIdentity()
    found = []
    for rgb in _pictures(place, count):
        side = min(rgb.shape[:2])
        edge = side * (1 - 1 / 1.3) / 2  # the descriptor's crop is then the whole picture
        box = np.array([edge, edge, side - edge, side - edge], dtype=np.float32)
        level = np.array([[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.35, 0.8], [0.65, 0.8]]) * side
        face = Face(box, level.astype(np.float32), 1.0)
        found.append(identity.describe(Frame(0.0, rgb), [face])[0])
    return np.stack(found)


def _pictures(place: Path, count: int) -> Iterator[NDArray[np.uint8]]:
    endings = {".png", ".jpg", ".jpeg"}
    if place.is_dir():
        files = sorted(p for p in place.rglob("*") if p.suffix.lower() in endings)
        for file in files[:: max(1, len(files) // count)][:count]:
            yield np.asarray(Image.open(file).convert("RGB"))
        return
    with zipfile.ZipFile(place) as archive:
        names = sorted(n for n in archive.namelist() if Path(n).suffix.lower() in endings)
        for name in names[:: max(1, len(names) // count)][:count]:
            yield np.asarray(Image.open(io.BytesIO(archive.read(name))).convert("RGB"))


def _apart(descriptors: Floats) -> Floats:
    """Similarities of all pairs."""
    return np.asarray((descriptors @ descriptors.T)[np.triu_indices(len(descriptors), k=1)])


def _quantiles(name: str, values: Floats) -> str:
    figures = "  ".join(f"{np.quantile(values, q):6.3f}" for q in QUANTILES)
    return f"  {name:<34} {len(values):>8} pairs  {figures}"


def report(width: int, people: Sequence[Seen]) -> None:
    """Print what was measured at one width."""
    successive = np.concatenate(
        [(p.descriptors[1:] * p.descriptors[:-1]).sum(axis=1) for p in people]
    )
    pairs = list(combinations(people, 2))
    two = np.concatenate([(a.descriptors @ b.descriptors.T).ravel() for a, b in pairs])
    pieces = {p.name: p.pieces() for p in people}
    logger.info("\ntiles of %d px; quantiles %s", width, QUANTILES)
    for person in people:
        logger.info("  %s: %d faces", person.name, len(person.descriptors))
    logger.info(_quantiles("one person, successive", successive))
    logger.info(
        _quantiles(
            "one person, whole video", np.concatenate([_apart(p.descriptors) for p in people])
        )
    )
    logger.info(_quantiles("two people", two))
    one_pieces = np.concatenate([_apart(p) for p in pieces.values()])
    two_pieces = np.concatenate([(pieces[a.name] @ pieces[b.name].T).ravel() for a, b in pairs])
    logger.info(_quantiles(f"one person, means of {PIECE}", one_pieces))
    logger.info(_quantiles(f"two people, means of {PIECE}", two_pieces))
    logger.info("  threshold: breaks without need / swaps unnoticed / pieces kept apart / joined")
    for threshold in THRESHOLDS:
        logger.info(
            "    %.2f: %6.2f %%  %6.2f %%  %6.2f %%  %6.2f %%",
            threshold,
            100 * float((successive < threshold).mean()),
            100 * float((two >= threshold).mean()),
            100 * float((one_pieces < threshold).mean()),
            100 * float((two_pieces >= threshold).mean()),
        )


def main() -> None:
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--person", action="append", required=True, metavar="NAME=VIDEO")
    parser.add_argument("--widths", type=int, nargs="+", default=[640, 320, 240, 160])
    parser.add_argument("--fps", type=float, default=5.0)
    parser.add_argument("--strangers", type=Path, metavar="FOLDER")
    parser.add_argument("--strangers-count", type=int, default=1000)
    arguments = parser.parse_args()
    videos: dict[str, list[Path]] = {}
    for pair in arguments.person:
        name, _, path = pair.partition("=")
        videos.setdefault(name, []).append(Path(path))
    for width in arguments.widths:
        seen = [Seen(n, describe_video(p, width, arguments.fps)) for n, p in videos.items()]
        report(width, seen)
    if arguments.strangers:
        similarity = _apart(describe_strangers(arguments.strangers, arguments.strangers_count))
        logger.info("\nstrangers; quantiles %s", QUANTILES)
        logger.info(_quantiles("two pictures", similarity))
        for threshold in THRESHOLDS:
            share = 100 * float((similarity >= threshold).mean())
            logger.info("    %.2f: %6.2f %% of pairs would be joined", threshold, share)


if __name__ == "__main__":
    main()
