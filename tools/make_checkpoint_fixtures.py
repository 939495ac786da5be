"""Make the test fixtures of old checkpoints: `python -m tools.make_checkpoint_fixtures [NAME ...]`.

For each, a release of timm is installed into a throw-away folder, and a child process with that
folder first on its path builds a network, pickles it whole and runs it. What is kept are the pickle
without the numbers, how to make the numbers again from a seed, and the network's outputs with them.

`--wheels FOLDER` installs from wheels that lie there instead of fetching them.
"""

import argparse
import collections
import collections.abc
import io
import json
import logging
import math
import os
import subprocess
import sys
import tempfile
import types
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.engagement.checkpoints.rebuild import FOLDER, faces, numbers

logger = logging.getLogger("make_checkpoint_fixtures")
SEED = 11


@dataclass(frozen=True)
class Recipe:
    """A network to pickle.

    Attributes:
        package: what to install, with its version.
        network: timm's name, or ``mobilefacenet``.
        head: `linear` replaces timm's own by a linear layer, `sequential` wraps that once more, as
            the published EfficientNets have it.
        size: side of the input in pixels.
        gain: spread of a layer's weights over 1 / sqrt(inputs), so that signals neither die nor
            explode on their way through.
    """

    package: str
    network: str
    head: str
    outputs: int
    size: int = 64
    gain: float = 2.5


RECIPES = {
    "timm-0.4.5-b0-8": Recipe("timm==0.4.5", "tf_efficientnet_b0_ns", "sequential", 8),
    "timm-0.4.5-b2-7": Recipe("timm==0.4.5", "tf_efficientnet_b2_ns", "linear", 7),
    "timm-0.5.4-b0-10": Recipe("timm==0.5.4", "tf_efficientnet_b0_ns", "sequential", 10),
    "timm-0.6.13-b0-8": Recipe("timm==0.6.13", "tf_efficientnet_b0_ns", "linear", 8),
    "timm-0.6.13-mobilevitv2-10": Recipe("timm==0.6.13", "mobilevitv2_150", "linear", 10),
    "timm-0.9.16-b2-8": Recipe("timm==0.9.16", "tf_efficientnet_b2_ns", "sequential", 8),
    "timm-0.9.16-mobilevitv2-10": Recipe("timm==0.9.16", "mobilevitv2_150", "linear", 10),
    "timm-1.0.31-b0-7": Recipe("timm==1.0.31", "tf_efficientnet_b0.ns_jft_in1k", "sequential", 7),
    "timm-1.0.31-mobilevitv2-10": Recipe("timm==1.0.31", "mobilevitv2_150", "linear", 10),
    "mobilefacenet-10": Recipe("emotiefflib==1.1.1", "mobilefacenet", "linear", 10, 112, 1.7),
}


def main() -> None:
    """Make the fixtures that are named, or all."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*RECIPES, []], metavar="NAME")
    parser.add_argument("--wheels", type=Path)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        make(arguments.child)
        return
    for name in arguments.names or RECIPES:
        with tempfile.TemporaryDirectory() as folder:
            install(RECIPES[name].package, Path(folder), arguments.wheels)
            path = os.pathsep.join([folder, f"{folder}/emotiefflib/backbones"])
            child = ["-W", "ignore", "-m", "tools.make_checkpoint_fixtures", "--child", name]
            environment = {**os.environ, "PYTHONPATH": path}
            subprocess.run([sys.executable, *child], env=environment, check=True)  # noqa: S603


def install(package: str, folder: Path, wheels: Path | None) -> None:
    """Put a package, without what it depends on, into a folder."""
    source = ["--no-index", "--find-links", str(wheels)] if wheels else []
    command = ["-m", "pip", "install", "--quiet", "--no-deps", "--target", str(folder)]
    subprocess.run([sys.executable, *command, *source, package], check=True)  # noqa: S603


def make(name: str) -> None:
    """In the child: build, pickle, fill, run, write."""
    import torch

    recipe = RECIPES[name]
    network = build(recipe)
    pickled, keys = pickle_of(network)
    plan = {keys[i]: entry for i, entry in enumerate(numbers_of(network, recipe.gain))}
    for tensor, key in zip(network.state_dict().values(), keys.values(), strict=True):
        values = torch.from_numpy(numbers(SEED, key, *plan[key]))
        tensor.copy_(values.reshape(tensor.shape))
    with torch.inference_mode():
        inputs = torch.from_numpy(faces(SEED, recipe.size))
        outputs = network.eval().double()(inputs).numpy()
    if not outputs.std() > 1e-3 or abs(outputs[0] - outputs[1]).max() < 1e-3:
        raise SystemExit(f"{name}: its outputs tell nothing ({outputs})")
    facts = {
        "package": recipe.package,
        "torch": torch.__version__,
        "network": recipe.network,
        "seed": SEED,
        "input_size": recipe.size,
        "outputs": outputs.tolist(),
        "storages": plan,
    }
    with zipfile.ZipFile(FOLDER / f"{name}.zip", "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("data.pkl", pickled)
        archive.writestr("facts.json", json.dumps(facts))
    logger.info("%s: %d kB", name, (FOLDER / f"{name}.zip").stat().st_size // 1000)


def build(recipe: Recipe) -> Any:
    """The network, from the release that lies first on the path."""
    # Gone from PyTorch 2, and imported by timm before 0.6.
    six: Any = types.ModuleType("torch._six")
    six.container_abcs, six.string_classes, six.int_classes = collections.abc, (str, bytes), int
    six.inf = math.inf
    sys.modules["torch._six"] = six
    from torch import nn

    if recipe.network == "mobilefacenet":
        import mobilefacenet

        backbone = mobilefacenet.get_mbf(False, 512)
        parts = {"backbone": backbone, "fc": nn.Linear(512, recipe.outputs)}
        return nn.Sequential(collections.OrderedDict(parts))
    import timm

    if f"timm=={timm.__version__}" != recipe.package:
        raise SystemExit(f"timm {timm.__version__} came instead of {recipe.package}")
    network = timm.create_model(recipe.network, pretrained=False)
    if hasattr(network, "classifier"):
        linear = nn.Linear(network.classifier.in_features, recipe.outputs)
        network.classifier = nn.Sequential(linear) if recipe.head == "sequential" else linear
    else:
        network.head.fc = nn.Linear(network.head.fc.in_features, recipe.outputs)
    return network


def pickle_of(network: Any) -> tuple[bytes, dict[int, str]]:
    """The pickle of a whole network, and the storage's key of each tensor by its place.

    To find the keys, every tensor is filled with its place first.
    """
    import numpy as np
    import torch

    for index, tensor in enumerate(network.state_dict().values()):
        tensor.fill_(index)
    buffer = io.BytesIO()
    torch.save(network, buffer)
    keys = {}
    with zipfile.ZipFile(buffer) as archive:
        pickled = next(n for n in archive.namelist() if n.endswith("/data.pkl"))
        for name in archive.namelist():
            if "/data/" in name:
                raw = archive.read(name)
                whole = len(raw) == 8  # a counter
                index = int(np.frombuffer(raw, "<i8" if whole else "<f4")[0])
                keys[index] = name.rpartition("/")[2]
        return archive.read(pickled), dict(sorted(keys.items()))


def numbers_of(network: Any, gain: float) -> list[tuple[str, int, float, float]]:
    """For every tensor: storage type, number of elements, centre and spread of its numbers."""
    kinds = {
        f"{path}.{name}" if path else name: type(module).__name__
        for path, module in network.named_modules()
        for name, _ in module.named_parameters(recurse=False)
    }
    plan = []
    for name, tensor in network.state_dict().items():
        centre, spread = 0.0, 0.2
        if name.endswith("running_var") or (tensor.ndim == 1 and name.endswith("weight")):
            centre, spread = (0.25, 0.1) if kinds.get(name) == "PReLU" else (1.0, 0.3)
        elif tensor.ndim > 1:
            spread = gain / math.sqrt(tensor[0].numel())
        kind = "FloatStorage" if tensor.is_floating_point() else "LongStorage"
        plan.append((kind, tensor.numel(), centre, spread))
    return plan


if __name__ == "__main__":
    main()
