"""Engagement classifiers on disk: safetensors that describe themselves.

A file holds plain arrays and, in its one entry of metadata, the classifier's card. Nothing in it is
executed, and everything is checked before it is used: a file may come from anywhere.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError
from safetensors import SafetensorError, safe_open

from engagement.errors import ModelError
from engagement.weights.expression_file import description_of, write_described
from engagement.windows.classifier import ClassifierCard, EngagementClassifier, Method
from engagement.windows.single_attention import AttentionClassifier, SingleAttention
from engagement.windows.stat_classifiers import (
    Boosting,
    OrderedLink,
    Ridge,
    Scaling,
    StatClassifier,
    Svr,
)

FORMAT = "engagement.classifier/1"
_CARD: TypeAdapter[ClassifierCard] = TypeAdapter(ClassifierCard)

Array = NDArray[Any]
Arrays = dict[str, Array]
_LINK = ("link_thresholds", "link_slope")
_SCALING = ("mean", "scale")
_NAMES: dict[Method, tuple[str, ...]] = {
    "single_attention": (
        "score",
        "score_bias",
        "hidden",
        "hidden_bias",
        "output",
        "output_bias",
    ),
    "ridge": (*_SCALING, "coefficients", "intercept", *_LINK),
    "svr": (*_SCALING, "vectors", "coefficients", "intercept", "gamma", *_LINK),
    "boosting": (
        "baseline",
        "starts",
        "outputs",
        "features",
        "thresholds",
        "left",
        "right",
        "values",
    ),
}
_INTEGERS = frozenset({"starts", "outputs", "features", "left", "right"})


def write_classifier(classifier: EngagementClassifier, path: Path) -> None:
    """Write a classifier; the same one is the same file, byte by byte.

    Raises:
        ModelError: it is of a kind that has no file.
        OutputError: the file cannot be written.
    """
    if isinstance(classifier, AttentionClassifier):
        arrays = _attention_arrays(classifier.weights)
    elif isinstance(classifier, StatClassifier):
        arrays = _stat_arrays(classifier.model)
    else:
        raise ModelError(
            f"A classifier of the kind {type(classifier).__name__} cannot be written to {path}. "
            "Write one that this project trained."
        )
    tensors = {name: torch.from_numpy(np.ascontiguousarray(a)) for name, a in arrays.items()}
    card = json.dumps(asdict(classifier.card))
    write_described(tensors, {"format": FORMAT, "card": card}, path)


def read_classifier(path: Path) -> EngagementClassifier:
    """Read a classifier, strictly; it predicts in numpy.

    Raises:
        ModelError: absent, not safetensors, of another format, or arrays that do not fit.
    """
    try:
        with safe_open(path, framework="np") as file:
            card = _read_card(path, file.metadata())
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError, TypeError, AttributeError) as error:
        raise ModelError(
            f"{path} cannot be read as an engagement classifier. Name a file that "
            "`engagement train engagement` wrote."
        ) from error
    try:
        _check_names(arrays, _NAMES[card.method])
        classifier = _BUILDERS[card.method](card, arrays)
    except ValueError as error:
        raise ModelError(
            f"The engagement classifier {path} is damaged ({error}). Train it again, or restore it "
            "from a copy."
        ) from error
    return classifier


def _read_card(path: Path, metadata: Mapping[str, str] | None) -> ClassifierCard:
    try:
        described = description_of(metadata)
        if described.get("format") == FORMAT:
            return _checked(_CARD.validate_json(described["card"], strict=True))
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(str(part) for part in problem["loc"])
        raise _misdescribed(path, f"{where}: {problem['msg']}") from error
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise _misdescribed(path, str(error)) from error
    raise ModelError(
        f"{path} is not an engagement classifier of this project (format {FORMAT}). Name a file "
        "that `engagement train engagement` wrote."
    )


def _misdescribed(path: Path, problem: str) -> ModelError:
    return ModelError(
        f"{path} does not describe itself as this version expects ({problem}). Train it again, or "
        "use the version that wrote it."
    )


def _checked(card: ClassifierCard) -> ClassifierCard:
    numbers = [card.window_s, card.sampling_fps, card.temperature, *card.guessing.values()]
    numbers += [n for m in card.metrics.values() for n in (m.value, m.low, m.high)]
    if not np.isfinite(numbers).all():
        raise ValueError("a figure is not finite")
    if len(card.levels) < 2 or card.embedding_size < 1:
        raise ValueError("it has fewer than two levels, or takes no embedding")
    if card.temperature <= 0 or card.window_s <= 0 or card.sampling_fps < 0:
        raise ValueError("its temperature, window or sampling is not a possible one")
    return card


def _check_names(arrays: Arrays, names: tuple[str, ...]) -> None:
    if set(arrays) != set(names):
        raise ValueError(f"it holds {', '.join(sorted(arrays)) or 'nothing'}")
    for name, array in arrays.items():
        kinds = "i" if name in _INTEGERS else "f"
        if array.dtype.kind not in kinds or array.dtype.itemsize > 8:
            raise ValueError(f"{name} is of the type {array.dtype}")
        if not np.isfinite(array).all():
            raise ValueError(f"{name} is not finite")


def _check_shapes(arrays: Arrays, **shapes: tuple[int, ...]) -> None:
    for name, shape in shapes.items():
        if arrays[name].shape != shape:
            raise ValueError(f"{name} is {arrays[name].shape}, not {shape}")


def _attention_arrays(weights: SingleAttention) -> Arrays:
    return {
        "score": weights.score,
        "score_bias": np.array([weights.score_bias], dtype=np.float32),
        "hidden": weights.hidden,
        "hidden_bias": weights.hidden_bias,
        "output": weights.output,
        "output_bias": weights.output_bias,
    }


def _stat_arrays(model: object) -> Arrays:
    if isinstance(model, Boosting):
        return {name: getattr(model, name) for name in _NAMES["boosting"]}
    if not isinstance(model, Ridge | Svr):
        raise ModelError(
            f"A model of the kind {type(model).__name__} cannot be written. Write one that this "
            "project trained."
        )
    arrays = {
        "mean": model.scaling.mean,
        "scale": model.scaling.scale,
        "coefficients": model.coefficients,
        "intercept": np.array([model.intercept]),
        "link_thresholds": model.link.thresholds,
        "link_slope": np.array([model.link.slope]),
    }
    if isinstance(model, Svr):
        arrays |= {"vectors": model.vectors, "gamma": np.array([model.gamma])}
    return arrays


def _attention(card: ClassifierCard, arrays: Arrays) -> AttentionClassifier:
    size, levels = 2 * card.embedding_size, len(card.levels)
    hidden = arrays["hidden_bias"].size
    _check_shapes(
        arrays,
        score=(size,),
        score_bias=(1,),
        hidden=(size, hidden),
        hidden_bias=(hidden,),
        output=(hidden, levels),
        output_bias=(levels,),
    )
    floats = {name: array.astype(np.float32) for name, array in arrays.items()}
    bias = float(floats.pop("score_bias")[0])
    return AttentionClassifier(card, SingleAttention(score_bias=bias, **floats))


def _scaling_and_link(card: ClassifierCard, arrays: Arrays) -> tuple[Scaling, OrderedLink]:
    size, levels = 4 * card.embedding_size, len(card.levels)
    _check_shapes(
        arrays,
        mean=(size,),
        scale=(size,),
        intercept=(1,),
        link_thresholds=(levels - 1,),
        link_slope=(1,),
    )
    thresholds, slope = arrays["link_thresholds"], float(arrays["link_slope"][0])
    if (arrays["scale"] <= 0).any() or (np.diff(thresholds) < 0).any() or slope < 0:
        raise ValueError("a scale, slope or step between thresholds is not positive")
    return Scaling(arrays["mean"], arrays["scale"]), OrderedLink(thresholds, slope)


def _ridge(card: ClassifierCard, arrays: Arrays) -> StatClassifier:
    scaling, link = _scaling_and_link(card, arrays)
    _check_shapes(arrays, coefficients=(4 * card.embedding_size,))
    return StatClassifier(
        card, Ridge(scaling, arrays["coefficients"], float(arrays["intercept"][0]), link)
    )


def _svr(card: ClassifierCard, arrays: Arrays) -> StatClassifier:
    scaling, link = _scaling_and_link(card, arrays)
    count = arrays["coefficients"].size
    _check_shapes(
        arrays, coefficients=(count,), vectors=(count, 4 * card.embedding_size), gamma=(1,)
    )
    gamma = float(arrays["gamma"][0])
    if gamma < 0:
        raise ValueError("gamma is negative")
    intercept = float(arrays["intercept"][0])
    return StatClassifier(
        card, Svr(scaling, arrays["vectors"], arrays["coefficients"], intercept, gamma, link)
    )


def _within(numbers: Array, count: int) -> bool:
    return bool(((numbers >= 0) & (numbers < count)).all())


def _boosting(card: ClassifierCard, arrays: Arrays) -> StatClassifier:
    levels, nodes = len(card.levels), arrays["features"].size
    same = dict.fromkeys(("features", "thresholds", "left", "right", "values"), (nodes,))
    trees = (arrays["starts"].size,)
    _check_shapes(arrays, baseline=(levels,), starts=trees, outputs=trees, **same)
    size = 4 * card.embedding_size
    starts, outputs, features = arrays["starts"], arrays["outputs"], arrays["features"]
    left, right = arrays["left"], arrays["right"]
    if not (_within(starts, nodes) and _within(outputs, levels)):
        raise ValueError("a tree begins outside, or adds to no level")
    rows = np.arange(nodes)
    inner = features >= 0
    # Children lie behind their node, so that every way down ends.
    ends = all(((c > rows) & (c < nodes))[inner].all() for c in (left, right))
    if not ends or (features < -1).any() or (features >= size).any():
        raise ValueError("a node of a tree points outside")
    return StatClassifier(card, Boosting(**arrays, feature_count=size))


_BUILDERS: dict[Method, Callable[[ClassifierCard, Arrays], EngagementClassifier]] = {
    "single_attention": _attention,
    "ridge": _ridge,
    "svr": _svr,
    "boosting": _boosting,
}
