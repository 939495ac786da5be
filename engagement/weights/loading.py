"""From a model file of any known kind to a network that is ready to use.

Other people's formats are read once; after that the network lies converted in the cache, as
safetensors in full precision that is named by the original's sha256.
"""

import logging
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import uuid4

import torch

from engagement.errors import ModelError, OutputError
from engagement.files import sha256_of
from engagement.networks.base import ExpressionNetwork
from engagement.networks.spec import ExpressionSpec
from engagement.weights.expression_file import (
    description_of,
    load_expression,
    read_expression_spec,
    save_expression,
)
from engagement.weights.fitting import (
    adapted,
    check_description,
    custom_name,
    default_spec,
    fit,
    infer_spec,
)
from engagement.weights.readers.checkpoint import Checkpoint, read_checkpoint

logger = logging.getLogger(__name__)

#: What the metadata's format begins with in files that describe themselves.
_OWN_FORMAT = "engagement.expression/"


@dataclass(frozen=True)
class LoadedModel:
    """A network and all that a report says of it.

    Attributes:
        weights_sha256: of the file that was named, not of its conversion.
        custom: whether the file was named by hand, so that nobody vouches for it.
        source: that file.
    """

    network: ExpressionNetwork
    spec: ExpressionSpec
    weights_sha256: str
    custom: bool
    source: Path


def load_published(path: Path, spec: ExpressionSpec, converted: Path | None = None) -> LoadedModel:
    """A published file, whose description is known.

    Args:
        converted: folder of conversions; None for none. One that cannot be written costs time at
            every start, and nothing else.

    Raises:
        ModelError: absent, damaged, or weights that do not fit.
    """
    return _load(path, spec, converted, custom=False)


def load_custom(
    path: Path, spec: ExpressionSpec | None = None, converted: Path | None = None
) -> LoadedModel:
    """A file that was named by hand.

    A file that ``engagement train`` wrote describes itself and keeps its name; others are named
    ``custom-`` and the first 12 digits of their sha256.

    Args:
        spec: what a file that does not describe itself is said to hold; None to tell that from its
            tensors.
        converted: as for `load_published`.

    Raises:
        ModelError: absent, damaged, of no known architecture, or not as `spec` says.
    """
    return _load(path, spec, converted, custom=True)


def _load(
    path: Path, spec: ExpressionSpec | None, converted: Path | None, *, custom: bool
) -> LoadedModel:
    kept = _kept(path, spec, converted, custom=custom)
    if kept is not None:
        return kept
    checkpoint = read_checkpoint(path)
    if custom and _is_own(checkpoint):
        # Before anything as large as the description says is built.
        check_description(checkpoint, _description(path))
        network, found = load_expression(path)
        return LoadedModel(network, found, checkpoint.sha256, custom, path)
    found = infer_spec(checkpoint) if spec is None else adapted(checkpoint, spec)
    network = fit(checkpoint, found)
    if custom:  # only now: what does not fit is told by the name that was asked for
        found = replace(found, name=custom_name(checkpoint.sha256))
    if converted is not None:
        _keep(converted, checkpoint.sha256, network, found)
    return LoadedModel(network, found, checkpoint.sha256, custom, path)


def _description(path: Path) -> ExpressionSpec:
    """What a file says of itself, whatever nonsense that may be."""
    try:
        return read_expression_spec(path)
    except (AttributeError, RecursionError) as error:
        raise ModelError(
            f"{path} does not describe itself as this version expects. Train it again, or use the "
            "version that wrote it."
        ) from error


def _is_own(checkpoint: Checkpoint) -> bool:
    try:
        form = description_of(checkpoint.metadata).get("format", "")
    except (ValueError, RecursionError):
        return False
    return isinstance(form, str) and form.startswith(_OWN_FORMAT)


def _kept(
    path: Path, spec: ExpressionSpec | None, converted: Path | None, *, custom: bool
) -> LoadedModel | None:
    """The model from its conversion, where there is a sound one.

    What is kept is the network; what is said of it may differ from call to call, since one file
    can be opened by its published name and by hand.
    """
    if converted is None:
        return None
    try:
        sha256 = sha256_of(path)
    except (OSError, ValueError):
        return None  # reading it will say why
    conversion = _conversion(converted, sha256)
    if not conversion.is_file():
        return None
    try:
        network, own = load_expression(conversion)
        wanted = spec or default_spec("", own.architecture, own.outputs, own.hidden)
    except ModelError:
        logger.warning("The conversion %s of %s is damaged and made again", conversion, path)
        return None
    if (wanted.architecture, wanted.outputs) != (own.architecture, own.outputs):
        return None  # reading the original will say what it is
    name = custom_name(sha256) if custom else wanted.name
    found = replace(wanted, name=name, hidden=own.hidden)
    return LoadedModel(network, found, sha256, custom, path)


def _keep(converted: Path, sha256: str, network: ExpressionNetwork, spec: ExpressionSpec) -> None:
    """Write the conversion; a cache that cannot be written is no reason not to go on."""
    # Two processes may convert at once: each writes its own, and the last one stays.
    own = converted / f"{sha256}.{uuid4().hex}.tmp"
    try:
        converted.mkdir(parents=True, exist_ok=True)
        save_expression(network, spec, own, dtype=torch.float32)
        own.replace(_conversion(converted, sha256))
    except (OSError, OutputError) as error:
        logger.warning("The conversion of %s is not kept: %s", spec.name, error)
        with suppress(OSError):
            own.unlink(missing_ok=True)


def _conversion(converted: Path, sha256: str) -> Path:
    return converted / f"{sha256}.safetensors"
