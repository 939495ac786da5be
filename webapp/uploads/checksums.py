"""The `Upload-Checksum` header of tus 1.0: one piece's checksum, sent with the piece."""

import base64
import binascii
import hashlib
import hmac
from typing import Any, Final

from django.utils.translation import gettext as _

from webapp.uploads.errors import ChecksumError, InvalidRequestError

ALGORITHMS: Final = ("sha1", "sha256", "md5")


class Checksum:
    """What a piece's bytes are compared with, once all of them were given to `update`.

    Raises:
        InvalidRequestError: the header is not `algorithm base64`, or names an unknown algorithm.
    """

    def __init__(self, header: str) -> None:
        algorithm, _space, value = header.strip().partition(" ")
        if algorithm not in ALGORITHMS:
            text = _("The algorithm of Upload-Checksum must be one of: %(names)s.")
            raise InvalidRequestError(text % {"names": ", ".join(ALGORITHMS)})
        # Against damage on the way, not against somebody who wants to deceive.
        self._hash: Any = hashlib.new(algorithm, usedforsecurity=False)
        try:
            self._expected = base64.b64decode(value.strip(), validate=True)
        except binascii.Error:
            self._expected = b""
        if len(self._expected) != self._hash.digest_size:
            raise InvalidRequestError(
                _("The value of Upload-Checksum is not a checksum in base64.")
            )

    def update(self, data: bytes) -> None:
        """Takes the next bytes of the piece."""
        self._hash.update(data)

    def verify(self) -> None:
        """Returns if the piece is as it was sent.

        Raises:
            ChecksumError: it is not.
        """
        if not hmac.compare_digest(self._hash.digest(), self._expected):
            raise ChecksumError(
                _("A piece of the file was damaged on its way, and was discarded. Send it again.")
            )
