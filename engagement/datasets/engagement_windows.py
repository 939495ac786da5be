"""Windows of embeddings that somebody has labelled with a level of engagement."""

from dataclasses import dataclass

from engagement.types import Floats

TWO_LEVELS = ("distracted", "engaged")
FOUR_LEVELS = ("very low", "low", "high", "very high")


@dataclass(frozen=True)
class LabelledWindow:
    """One stretch of one person's track, and what it was labelled.

    Attributes:
        person: whose it is; the same person is never both trained on and tested on.
        embeddings: ``(n, d)`` float32 of the observations inside, in order of time; n may differ
            from window to window, since frames without a face are not in it.
        level: index into the set's levels, 0 the lowest.
        key: names the window in messages and results.
    """

    person: str
    embeddings: Floats
    level: int
    key: str = ""


@dataclass(frozen=True)
class WindowSet:
    """Labelled windows, and what their embeddings are.

    Attributes:
        windows: the windows.
        levels: names of the levels, lowest first.
        embedding_model: name of the expression model that made the embeddings.
        window_s: length of the windows in seconds of presentation time.
        sampling_fps: observations a second, 0 where every frame was taken.
        source: what they are, for the card of a model that was trained on them.
    """

    windows: tuple[LabelledWindow, ...]
    levels: tuple[str, ...]
    embedding_model: str
    window_s: float
    sampling_fps: float
    source: str
