"""The same weights, the same faces: the published packages and ours, number by number.

The published side runs on timm 0.9 in its own environment, ours on whatever this one has. Every
method is compared, one face at a time and all together, and so are the names of the emotions.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import timm
import torch
from rich.console import Console
from rich.table import Table

from engagement.hsemotion.facial_analysis import EmotiEffLibRecognizer, get_model_list
from engagement.hsemotion.facial_emotions import HSEmotionRecognizer
from engagement.hsemotion.facial_emotions_onnx import HSEmotionRecognizer as OnnxRecognizer
from tests.oracle.conftest import Published

pytestmark = pytest.mark.oracle

#: Most that any number may differ.
TOLERANCE = 1e-4
ENETS = (
    "enet_b0_8_best_vgaf",
    "enet_b0_8_best_afew",
    "enet_b0_8_va_mtl",
    "enet_b0_7",
    "enet_b2_7",
    "enet_b2_8",
    "enet_b2_8_best",
)
BOTH_ENGINES = (
    "enet_b0_8_best_vgaf",
    "enet_b0_8_best_afew",
    "enet_b2_8",
    "enet_b0_8_va_mtl",
    "enet_b2_7",
    "mbf_va_mtl",
    "mobilevit_va_mtl",
)
CASES = [
    *(("hsemotion", "torch", name) for name in ENETS),
    *(("hsemotion_onnx", "onnx", name) for name in ENETS),
    *(("emotiefflib", engine, name) for name in BOTH_ENGINES for engine in ("torch", "onnx")),
]
Row = tuple[str, str, str, float, float, float, float]


@pytest.fixture(scope="module")
def table(published: Published) -> Iterator[list[Row]]:
    """Collects a row a case, and prints them at the end."""
    rows: list[Row] = []
    yield rows
    title = (
        f"Largest difference from the published packages over {len(published.crops)} faces\n"
        f"timm {published.versions['timm']} there, {timm.__version__} here; "
        f"torch {torch.__version__}"
    )
    printed = Table(title=title)
    for column in ("package", "engine", "model"):
        printed.add_column(column)
    for column in ("largest logit", "logits", "probabilities", "features"):
        printed.add_column(column, justify="right")
    for package, engine, name, size, *differences in rows:
        cells = ["-" if np.isnan(d) else f"{d:.1e}" for d in differences]
        printed.add_row(package, engine, name, f"{size:.1f}", *cells)
    Console(width=120).print(printed)


def _ours(package: str, engine: str, name: str, published: Published) -> Any:
    weights = published.folder / f"{name}.{'pt' if engine == 'torch' else 'onnx'}"
    if package == "hsemotion":
        return HSEmotionRecognizer(name, "cpu", weights=weights)
    if package == "hsemotion_onnx":
        return OnnxRecognizer(name, weights=weights)
    return EmotiEffLibRecognizer(engine, name, weights=weights)


@pytest.mark.parametrize(("package", "engine", "name"), CASES, ids=["-".join(c) for c in CASES])
def test_every_number_is_the_published_packages_number(
    package: str, engine: str, name: str, published: Published, table: list[Row]
) -> None:
    theirs = {
        key.rpartition("|")[2]: value
        for key, value in published.results.items()
        if key.startswith(f"{package}|{engine}|{name}|")
    }
    assert theirs, "the published side did not run this model"
    fer = _ours(package, engine, name, published)
    largest: dict[str, float] = {}
    for field, ours in _everything(fer, published, multi=package != "emotiefflib").items():
        expected = theirs.pop(field, None)
        if expected is None:  # hsemotion_onnx has no features
            assert package == "hsemotion_onnx", field
            assert field.startswith("features"), field
            continue
        assert ours.shape == expected.shape, field
        if field.startswith("names"):
            assert ours.tolist() == expected.tolist(), field
            continue
        assert ours.dtype == expected.dtype, field
        difference = float(np.abs(ours - expected).max())
        assert difference < TOLERANCE, f"{field} differs by {difference:.2g}"
        kind = field.partition("_")[0]
        largest[kind] = max(largest.get(kind, 0.0), difference)
    assert not theirs, f"not compared: {sorted(theirs)}"
    logits = published.results[f"{package}|{engine}|{name}|logits_many"]
    # Weights whose logits hardly move would agree whatever the network did.
    assert logits.std(axis=0).max() > 0.5
    table.append(
        (
            package,
            engine,
            name,
            float(np.abs(logits).max()),
            largest["logits"],
            largest["probabilities"],
            largest.get("features", float("nan")),
        )
    )


def _everything(fer: Any, published: Published, *, multi: bool) -> dict[str, Any]:
    crops, results = published.crops, {}
    for logits, key in ((True, "logits"), (False, "probabilities")):
        singles = [fer.predict_emotions(crop, logits=logits) for crop in crops]
        results[f"{key}_one"] = np.stack([np.ravel(scores) for _, scores in singles])
        results[f"names_{key}_one"] = np.array([np.ravel(name)[0] for name, _ in singles])
        together = fer.predict_multi_emotions if multi else fer.predict_emotions
        names, results[f"{key}_many"] = together(crops, logits=logits)
        results[f"names_{key}_many"] = np.array(names)
    results["features_one"] = np.concatenate([fer.extract_features(crop) for crop in crops])
    many = fer.extract_multi_features if multi else fer.extract_features
    results["features_many"] = many(crops)
    return results


def test_the_list_of_models_and_engines_is_the_published_one(published: Published) -> None:
    theirs = {key.split("|")[2] for key in published.results if key.startswith("emotiefflib|")}
    # Ours has one more: it is published on both engines, though the package does not name it.
    assert set(get_model_list()) == theirs | {"enet_b2_8_best"}
