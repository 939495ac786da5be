"""`emotiefflib.facial_analysis`, on torch or ONNX Runtime."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from engagement.hsemotion.scoring import LoadedModel, face_images, load_onnx, load_torch, titles
from engagement.runtimes.base import Floats
from engagement.types import Pixels
from engagement.windows.sequences import FrameWindows, slide
from engagement.windows.single_attention import (
    AttentionClassifier,
    SingleAttention,
    published_card,
)


def get_model_list() -> list[str]:
    """Names of the models that this class takes, on either engine.

    Those that `emotiefflib` names, in its order; then what was published in the same two forms.
    """
    return [
        "enet_b0_8_best_vgaf",
        "enet_b0_8_best_afew",
        "enet_b2_8",
        "enet_b0_8_va_mtl",
        "enet_b2_7",
        "mbf_va_mtl",
        "mobilevit_va_mtl",
        "enet_b2_8_best",
    ]


def get_supported_engines() -> list[str]:
    """Names of the engines."""
    return ["torch", "onnx"]


class EmotiEffLibRecognizerBase:
    """Methods of the recognizer, whatever runs the network.

    Attributes:
        idx_to_emotion_class: ``{0: "Anger", ...}``.
        idx_to_engagement_class: ``{0: "Distracted", 1: "Engaged"}``.
        is_mtl: whether the last two scores are valence and arousal.
        img_size: side of the network's input in pixels.
        classifier_weights: ``(k, d)`` of the linear head.
        classifier_bias: ``(k,)`` of the linear head.
    """

    def __init__(self, loaded: LoadedModel) -> None:
        self._loaded = loaded
        self._attention: SingleAttention | None = None
        self.idx_to_emotion_class = titles(loaded.spec)
        self.idx_to_engagement_class = {0: "Distracted", 1: "Engaged"}
        self.is_mtl = loaded.spec.predicts_affect
        self.img_size = loaded.spec.input.size
        self.mean, self.std = list(loaded.spec.input.mean), list(loaded.spec.input.std)
        self.classifier_weights = loaded.weights
        self.classifier_bias = loaded.bias

    def extract_features(self, face_img: Pixels | Sequence[Pixels]) -> Floats:
        """Embeddings ``(n, d)`` float32 of one RGB face image (n = 1) or a list of them.

        Raises:
            TypeError, DataError: what was given is no such image.
        """
        return self._loaded.features(face_images(face_img))

    def classify_emotions(self, features: Floats, logits: bool = True) -> tuple[list[str], Floats]:
        """Names of the strongest emotions of embeddings ``(n, d)``, and scores ``(n, k)``.

        Args:
            logits: scores as the network gives them; False for probabilities of the emotions
                (valence and arousal, behind them, stay as they are).
        """
        strongest, scores = self._loaded.scores(features, logits=logits)
        return [self.idx_to_emotion_class[int(i)] for i in strongest], scores

    def predict_emotions(
        self, face_img: Pixels | Sequence[Pixels], logits: bool = True
    ) -> tuple[list[str], Floats]:
        """`classify_emotions` of one RGB face image or a list of them; always lists.

        Raises:
            TypeError, DataError: what was given is no such image.
        """
        return self.classify_emotions(self.extract_features(face_img), logits)

    def classify_engagement(
        self, features: Floats, sliding_window_width: int = 128
    ) -> tuple[list[str], Floats]:
        """Engagement of every window of consecutive embeddings ``(n, 1280)``.

        As published, the window slides by one frame and the last position is left out: there are
        ``n - sliding_window_width`` windows.

        Returns:
            ``Distracted`` or ``Engaged`` a window, and scores ``(windows, 2)``.

        Raises:
            ValueError: fewer frames than one window has, or embeddings of another length.
            ModelError: the classifier's file is absent and cannot be fetched.
        """
        if len(features) < sliding_window_width:
            raise ValueError(
                f"{len(features)} frames are fewer than the sliding window's "
                f"{sliding_window_width}. Give more frames or a shorter window."
            )
        if self._attention is None:
            self._attention = SingleAttention.published()
        if features.shape[1] != self._attention.embedding_size:
            raise ValueError(
                f"The engagement classifier takes embeddings of {self._attention.embedding_size} "
                f"numbers, not {features.shape[1]}. Use an EfficientNet-B0 model."
            )
        classifier = AttentionClassifier(published_card(self._attention), self._attention)
        rows = enumerate(np.asarray(features, dtype=np.float32))
        windows = slide(classifier, FrameWindows(sliding_window_width), rows)
        scores = np.array([w.probabilities for w in windows], np.float32).reshape(-1, 2)
        names = [self.idx_to_engagement_class[int(i)] for i in scores.argmax(axis=1)]
        return names, scores

    def predict_engagement(
        self, face_imgs: Sequence[Pixels], sliding_window_width: int = 128
    ) -> tuple[list[str], Floats]:
        """`classify_engagement` of a sequence of RGB face images."""
        return self.classify_engagement(self.extract_features(face_imgs), sliding_window_width)


class EmotiEffLibRecognizerTorch(EmotiEffLibRecognizerBase):
    """On torch. See `EmotiEffLibRecognizer`."""

    def __init__(
        self,
        model_name: str = "enet_b0_8_best_vgaf",
        device: str = "cpu",
        *,
        weights: Path | str | None = None,
    ) -> None:
        self.device = device
        super().__init__(load_torch(model_name, device, weights))


class EmotiEffLibRecognizerOnnx(EmotiEffLibRecognizerBase):
    """On ONNX Runtime. See `EmotiEffLibRecognizer`."""

    def __init__(
        self, model_name: str = "enet_b0_8_best_vgaf", *, weights: Path | str | None = None
    ) -> None:
        super().__init__(load_onnx(model_name, weights))


def EmotiEffLibRecognizer(  # noqa: N802 - the published name of this function
    engine: str = "torch",
    model_name: str = "enet_b0_8_best_vgaf",
    device: str = "cpu",
    *,
    weights: Path | str | None = None,
) -> EmotiEffLibRecognizerTorch | EmotiEffLibRecognizerOnnx:
    """A recognizer, as `emotiefflib.facial_analysis` makes it.

    Args:
        engine: ``torch`` or ``onnx``.
        model_name: a name of ``engagement models``. Its file is fetched, and verified, where it is
            not there yet.
        device: for torch: ``cpu``, ``cuda``, or another device.
        weights: a file to take the weights from instead; it is not verified.

    Raises:
        ValueError: another engine.
        ModelError: unknown, cannot be fetched, or weights that do not fit.
    """
    if engine not in get_supported_engines():
        raise ValueError(f"There is no engine {engine!r}. Choose torch or onnx.")
    if engine == "torch":
        return EmotiEffLibRecognizerTorch(model_name, device, weights=weights)
    return EmotiEffLibRecognizerOnnx(model_name, weights=weights)
