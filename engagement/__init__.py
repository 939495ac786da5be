"""Emotion and engagement over time in a recording of an online lesson.

    >>> from engagement import analyze                                   # doctest: +SKIP
    >>> result = analyze("lesson.mp4")                                   # doctest: +SKIP
    >>> result.analysis.summary.mean_engagement                          # doctest: +SKIP
    0.71

Importing the package is light; torch, OpenCV and PyAV load when `analyze` is first used.
"""

from typing import TYPE_CHECKING, Any

from engagement._version import __version__

if TYPE_CHECKING:
    from engagement.pipeline import analyze as analyze

__all__ = ["__version__", "analyze"]


def __getattr__(name: str) -> Any:
    if name == "analyze":
        from engagement.pipeline import analyze

        return analyze
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
