"""`hsemotion_onnx.facial_emotions`, on ONNX Runtime."""

from pathlib import Path

from engagement.hsemotion.facial_emotions import _Recognizer
from engagement.hsemotion.scoring import load_onnx


class HSEmotionRecognizer(_Recognizer):
    """Emotions and embeddings of face images, as `hsemotion_onnx.facial_emotions` gives them.

    Args:
        model_name: a name of ``engagement models`` that was published as ONNX. Its file is
            fetched, and verified, where it is not there yet.
        weights: an ONNX file to use instead; it is not verified.

    Raises:
        ModelError: unknown, not published as ONNX, cannot be fetched, or ONNX Runtime is missing.
    """

    def __init__(
        self, model_name: str = "enet_b0_8_best_vgaf", *, weights: Path | str | None = None
    ) -> None:
        super().__init__(load_onnx(model_name, weights))
