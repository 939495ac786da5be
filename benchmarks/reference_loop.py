"""The loop that users have today: every frame through MTCNN, every face through the network.

    python -m benchmarks.reference_loop KIND WEIGHTS FOLDER

KIND is ``timm``: facenet-pytorch's MTCNN and timm's network on torch; or ``emotiefflib``: the same
MTCNN and the published package's recognizer, to be run by an interpreter that has it. One frame and
one face at a time, as in the published examples, of which the certainty asked of a face is taken
too. Decoding is FFmpeg's on all its threads. A player of `benchmarks.throughput`.
"""

import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import av
import numpy as np
import torch
from facenet_pytorch import MTCNN
from PIL import Image
from safetensors.torch import load_file
from torchvision import transforms

from benchmarks.measuring import B0, Told, play
from benchmarks.random_model import described

#: Of the published examples.
_LEAST_CERTAINTY = 0.9
_SIZE = 224
#: Of B0: how many numbers an embedding and an output are.
EMBEDDING, OUTPUTS = 1280, 8
#: Embedding ``(d,)`` and outputs ``(k,)`` of a face crop.
Recognise = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


class ReferenceLoop:
    """Goes through a recording once, a block of frames at a time."""

    def __init__(self, recognise: Recognise, folder: Path) -> None:
        self._mtcnn = MTCNN(keep_all=True)
        self._recognise = recognise
        self._folder = folder
        self._frames: dict[str, Iterator[tuple[int, Any]]] = {}

    def block(self, video: str, first: int, count: int) -> Told:
        """Time `count` frames from number `first` on, which is at least 1.

        Blocks come in order, with a frame between them. What was seen is in the file that the
        answer names.
        """
        frames = self._frames.setdefault(video, _decode(Path(video)))
        # Up to the block's beginning for nothing; some frames warm up.
        for number, frame in frames:
            if number == 0 or first - number <= 2:
                self._look(frame)
            if number >= first - 1:
                break
        seen: list[tuple[Any, ...]] = []
        started = time.perf_counter()
        looked = 0
        for _, frame in islice(frames, count):
            seen += self._look(frame)
            looked += 1
        seconds = time.perf_counter() - started
        file = self._folder / f"seen-{os.getpid()}-{Path(video).stem}-{first}.npz"
        _write(file, seen)
        return {"seconds": seconds, "frames": looked, "file": str(file)}

    def _look(self, frame: Any) -> list[tuple[Any, ...]]:
        rgb = frame.to_ndarray(format="rgb24")
        boxes, certainties = self._mtcnn.detect(rgb)
        found: list[tuple[Any, ...]] = []
        if boxes is None:
            return [(frame.time,)]
        height, width = rgb.shape[:2]
        for box, certainty in zip(boxes, certainties, strict=True):
            if certainty < _LEAST_CERTAINTY:
                continue
            x1, y1, x2, y2 = (int(value) for value in box)
            crop = rgb[max(0, y1) : min(height, y2), max(0, x1) : min(width, x2)]
            if crop.size:
                found.append((frame.time, box, crop, *self._recognise(crop)))
        return found or [(frame.time,)]


def _write(file: Path, seen: list[tuple[Any, ...]]) -> None:
    faces = [one for one in seen if len(one) > 1]
    np.savez(
        file,
        looked=np.array(sorted({one[0] for one in seen})),
        t=np.array([one[0] for one in faces]),
        boxes=np.array([one[1] for one in faces], np.float32).reshape(-1, 4),
        embeddings=np.array([one[3] for one in faces], np.float32).reshape(-1, EMBEDDING),
        outputs=np.array([one[4] for one in faces], np.float32).reshape(-1, OUTPUTS),
        **{f"crop{place:05}": one[2] for place, one in enumerate(faces)},
    )


def _decode(video: Path) -> Iterator[tuple[int, Any]]:
    with av.open(str(video)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        yield from enumerate(container.decode(stream))


def with_timm(weights: Path) -> Recognise:
    """Eager torch, as the published package calls it, but without a graph for gradients."""
    import timm

    tensors = load_file(weights)
    network = timm.create_model("tf_efficientnet_b0", pretrained=False, num_classes=0)
    network.load_state_dict(_backbone(tensors))
    network.eval()
    head = tensors["classifier.weight"].numpy(), tensors["classifier.bias"].numpy()
    spec = described().input
    prepare = transforms.Compose(
        [
            transforms.Resize((_SIZE, _SIZE)),
            transforms.ToTensor(),
            transforms.Normalize(mean=spec.mean, std=spec.std),
        ]
    )

    def recognise(crop: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        with torch.no_grad():
            embedding = network(prepare(Image.fromarray(crop)).unsqueeze(0))[0].numpy()
        return embedding, head[0] @ embedding + head[1]

    return recognise


def with_emotiefflib(weights: Path) -> Recognise:
    """The published package's own recognizer, given the same weights in its own form."""
    import timm

    tensors = load_file(weights)
    model = timm.create_model("tf_efficientnet_b0_ns", pretrained=False)
    head = torch.nn.Linear(model.classifier.in_features, len(tensors["classifier.bias"]))
    model.classifier = torch.nn.Identity()
    model.load_state_dict(_backbone(tensors))
    head.load_state_dict({k: tensors[f"classifier.{k}"] for k in ("weight", "bias")})
    model.classifier = torch.nn.Sequential(head)
    # Where it would have put what it downloads; this process has a home of its own.
    place = Path.home() / ".emotiefflib" / f"{B0}.pt"
    place.parent.mkdir(exist_ok=True)
    torch.save(model, place)

    from emotiefflib.facial_analysis import EmotiEffLibRecognizer

    recognizer = EmotiEffLibRecognizer("torch", B0)

    def recognise(crop: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        # What predict_emotions does, with the features in between.
        features = recognizer.extract_features(crop)
        _, outputs = recognizer.classify_emotions(features)
        return features[0], outputs[0]

    return recognise


def _backbone(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    begins = "backbone."
    return {k.removeprefix(begins): v for k, v in tensors.items() if k.startswith(begins)}


_KINDS = {"timm": with_timm, "emotiefflib": with_emotiefflib}


def main() -> None:
    """Serve as a player."""
    kind, weights, folder = sys.argv[1:]
    play(lambda: {"block": ReferenceLoop(_KINDS[kind](Path(weights)), Path(folder)).block})


if __name__ == "__main__":
    main()
