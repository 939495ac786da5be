"""Why an upload is refused: each with the HTTP status of its answer and a sentence for people."""


class UploadError(Exception):
    """Base of what can go wrong with an upload. The message is shown to the student.

    Attributes:
        status: of the HTTP answer; those of the tus protocol where it names one.
        reason: of the answer, where the status is not HTTP's own.
        headers: that the answer has besides.
    """

    status = 400
    reason: str | None = None

    def __init__(self, text: str, **headers: str) -> None:
        super().__init__(text)
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


class InvalidRequestError(UploadError):
    """A header is missing, or cannot be read."""


class NotLoggedInError(UploadError):
    status = 401


class NotAllowedError(UploadError):
    """The student may not upload to this lesson, or has not consented."""

    status = 403


class UnknownUploadError(UploadError):
    """There is none of that name, or it is another person's."""

    status = 404


class CutShortError(UploadError):
    """The body ended, or nothing came any more, before all of it had arrived."""

    status = 408


class OffsetError(UploadError):
    """The client and the server disagree about how much has arrived."""

    status = 409


class GoneError(UploadError):
    """It expired, or was erased."""

    status = 410


class VersionError(UploadError):
    status = 412


class TooLargeError(UploadError):
    status = 413


class MediaTypeError(UploadError):
    status = 415


class WholeFileError(UploadError):
    """The file is whole, but not the one that was announced."""

    status = 422


class BusyError(UploadError):
    """Another request of the same upload is being written."""

    status = 423


class TooManyError(UploadError):
    """The student has begun too many uploads without finishing them."""

    status = 429


class ChecksumError(UploadError):
    """A piece arrived damaged, and was discarded."""

    status = 460
    reason = "Checksum Mismatch"


class FullHouseError(UploadError):
    """As many uploads as the web server can take at once are being written."""

    status = 503


class NoSpaceError(UploadError):
    """The disk is full, or refuses to be written to."""

    status = 507
