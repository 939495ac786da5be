"""The published packages in an environment of their own, and what they say of random models.

Run by ``make oracle``.
"""

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from engagement.types import Pixels
from tests.oracle.environments import environment_with

#: The releases that are compared with. timm 0.9 is what
#: emotiefflib's own extra asks for.
PACKAGES = ("hsemotion==0.3.0", "hsemotion-onnx==0.3.1", "emotiefflib[torch]==1.1.1")


@dataclass(frozen=True)
class Published:
    """The other side.

    Attributes:
        python: of the environment that has the published packages, and ours.
        folder: of the checkpoints, NAME.pt and NAME.onnx.
        home: whose ``.hsemotion`` and ``.emotiefflib`` hold the same checkpoints.
        crops: face images of many sizes.
        results: what the packages said, by ``package|engine|model|field``.
        versions: of torch and timm over there.
    """

    python: Path
    folder: Path
    home: Path
    crops: list[Pixels]
    results: dict[str, NDArray[np.generic]]
    versions: dict[str, str]

    def environment(self) -> dict[str, str]:
        return os.environ | {"HOME": str(self.home), "OMP_WAIT_POLICY": "PASSIVE"}


def _run(command: list[str | Path], **options: object) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)  # type: ignore[call-overload]
    if done.returncode != 0:
        pytest.fail(f"{command}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")


@pytest.fixture(scope="session")
def oracle_python() -> Path:
    """Interpreter of the environment, made where it is not there."""
    return environment_with("venv", PACKAGES, shared=True)


@pytest.fixture(scope="session")
def published(oracle_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Published:
    folder, home = tmp_path_factory.mktemp("checkpoints"), tmp_path_factory.mktemp("home")
    crops = _crops()
    np.savez(folder / "crops.npz", **{f"crop{i:02}": crop for i, crop in enumerate(crops)})
    script = Path(__file__).with_name("published_side.py")
    environment = os.environ | {"HOME": str(home), "OMP_WAIT_POLICY": "PASSIVE"}
    for step in ("make", "predict"):
        _run([oracle_python, script, step, folder], env=environment)
    with np.load(folder / "published.npz") as file:
        results = dict(file)
    versions = json.loads((folder / "versions.json").read_text(encoding="utf-8"))
    return Published(oracle_python, folder, home, crops, results, versions)


def _crops() -> list[Pixels]:
    """Images as face crops come: not square, tiny, huge, and of exactly the input's size."""
    rng = np.random.default_rng(99)
    sides = [(181, 143), (224, 224), (31, 27), (412, 333), (60, 60), (260, 260), (112, 112)]
    crops = []
    for height, width in sides:
        y, x = np.mgrid[0:420, 0:420] / 420
        across, down, phase = rng.uniform(2, 12, (3, 3))
        waves = np.sin(across * x[..., None] + down * y[..., None] + phase)
        noise = rng.normal(0, 12, waves.shape)
        image = np.clip(rng.uniform(60, 190) + rng.uniform(20, 90) * waves + noise, 0, 255)
        crops.append(cv2.resize(image.astype(np.uint8), (width, height)))
    return crops
