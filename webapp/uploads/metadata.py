"""What a client says about a file: the `Upload-Metadata` header of tus 1.0.

The header is `key value,key value`, each value in base64. Of the keys, `lesson` is needed;
`kind` (`recording`, as without it, `meeting` or `material`), `filename`, `filetype`, `sha256`
(hexadecimal, of the whole file) and `started_at` (ISO 8601 with an offset, when the recording began
by the student's clock) are read where they are given; of a material, `title`, `starts` and `cues`
as well, as its form takes them.
"""

import base64
import binascii
import datetime as dt
import re
from dataclasses import dataclass

from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _

from webapp.recordings.naming import display_name
from webapp.uploads.errors import InvalidRequestError
from webapp.uploads.models import Upload

_SHA256 = re.compile(r"[0-9a-f]{64}")
_OLDEST = dt.timedelta(days=365)


@dataclass(frozen=True, slots=True)
class Metadata:
    """What was announced, as far as it is used."""

    lesson_id: int
    kind: Upload.Kind
    name: str
    sha256: str
    started_at: dt.datetime | None
    facts: dict[str, str]


def parse(header: str) -> dict[str, str]:
    """The pairs of the header.

    Raises:
        InvalidRequestError: it is not what the protocol says.
    """
    pairs: dict[str, str] = {}
    for pair in header.split(",") if header.strip() else []:
        key, _space, value = pair.strip().partition(" ")
        if not key or not key.isascii() or key in pairs:
            raise InvalidRequestError(_("The Upload-Metadata header has a key that is no key."))
        try:
            pairs[key] = base64.b64decode(value.strip(), validate=True).decode()
        except (binascii.Error, ValueError):
            text = _("The value of “%(key)s” in Upload-Metadata is not base64 of a text.")
            raise InvalidRequestError(text % {"key": key}) from None
    return pairs


def read(header: str, now: dt.datetime) -> Metadata:
    """What the header says about a file.

    Raises:
        InvalidRequestError: it cannot be read, or names no lesson.
    """
    pairs = parse(header)
    lesson = pairs.get("lesson", "")
    if not re.fullmatch(r"[0-9]{1,18}", lesson):
        raise InvalidRequestError(_("Upload-Metadata must name the lesson by its number."))
    kind = pairs.get("kind", Upload.Kind.RECORDING)
    if kind not in Upload.Kind.values:
        raise InvalidRequestError(
            _("“kind” in Upload-Metadata must be one of: %(names)s.")
            % {"names": ", ".join(Upload.Kind.values)}
        )
    sha256 = pairs.get("sha256", "").lower()
    if sha256 and not _SHA256.fullmatch(sha256):
        raise InvalidRequestError(_("“sha256” in Upload-Metadata must be 64 hexadecimal digits."))
    return Metadata(
        lesson_id=int(lesson),
        kind=Upload.Kind(kind),
        name=display_name(pairs.get("filename", "")),
        sha256=sha256,
        started_at=plausible_start(pairs.get("started_at", ""), now),
        facts=facts(pairs),
    )


def facts(pairs: dict[str, str]) -> dict[str, str]:
    """What is said about a lesson's own video or slides."""
    return {name: pairs.get(name, "") for name in ("title", "starts", "cues")}


def plausible_start(text: str, now: dt.datetime) -> dt.datetime | None:
    """When the recording began, or None where that cannot be so: clocks of students are wrong."""
    try:
        at = parse_datetime(text)
    except ValueError:
        return None
    if at is None or at.tzinfo is None or not now - _OLDEST <= at <= now:
        return None
    return at
