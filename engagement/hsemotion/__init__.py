"""The classes of the `hsemotion`, `hsemotion_onnx` and `emotiefflib` packages, by the same names.

Whoever uses one of them changes an import and keeps the rest::

    from hsemotion.facial_emotions import HSEmotionRecognizer         # before
    from engagement.hsemotion.facial_emotions import HSEmotionRecognizer

    from hsemotion_onnx.facial_emotions import HSEmotionRecognizer    # before
    from engagement.hsemotion.facial_emotions_onnx import HSEmotionRecognizer

    from emotiefflib.facial_analysis import EmotiEffLibRecognizer     # before
    from engagement.hsemotion.facial_analysis import EmotiEffLibRecognizer

Methods, arguments, return types and shapes are theirs, and with the same weights so are the numbers
(``make oracle`` compares them). What differs is under ``docs/moving-from-hsemotion.md``: files are
verified before they are used and never unpickled, batches of any length fit into memory, and input
that is no face image ends in a sentence.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from engagement.hsemotion.facial_analysis import EmotiEffLibRecognizer as EmotiEffLibRecognizer
    from engagement.hsemotion.facial_analysis import get_model_list as get_model_list
    from engagement.hsemotion.facial_analysis import get_supported_engines as get_supported_engines
    from engagement.hsemotion.facial_emotions import HSEmotionRecognizer as HSEmotionRecognizer

__all__ = [
    "EmotiEffLibRecognizer",
    "HSEmotionRecognizer",
    "get_model_list",
    "get_supported_engines",
]


def __getattr__(name: str) -> Any:
    # Light until used, as the rest of the package.
    if name == "HSEmotionRecognizer":
        from engagement.hsemotion.facial_emotions import HSEmotionRecognizer

        return HSEmotionRecognizer
    if name in __all__:
        from engagement.hsemotion import facial_analysis

        return getattr(facial_analysis, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
