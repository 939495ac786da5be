"""One family of errors.

Every error that a user may see derives from `EngagementError`. Its message is one sentence
that says what happened, to which input, and what to do. `permanent` tells a worker whether a
second try can help: a broken file stays broken (`True`), a full disk may not (`False`).
`code` is a stable, machine-readable name for the same thing.
"""


class EngagementError(Exception):
    """Base of every error that the package raises on purpose.

    Attributes:
        code: stable identifier, for example ``video_truncated``.
        permanent: whether trying again with the same input must fail again.
    """

    code: str = "error"
    permanent: bool = True

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        if code is not None:
            self.code = code


class VideoError(EngagementError):
    """The input cannot be read as a video."""

    code = "video_unreadable"


class ModelError(EngagementError):
    """A model is unknown, absent, or does not fit the network it should fill."""

    code = "model_unusable"


class DataError(EngagementError):
    """A data set for training or evaluation is not laid out as it must be."""

    code = "data_unusable"


class OutputError(EngagementError):
    """A result cannot be written where it was asked for."""

    code = "output_unwritable"
    permanent = False


class CancelledError(EngagementError):
    """The caller asked the analysis to stop."""

    code = "cancelled"
    permanent = False
