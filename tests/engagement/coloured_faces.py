"""Pictures whose class is a colour and a pattern: a training that works must tell them apart."""

import os
import signal
from pathlib import Path

import numpy as np
from PIL import Image
from torch.utils.data import get_worker_info

from engagement.datasets.labelled_faces import FaceRows, LabelledFaces

COLOURS = (
    (255, 60, 60),
    (60, 255, 60),
    (60, 60, 255),
    (255, 255, 60),
    (255, 60, 255),
    (60, 255, 255),
    (255, 255, 255),
    (120, 120, 120),
)


class DeadlyFaces(LabelledFaces):
    """Ends the worker that reads one, as a system does that is short of memory."""

    def read(self, index: int) -> np.ndarray:
        if get_worker_info():
            os.kill(os.getpid(), signal.SIGKILL)
        return super().read(index)


def coloured(place: int, dice: np.random.Generator, side: int = 48) -> np.ndarray:
    """Stripes in the direction and the colour of the class, moved at random, with noise."""
    y, x = np.mgrid[:side, :side]
    across = (x, y, x + y, x - y)[place % 4]
    wave = 0.5 + 0.5 * np.sin(across / (2 + place // 4) + dice.uniform(0, 6))
    image = wave[..., None] * COLOURS[place] + dice.normal(0, 12, (side, side, 3))
    return np.clip(image, 0, 255).astype(np.uint8)


def write_faces(root: Path, names: tuple[str, ...], count: int, seed: int = 0) -> None:
    """``root/<name>/<number>.png``, `count` a name."""
    dice = np.random.default_rng(seed)
    for place, name in enumerate(names):
        (root / name).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            Image.fromarray(coloured(place, dice)).save(root / name / f"{number:03}.png")


def listed(root: Path, classes: tuple[str, ...], *, affect: bool = False) -> LabelledFaces:
    """The pictures below `root`; with `affect`, valence and arousal follow from the class.

    Every fourth picture has neither.
    """
    rows = FaceRows()
    for label, name in enumerate(classes):
        for number, path in enumerate(sorted((root / name).iterdir())):
            pair = (label / len(classes), 0.5 - label / len(classes))
            given = (np.nan, np.nan) if number % 4 == 3 else pair
            rows.add(f"{name}/{path.name}", label, affect=given if affect else None)
    return rows.collect(root, classes)
