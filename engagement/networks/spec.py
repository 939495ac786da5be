"""What an expression model is and what it takes, in plain values.

Light on purpose: listing models, or reading a model file's description, must not load torch.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from types import MappingProxyType
from typing import Literal

#: Emotion classes of AffectNet, in the order of the published models' outputs.
EIGHT_EMOTIONS = (
    "anger",
    "contempt",
    "disgust",
    "fear",
    "happiness",
    "neutral",
    "sadness",
    "surprise",
)
#: The same without contempt.
SEVEN_EMOTIONS = tuple(name for name in EIGHT_EMOTIONS if name != "contempt")


#: Blue, green, red means of VGGFace2, subtracted from pixels in 0..255.
BGR_MEAN = (103.939, 116.779, 123.68)


@dataclass(frozen=True)
class InputSpec:
    """How a face crop becomes a network's input.

    A crop is resized to a square, its channels are ordered, its pixels (0..255) are multiplied by
    `scale`, then `mean` is subtracted and the rest divided by `std`, channel by channel.

    Attributes:
        size: side of the square in pixels.
        channels: order of the channels; `grey` repeats the luminance three times.
        mean, std: a value a channel, in the order of `channels`.
        scale: what pixels are multiplied by first.
        resize: `bilinear` is Pillow's (smoothed when shrinking), which the published models were
            trained and measured with; `linear` is OpenCV's (four neighbours, not smoothed), which
            the published ONNX package uses; `area` averages when shrinking.
    """

    size: int
    channels: Literal["rgb", "bgr", "grey"] = "rgb"
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)
    scale: float = 1 / 255
    resize: Literal["bilinear", "linear", "area"] = "bilinear"


#: ImageNet's mean and deviation, as timm's EfficientNets and MobileViT take them.
IMAGENET_224 = InputSpec(224)
IMAGENET_260 = InputSpec(260)
#: MobileFaceNet: pixels to -1..1.
SYMMETRIC_112 = InputSpec(112, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
#: Keras' "caffe" mode: BGR minus VGGFace2's means.
CAFFE_224 = InputSpec(224, "bgr", mean=BGR_MEAN, std=(1.0, 1.0, 1.0), scale=1.0)

#: What the published networks take, by architecture.
PUBLISHED_INPUTS: Mapping[str, InputSpec] = MappingProxyType(
    {
        "mobilenet_face": CAFFE_224,
        "efficientnet_b0": IMAGENET_224,
        "efficientnet_b2": IMAGENET_260,
        "mobilevitv2_150": IMAGENET_224,
        "mobilefacenet": SYMMETRIC_112,
    }
)
#: Classes, and whether valence and arousal follow, by the number of outputs.
CLASSES_BY_OUTPUTS: Mapping[int, tuple[tuple[str, ...], bool]] = MappingProxyType(
    {
        7: (SEVEN_EMOTIONS, False),
        8: (EIGHT_EMOTIONS, False),
        9: (SEVEN_EMOTIONS, True),
        10: (EIGHT_EMOTIONS, True),
    }
)


@dataclass(frozen=True)
class CropSpec:
    """Which part of a frame a model wants to see of a face.

    Attributes:
        style: `level` is a square around the detector's box, turned so that the eyes are level;
            `box` is the detector's box itself, as the published models were trained and measured.
        scale: side of the square over the longer side of the box (`level`).
        shift_y: the square's centre below the box's centre, as a share of that side (`level`).
    """

    style: Literal["level", "box"] = "level"
    scale: float = 1.0
    shift_y: float = 0.0


@dataclass(frozen=True)
class ExpressionSpec:
    """What has to be known of an expression model to use it.

    Attributes:
        name: for reports, for example ``enet_b0_8_best_vgaf``.
        classes: emotion names in the order of the logits.
        architecture: a name that `engagement.networks.architectures.build` knows.
        input: how a crop becomes the network's input.
        crop: which part of the frame is the crop.
        predicts_affect: whether valence and arousal are the last two outputs.
        hidden: units of a hidden layer between embedding and outputs; 0 for none.
    """

    name: str
    classes: tuple[str, ...]
    architecture: str
    input: InputSpec
    crop: CropSpec = field(default_factory=CropSpec)
    predicts_affect: bool = False
    hidden: int = 0

    @property
    def outputs(self) -> int:
        """Length of the output vector."""
        return len(self.classes) + (2 if self.predicts_affect else 0)

    def to_json(self) -> str:
        """The description as one line of JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "ExpressionSpec":
        """Read what `to_json` wrote.

        Raises:
            ValueError, KeyError, TypeError: not such a text.
        """
        values = json.loads(text)
        values["classes"] = tuple(values["classes"])
        prepared = values["input"]
        prepared |= {"mean": tuple(prepared["mean"]), "std": tuple(prepared["std"])}
        return cls(**{**values, "input": InputSpec(**prepared), "crop": CropSpec(**values["crop"])})
