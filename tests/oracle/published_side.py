"""What the published packages say: runs in their own environment, never in ours.

    python published_side.py make FOLDER       random checkpoints in the published files' form
    python published_side.py predict FOLDER    what the packages make of the crops there

Both sides are given the same files. Weights are random but alive: batch norms have measured their
statistics, so that activations neither vanish nor explode and every layer shows in the outputs.
"""

import json
import os
import sys
import warnings
from collections import OrderedDict
from pathlib import Path

import cv2
import numpy as np
import timm
import torch
from torch import nn

warnings.simplefilter("ignore")

#: name -> (timm's name, outputs, head in a Sequential, input size)
EFFICIENTNETS = {
    "enet_b0_8_best_afew": ("tf_efficientnet_b0_ns", 8, True, 224),
    "enet_b0_8_best_vgaf": ("tf_efficientnet_b0_ns", 8, True, 224),
    "enet_b0_8_va_mtl": ("tf_efficientnet_b0_ns", 10, False, 224),
    "enet_b0_7": ("tf_efficientnet_b0_ns", 7, True, 224),
    "enet_b2_7": ("tf_efficientnet_b2_ns", 7, True, 260),
    "enet_b2_8": ("tf_efficientnet_b2_ns", 8, True, 260),
    "enet_b2_8_best": ("tf_efficientnet_b2_ns", 8, True, 260),
}
OTHERS = {"mobilevit_va_mtl": 224, "mbf_va_mtl": 112}
HSEMOTION = tuple(EFFICIENTNETS)


def build(name: str) -> nn.Module:
    """The module as the authors built it."""
    if name in EFFICIENTNETS:
        timm_name, outputs, wrapped, _ = EFFICIENTNETS[name]
        model = timm.create_model(timm_name, pretrained=False)
        head = nn.Linear(model.classifier.in_features, outputs)
        model.classifier = nn.Sequential(head) if wrapped else head
        return model
    if name == "mobilevit_va_mtl":
        return timm.create_model("mobilevitv2_150", pretrained=False, num_classes=10)
    import emotiefflib.facial_analysis  # noqa: F401 - puts the package's backbones on the path
    from mobilefacenet import get_mbf

    return nn.Sequential(OrderedDict(backbone=get_mbf(False, 512), fc=nn.Linear(512, 10)))


def patterns(count: int, size: int, seed: int) -> np.ndarray:
    """Smooth coloured images with some noise, ``(count, size, size, 3)`` uint8."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:size, 0:size] / size
    images = []
    for _ in range(count):
        across, down, phase = rng.uniform(2, 12, 3), rng.uniform(2, 12, 3), rng.uniform(0, 6, 3)
        waves = np.stack(
            [np.sin(a * x + d * y + p) for a, d, p in zip(across, down, phase, strict=True)], -1
        )
        image = rng.uniform(60, 190) + rng.uniform(20, 90) * waves + rng.normal(0, 12, waves.shape)
        images.append(np.clip(image, 0, 255).astype(np.uint8))
    return np.stack(images)


def prepared(images: np.ndarray, *, symmetric: bool) -> torch.Tensor:
    mean, std = ((0.5,) * 3,) * 2 if symmetric else ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    scaled = (torch.from_numpy(images).permute(0, 3, 1, 2) / 255).float()
    return (scaled - torch.tensor(mean)[:, None, None]) / torch.tensor(std)[:, None, None]


def enliven(model: nn.Module, size: int, crops: list) -> None:
    """Random norms, statistics measured on patterns and the crops, a head whose logits differ.

    Without the crops a random network of this depth can answer them with logits of a thousand, to
    which single precision is worth no more than a thousandth.
    """
    faces = np.stack([cv2.resize(crop, (size, size)) for crop in crops])
    images = prepared(np.concatenate([patterns(12, size, seed=1), faces]), symmetric=size == 112)
    for module in model.modules():
        if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
            nn.init.normal_(module.weight, 1.0, 0.1)
            nn.init.normal_(module.bias, 0.0, 0.1)
            module.momentum = None  # the plain average of what it sees
    # Without what drops activations at random in training, statistics are those of evaluation.
    model.train()
    for module in model.modules():
        if "Drop" in type(module).__name__:
            module.eval()
    with torch.no_grad():
        model(images)
    model.eval()
    *_, head = (m for m in model.modules() if isinstance(m, nn.Linear))
    with torch.no_grad():
        # Logits around zero, at most 3 on the crops: so each face is told from the others.
        logits = model(images[-len(crops) :])
        middle = logits.mean(dim=0)
        scale = 3.0 / (logits - middle).abs().max()
        head.bias.sub_(middle).mul_(scale)
        head.weight.mul_(scale)


def read_crops(folder: Path) -> list:
    return [array for _, array in sorted(np.load(folder / "crops.npz").items())]


def make(folder: Path) -> None:
    crops = read_crops(folder)
    for number, name in enumerate([*EFFICIENTNETS, *OTHERS]):
        torch.manual_seed(number)
        size = EFFICIENTNETS[name][3] if name in EFFICIENTNETS else OTHERS[name]
        model = build(name)
        enliven(model, size, crops)
        torch.save(model, folder / f"{name}.pt")
        torch.onnx.export(
            model,
            (torch.randn(1, 3, size, size),),
            str(folder / f"{name}.onnx"),
            dynamo=False,
            opset_version=11,
            input_names=["input"],
            output_names=["output"],
            dynamic_axes={"input": {0: "batch_size"}, "output": {0: "batch_size"}},
        )
        # Where the packages would have downloaded it to.
        for cache in (".hsemotion", ".emotiefflib"):
            for suffix in ("pt", "onnx"):
                link = Path.home() / cache / f"{name}.{suffix}"
                link.parent.mkdir(exist_ok=True)
                link.unlink(missing_ok=True)
                link.symlink_to(folder / f"{name}.{suffix}")


def _one_result(fer, crops: list, *, multi: bool) -> dict:
    """Every method of a recognizer on all crops, one by one and together."""
    results = {}
    has_features = hasattr(fer, "extract_features")
    for logits in (True, False):
        key = "logits" if logits else "probabilities"
        singles = [fer.predict_emotions(crop, logits=logits) for crop in crops]
        results[f"{key}_one"] = np.stack([scores.reshape(-1) for _, scores in singles])
        results[f"names_{key}_one"] = np.array([np.ravel(name)[0] for name, _ in singles])
        together = fer.predict_multi_emotions if multi else fer.predict_emotions
        names, scores = together(crops, logits=logits)
        results[f"{key}_many"] = scores
        results[f"names_{key}_many"] = np.array(names)
    if has_features:
        results["features_one"] = np.concatenate([fer.extract_features(c) for c in crops])
        many = fer.extract_multi_features if multi else fer.extract_features
        results["features_many"] = many(crops)
    return results


def predict(folder: Path) -> None:
    crops = read_crops(folder)
    import hsemotion.facial_emotions as torch_package
    import hsemotion_onnx.facial_emotions as onnx_package
    from emotiefflib.facial_analysis import EmotiEffLibRecognizer, get_model_list

    made = {}
    for name in HSEMOTION:
        made[f"hsemotion|torch|{name}"] = (torch_package.HSEmotionRecognizer(name, "cpu"), True)
        made[f"hsemotion_onnx|onnx|{name}"] = (onnx_package.HSEmotionRecognizer(name), True)
    for name in get_model_list():
        for engine in ("torch", "onnx"):
            made[f"emotiefflib|{engine}|{name}"] = (EmotiEffLibRecognizer(engine, name), False)
    arrays = {}
    for key, (fer, multi) in made.items():
        for field, array in _one_result(fer, crops, multi=multi).items():
            arrays[f"{key}|{field}"] = array
    np.savez(folder / "published.npz", **arrays)
    versions = {"torch": torch.__version__, "timm": timm.__version__}
    (folder / "versions.json").write_text(json.dumps(versions))


if __name__ == "__main__":
    # `hsemotion` calls torch.load without arguments, which no longer takes whole modules.
    os.environ["TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"] = "1"
    {"make": make, "predict": predict}[sys.argv[1]](Path(sys.argv[2]))
