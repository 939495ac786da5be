"""`hsemotion.facial_emotions`, on torch."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from engagement.hsemotion.scoring import LoadedModel, face_images, load_torch, titles
from engagement.runtimes.base import Floats
from engagement.types import Pixels


class _Recognizer:
    """Methods of `HSEmotionRecognizer`, whatever runs the network.

    Attributes:
        idx_to_class: names of the emotions, ``{0: "Anger", ...}``.
        is_mtl: whether the last two scores are valence and arousal.
        img_size: side of the network's input in pixels.
        classifier_weights: ``(k, d)`` of the linear head.
        classifier_bias: ``(k,)`` of the linear head.
    """

    def __init__(self, loaded: LoadedModel) -> None:
        self._loaded = loaded
        self.idx_to_class = titles(loaded.spec)
        self.is_mtl = loaded.spec.predicts_affect
        self.img_size = loaded.spec.input.size
        self.classifier_weights = loaded.weights
        self.classifier_bias = loaded.bias

    def get_probab(self, features: Floats) -> Floats:
        """Logits ``(n, k)`` of embeddings ``(n, d)``. The name is the published package's."""
        return self._loaded.logits(features)

    def extract_features(self, face_img: Pixels) -> Floats:
        """Embedding ``(1, d)`` float32 of one RGB face image ``(h, w, 3)`` uint8.

        Raises:
            TypeError, DataError: it is no such image.
        """
        return self._loaded.features(face_images(face_img))

    def extract_multi_features(self, face_img_list: Sequence[Pixels]) -> Floats:
        """Embeddings ``(n, d)`` float32 of a list of RGB face images.

        Raises:
            TypeError, DataError: one is no such image.
        """
        return self._loaded.features(face_images(list(face_img_list)))

    def predict_emotions(self, face_img: Pixels, logits: bool = True) -> tuple[str, Floats]:
        """Name of the strongest emotion of one face, and its scores ``(k,)``.

        Args:
            logits: scores as the network gives them; False for probabilities of the emotions
                (valence and arousal, behind them, stay as they are).

        Raises:
            TypeError, DataError: it is no RGB face image.
        """
        strongest, scores = self._loaded.scores(self.extract_features(face_img), logits=logits)
        return self.idx_to_class[int(strongest[0])], scores[0]

    def predict_multi_emotions(
        self, face_img_list: Sequence[Pixels], logits: bool = True
    ) -> tuple[list[str], Floats]:
        """`predict_emotions` of a list of faces: names, and scores ``(n, k)``.

        Raises:
            TypeError, DataError: one is no RGB face image.
        """
        features = self.extract_multi_features(face_img_list)
        strongest, scores = self._loaded.scores(features, logits=logits)
        return [self.idx_to_class[int(i)] for i in np.asarray(strongest)], scores


class HSEmotionRecognizer(_Recognizer):
    """Emotions and embeddings of face images, as `hsemotion.facial_emotions` gives them.

    Args:
        model_name: a name of ``engagement models``. Its file is fetched, and verified, where it is
            not there yet.
        device: ``cpu``, ``cuda`` (or ``gpu``), or another torch device.
        weights: a file to take the weights from instead; it is not verified.

    Raises:
        ModelError: unknown, cannot be fetched, or weights that do not fit.
    """

    def __init__(
        self,
        model_name: str = "enet_b0_8_best_vgaf",
        device: str = "cpu",
        *,
        weights: Path | str | None = None,
    ) -> None:
        self.device = device
        super().__init__(load_torch(model_name, device, weights))
