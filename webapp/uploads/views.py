"""The tus 1.0 protocol (tus.io) over HTTP: core, creation, creation-with-upload, termination,
checksum and expiration.

Sessions and CSRF are the site's own; clients send the token in the X-CSRFToken header. No form is
ever read here, so that a body reaches the disk without being held in memory.
"""

import re
import uuid
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.http import http_date
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt, csrf_protect

from webapp import access
from webapp.uploads import metadata, services
from webapp.uploads.checksums import ALGORITHMS, Checksum
from webapp.uploads.errors import (
    CutShortError,
    FullHouseError,
    GoneError,
    InvalidRequestError,
    MediaTypeError,
    NotLoggedInError,
    UnknownUploadError,
    UploadError,
    VersionError,
)
from webapp.uploads.models import Upload
from webapp.uploads.receiving import Body

VERSION = "1.0.0"
EXTENSIONS = "creation,creation-with-upload,termination,checksum,expiration"
#: Tell by its kind what has come of an upload.
HEADERS = {
    Upload.Kind.RECORDING: "Engagement-Recording",
    Upload.Kind.MEETING: "Engagement-Meeting",
    Upload.Kind.MATERIAL: "Engagement-Material",
}
_PIECE_TYPE = "application/offset+octet-stream"
_FORM_TYPES = ("application/x-www-form-urlencoded", "multipart/form-data")
_NUMBER = re.compile(r"[0-9]{1,18}")

_Handler = Callable[..., HttpResponse]


# Exempt, because the protection would read a form where it is sent one; `_answer` refuses those
# first, and its inner view is protected.
@csrf_exempt
def uploads(request: HttpRequest) -> HttpResponse:
    """OPTIONS tells what the server can do; POST begins an upload."""
    return _answer(request, {"OPTIONS": _options, "POST": _create})


@csrf_exempt
def upload(request: HttpRequest, upload_id: uuid.UUID) -> HttpResponse:
    """HEAD tells how much is here, PATCH sends more, DELETE gives it up."""
    handlers = {"OPTIONS": _options, "HEAD": _head, "PATCH": _patch, "DELETE": _delete}
    return _answer(request, handlers, upload_id)


def _answer(
    request: HttpRequest, handlers: dict[str, _Handler], *arguments: uuid.UUID
) -> HttpResponse:
    try:
        response = _handled(request, handlers, *arguments)
    except UploadError as error:
        if isinstance(error, CutShortError | FullHouseError):
            Body(request).hang_up()
        else:
            Body(request).drain()
        response = HttpResponse(
            f"{error}\n",
            "text/plain; charset=utf-8",
            error.status,
            error.reason,
            headers=error.headers,
        )
    response.headers["Tus-Resumable"] = VERSION
    response.headers["Cache-Control"] = "no-store"
    return response


def _handled(
    request: HttpRequest, handlers: dict[str, _Handler], *arguments: uuid.UUID
) -> HttpResponse:
    method = _method(request)
    if method not in handlers:
        allowed = ", ".join(handlers)
        text = _("An upload knows these methods: %(names)s.") % {"names": allowed}
        return HttpResponse(text, "text/plain; charset=utf-8", 405, headers={"Allow": allowed})
    if method == "OPTIONS":
        return _options(request)
    if request.headers.get("Tus-Resumable") != VERSION:
        text = _("This server speaks version %(version)s of the tus protocol.")
        raise VersionError(text % {"version": VERSION}, Tus_Version=VERSION)
    if not request.user.is_authenticated:
        raise NotLoggedInError(
            _("You are not logged in any more. Log in, and the upload goes on where it was."),
            WWW_Authenticate='Session realm="site"',
        )
    if request.content_type in _FORM_TYPES:
        raise _not_a_piece()
    return csrf_protect(handlers[method])(request, *arguments)


def _method(request: HttpRequest) -> str:
    """The request's method; a POST may stand for another one, where clients can send no other."""
    method = request.method or ""
    return request.headers.get("X-HTTP-Method-Override", method) if method == "POST" else method


def _options(request: HttpRequest, *arguments: Any) -> HttpResponse:
    headers = {
        "Tus-Version": VERSION,
        "Tus-Extension": EXTENSIONS,
        "Tus-Max-Size": str(settings.MAX_UPLOAD_BYTES),
        "Tus-Checksum-Algorithm": ",".join(ALGORITHMS),
    }
    return HttpResponse(status=204, headers=headers)


def _create(request: HttpRequest) -> HttpResponse:
    if "Upload-Defer-Length" in request.headers:
        raise InvalidRequestError(_("The file's size must be known when its upload begins."))
    size_bytes = _number(request, "Upload-Length")
    header = request.headers.get("Upload-Metadata", "")
    said = metadata.read(header, timezone.now())
    body = Body(request)
    with_upload = request.content_type == _PIECE_TYPE
    if body.announced != 0 and not with_upload:
        raise _not_a_piece()
    checksum = _checksum(request) if with_upload else None
    lesson = access.visible_lessons(request.user).filter(pk=said.lesson_id).first()
    if lesson is None:
        raise UnknownUploadError(_("There is no such lesson among your courses."))
    begun = services.begin(request.user, lesson, size_bytes, header, said)  # type: ignore[arg-type]
    headers = {"Location": reverse("uploads:upload", args=[begun.pk])}
    if not with_upload:
        return _done(begun, 201, headers)
    try:
        arrived = services.write(begun, 0, body, checksum)
    except UploadError as error:
        # The client needs the address to go on, whatever became of the first piece.
        error.headers |= headers
        raise
    return _done(begun, 201, headers | {"Upload-Offset": str(arrived)})


def _head(request: HttpRequest, upload_id: uuid.UUID) -> HttpResponse:
    found = _own(request, upload_id)
    headers = {
        "Upload-Offset": str(services.offset(found)),
        "Upload-Length": str(found.size_bytes),
    }
    if found.metadata:
        headers["Upload-Metadata"] = found.metadata
    return _done(found, 200, headers)


def _patch(request: HttpRequest, upload_id: uuid.UUID) -> HttpResponse:
    if request.content_type != _PIECE_TYPE:
        raise _not_a_piece()
    at = _number(request, "Upload-Offset")
    checksum = _checksum(request)
    found = _own(request, upload_id)
    arrived = services.write(found, at, Body(request), checksum)
    return _done(found, 204, {"Upload-Offset": str(arrived)})


def _delete(request: HttpRequest, upload_id: uuid.UUID) -> HttpResponse:
    services.terminate(_own(request, upload_id))
    return HttpResponse(status=204)


def _done(about: Upload, status: int, headers: dict[str, str]) -> HttpResponse:
    made = getattr(about, f"{about.kind}_id")
    if made:
        headers[HEADERS[Upload.Kind(about.kind)]] = str(made)
    else:
        headers["Upload-Expires"] = http_date(about.expires_at.timestamp())
    return HttpResponse(status=status, headers=headers)


def _own(request: HttpRequest, upload_id: uuid.UUID) -> Upload:
    found = access.own_uploads(request.user).filter(pk=upload_id).first()
    if found is None:
        raise UnknownUploadError(_("There is no such upload. Send the file again."))
    if found.is_expired:
        raise GoneError(_("This upload has expired. Send the file again."))
    return found


def _number(request: HttpRequest, name: str) -> int:
    text = request.headers.get(name, "")
    if not _NUMBER.fullmatch(text):
        raise InvalidRequestError(_("The header %(name)s must be a whole number.") % {"name": name})
    return int(text)


def _checksum(request: HttpRequest) -> Checksum | None:
    header = request.headers.get("Upload-Checksum")
    return None if header is None else Checksum(header)


def _not_a_piece() -> MediaTypeError:
    text = _("A piece of a file is sent with the content type %(type)s.")
    return MediaTypeError(text % {"type": _PIECE_TYPE})
