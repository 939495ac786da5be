"""Everything that changes uploads: begun, written to, finished, ended, erased."""

import contextlib
import datetime as dt
import functools
import hashlib
import logging
import shutil
import uuid
from collections.abc import Iterator, Set
from pathlib import Path

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from webapp import access
from webapp.accounts.models import User
from webapp.courses import materials
from webapp.courses.models import Course, Lesson, LessonMaterial
from webapp.groups import services as groups
from webapp.groups.models import GroupRecording
from webapp.privacy import services as privacy
from webapp.recordings import services as recordings
from webapp.recordings import storage as recordings_storage
from webapp.recordings.models import Recording
from webapp.recordings.uploads import EMPTY_FILE, ReceivedFile, too_large_text
from webapp.uploads import metadata, receiving, storage
from webapp.uploads.checksums import Checksum
from webapp.uploads.errors import (
    BusyError,
    GoneError,
    InvalidRequestError,
    NoSpaceError,
    NotAllowedError,
    OffsetError,
    TooLargeError,
    TooManyError,
    WholeFileError,
)
from webapp.uploads.metadata import Metadata
from webapp.uploads.models import Upload

logger = logging.getLogger(__name__)

_MOST_UNFINISHED = 50
# A connection that has just been lost lets go of its upload within this time.
_PATIENCE_S = 1.0


def begin(sender: User, lesson: Lesson, size_bytes: int, header: str, said: Metadata) -> Upload:
    """An empty upload of that size. `header` is the metadata as sent, `said` what it means.

    Raises:
        NotAllowedError: the sender may not upload this to the lesson, or who must consent has not.
        InvalidRequestError, TooLargeError, TooManyError, NoSpaceError: see their texts.
    """
    _require_permission(sender, lesson, said.kind)
    if said.kind == Upload.Kind.MATERIAL:
        try:
            materials.facts_of(said.facts)
        except materials.MaterialRefusedError as refusal:
            raise InvalidRequestError(str(refusal)) from None
    if size_bytes > settings.MAX_UPLOAD_BYTES:
        raise TooLargeError(too_large_text())
    if size_bytes == 0:
        raise InvalidRequestError(str(EMPTY_FILE))
    if Upload.objects.unfinished().filter(sender=sender).count() >= _MOST_UNFINISHED:
        raise TooManyError(
            _("You have begun many uploads without finishing them. Finish some, or cancel them.")
        )
    if shutil.disk_usage(storage.uploads_dir()).free < size_bytes:
        raise NoSpaceError(_("The server has no room for this file now. Try again later."))
    upload_id = uuid.uuid4()
    storage.create(upload_id)
    try:
        with transaction.atomic():
            if said.kind == Upload.Kind.RECORDING:
                privacy.require_consent(sender, lesson.course)
            return Upload.objects.create(
                id=upload_id,
                kind=said.kind,
                sender=sender,
                lesson=lesson,
                name=said.name,
                size_bytes=size_bytes,
                metadata=header,
                sha256=said.sha256,
                started_at=said.started_at,
                expires_at=timezone.now() + dt.timedelta(hours=settings.UPLOAD_EXPIRES_H),
            )
    except privacy.ConsentMissingError:
        storage.erase(upload_id)
        raise _no_consent() from None
    except BaseException:
        storage.erase(upload_id)
        raise


def offset(upload: Upload) -> int:
    """How many bytes are safely here.

    A whole upload that a crash kept from being finished is finished now: a client that sees that
    nothing is left to send sends nothing more.

    Raises:
        GoneError, BusyError, and what `write` raises at the end.
    """
    with _locked(upload) as part:
        if part is None:
            return upload.size_bytes
        part.sync()
        arrived = part.size_bytes
        if arrived == upload.size_bytes:
            _finish(upload, part)
    return arrived


def write(upload: Upload, at: int, body: receiving.Body, checksum: Checksum | None = None) -> int:
    """Appends a request's body at that offset; the last byte makes the upload what it is to be.

    Returns the new offset, which is on the disk; if that is the end, what came of it is set in
    `upload`, in the field of its kind.

    Raises:
        OffsetError: the file has more or fewer bytes than the client thinks.
        GoneError, BusyError: it expired or was erased; it is being written to.
        InvalidRequestError: its beginning is of no file that can be attached; it is erased.
        WholeFileError: the whole file is not the announced one. Its bytes stay until the client
            erases them, or until it expires.
        NotAllowedError: permission or consent ended in the meantime; the upload is erased.
        UploadError: see `receiving.append`.
    """
    with receiving.a_place(), _locked(upload) as part:
        arrived = upload.size_bytes if part is None else part.size_bytes
        if at != arrived:
            text = _("The server has %(arrived)s bytes of this upload: go on from there.")
            raise OffsetError(text % {"arrived": arrived}, Upload_Offset=str(arrived))
        if part is None:
            return arrived
        if not connection.in_atomic_block:
            # An hour may pass until it is needed again.
            connection.close()
        receiving.append(part, body, upload.size_bytes - at, checksum)
        if part.is_erased:
            raise _gone()
        arrived = part.size_bytes
        if at < materials.HEAD_BYTES <= arrived:
            _look_at_beginning(upload, part)
        if arrived == upload.size_bytes:
            _finish(upload, part)
    return arrived


def terminate(upload: Upload) -> None:
    """Ends an upload, and erases what has arrived. A recording that came of one stays.

    Raises:
        GoneError, BusyError: it expired or was erased; it is being written to.
    """
    with _locked(upload):
        upload.delete()


def erase_unfinished(sender: User, course: Course, kinds: Set[Upload.Kind]) -> None:
    """Erases what somebody has begun to upload in the course; requests under way notice."""
    begun = Upload.objects.unfinished().filter(sender=sender, lesson__course=course, kind__in=kinds)
    for upload in begun:
        upload.delete()


def erase_expired() -> int:
    """Erases unfinished uploads past their time, and forgets finished ones; returns how many."""
    erased = 0
    for upload in Upload.objects.filter(expires_at__lte=timezone.now()):
        try:
            with storage.Part(upload.pk):
                upload.delete()
        except storage.LockedError:
            continue
        except FileNotFoundError:
            upload.delete()
        erased += 1
    if erased:
        logger.info("Removed %d uploads past their time", erased)
    return erased


def sweep_files(older_than_s: float) -> None:
    """Removes files that no unfinished upload owns: something was killed between file and row."""
    stored = set(storage.stored_ids(older_than_s))
    unfinished = Upload.objects.unfinished().filter(pk__in=stored)
    for upload_id in stored - set(unfinished.values_list("pk", flat=True)):
        logger.info("Removing the file of upload %s, which has no row", upload_id)
        storage.erase(upload_id)


@contextlib.contextmanager
def _locked(upload: Upload) -> Iterator[storage.Part | None]:
    """The upload's file, with `upload` as it is while nobody else changes it; None: it is finished.

    Raises:
        GoneError: it expired or was erased.
        BusyError: another request holds it.
    """
    with contextlib.ExitStack() as held:
        part: storage.Part | None = None
        try:
            part = held.enter_context(storage.Part(upload.pk, _PATIENCE_S))
        except storage.LockedError:
            text = _("This upload is still being written to. Try again in a moment.")
            raise BusyError(text, Retry_After="2") from None
        except FileNotFoundError:
            logger.debug("Upload %s has no file: it is finished, or gone", upload.pk)
        try:
            upload.refresh_from_db(fields=["recording", "meeting", "material"])
        except Upload.DoesNotExist:
            raise _gone() from None
        if not upload.is_finished and (part is None or upload.is_expired):
            raise _gone()
        yield None if upload.is_finished else part


def _look_at_beginning(upload: Upload, part: storage.Part) -> None:
    """Refuses a file that cannot become what it is to be before all of it is sent.

    Raises:
        InvalidRequestError: it is nothing that could be attached; the upload is erased.
    """
    if upload.kind != Upload.Kind.MATERIAL:
        return
    try:
        materials.required_kind(part.path)
    except materials.MaterialRefusedError as refusal:
        upload.delete()
        raise InvalidRequestError(str(refusal)) from None


def _finish(upload: Upload, part: storage.Part) -> None:
    """Makes the whole file a recording of its kind, in the way of the form.

    The recording gets a second name of the same file, so that a crash at any point leaves the
    upload as it was: finishing it is tried again by the client's next request.
    """
    sha256 = _sha256(part.path)
    if upload.sha256 not in ("", sha256):
        raise WholeFileError(
            _(
                "What arrived is not the file that was announced: its checksum differs. Cancel "
                "this upload, and send the file again."
            )
        )
    received = ReceivedFile(
        id=uuid.uuid4(),
        part=recordings_storage.incoming_dir() / f"{upload.pk}.part",
        name=upload.name,
        size_bytes=upload.size_bytes,
        sha256=sha256,
    )
    try:
        _require_permission(upload.sender, upload.lesson, Upload.Kind(upload.kind))
        part.touch()
        received.discard()
        received.part.hardlink_to(part.path)
        _accept(upload, received)
    except privacy.ConsentMissingError:
        upload.delete()
        raise _no_consent() from None
    except groups.GroupRefusedError as refusal:
        upload.delete()
        raise NotAllowedError(str(refusal)) from None
    except materials.MaterialRefusedError as refusal:
        upload.delete()
        raise InvalidRequestError(str(refusal)) from None
    except NotAllowedError:
        upload.delete()
        raise
    storage.erase(upload.pk)


def _accept(upload: Upload, received: ReceivedFile) -> None:
    also = functools.partial(_mark_finished, upload)
    about = (received, upload.lesson, upload.sender)
    match upload.kind:
        case Upload.Kind.MEETING:
            groups.accept(*about, also=also)
        case Upload.Kind.MATERIAL:
            facts = materials.facts_of(metadata.facts(metadata.parse(upload.metadata)))
            materials.attach_file(*about, facts, also=also)
        case _:
            recordings.accept(*about, started_at=upload.started_at, also=also)


def _mark_finished(upload: Upload, made: Recording | GroupRecording | LessonMaterial) -> None:
    """In the transaction that makes it."""
    if not Upload.objects.unfinished().filter(pk=upload.pk).update(**{upload.kind: made}):
        raise _gone()
    setattr(upload, upload.kind, made)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _require_permission(sender: User, lesson: Lesson, kind: Upload.Kind) -> None:
    if kind == Upload.Kind.MEETING:
        if not access.can_work_on_groups(sender, lesson.course):
            raise NotAllowedError(
                _("Only instructors of the course may upload a recording of its meeting.")
            )
        try:
            groups.require_somebody(lesson.course)
        except groups.GroupRefusedError as refusal:
            raise NotAllowedError(str(refusal)) from None
        return
    if kind == Upload.Kind.MATERIAL:
        if not access.can_attach(sender, lesson.course):
            raise NotAllowedError(
                _("Only instructors of the course may attach a video or slides to its lessons.")
            )
        return
    if not access.can_upload(sender, lesson):
        raise NotAllowedError(_("Only students of the course may upload to this lesson."))
    if not privacy.has_consent(sender, lesson.course):
        raise _no_consent()


def _no_consent() -> NotAllowedError:
    return NotAllowedError(
        _("You have not given consent in this course, so nothing was kept. Read what is measured.")
    )


def _gone() -> GoneError:
    return GoneError(_("This upload has expired or was erased. Send the file again."))
