"""A copy that browsers play, for uploads whose codec or container they do not.

The copy is H.264 in MP4 with the same presentation times, so that the report's timeline fits it.
What a browser has recorded itself it plays, but its file has neither length nor index, so that
nobody can move in it: its packets are copied as they are into a file that has both.

What was uploaded stays beside the copy, byte for byte: its SHA-256 is what the student's browser
computed, an analysis again reads it, and the download of one's own data holds it. Both lie in the
recording's folder and go with it.
"""

import logging
import uuid
from pathlib import Path

from celery import shared_task
from django.db.models import F
from django.utils import timezone

from engagement.errors import VideoError
from webapp.recordings import queue, storage
from webapp.recordings.models import Recording
from webapp.recordings.queue import RENDER_TASK

logger = logging.getLogger(__name__)
Playback = Recording.Playback

_MOST_ATTEMPTS = 3
_ALWAYS_PLAYABLE = {"vp8", "vp9", "av1", "libdav1d"}
_PLAYABLE_FORMATS = {"yuv420p", "yuvj420p"}
_PLAYABLE_CONTAINERS = {"mov", "mp4", "matroska", "webm"}


def is_playable(codec: str, pixel_format: str, container: str) -> bool:
    """Whether current browsers play the combination without a plug-in.

    >>> is_playable("h264", "yuv420p", "mov,mp4,m4a,3gp,3g2,mj2")
    True
    >>> is_playable("hevc", "yuv420p", "mov,mp4,m4a,3gp,3g2,mj2")
    False
    """
    if not _PLAYABLE_CONTAINERS & set(container.split(",")):
        return False
    return codec in _ALWAYS_PLAYABLE | {"h264"} and pixel_format in _PLAYABLE_FORMATS


def consider(recording: Recording) -> None:
    """Looks at the codec once, and asks for a playable copy where one is needed."""
    if recording.playback != Playback.UNKNOWN:
        return
    from engagement.video.container import open_video
    from engagement.video.probe import declared_duration_s

    try:
        with open_video(recording.video_path) as (container, stream):
            context = stream.codec_context
            playable = is_playable(context.name, context.pix_fmt or "", container.format.name)
            whole = declared_duration_s(container, stream) is not None
    except VideoError:
        # The analysis says what is wrong with it.
        return
    unknown = Recording.objects.filter(pk=recording.pk, playback=Playback.UNKNOWN)
    if playable and whole:
        unknown.update(playback=Playback.ORIGINAL)
    elif unknown.update(playback=Playback.PREPARING) and queue.send_rendition(recording.pk):
        Recording.objects.filter(pk=recording.pk).update(playback_at=timezone.now())


@shared_task(name=RENDER_TASK)
def render(recording_id: str) -> None:
    """Makes the playable copy of a recording. Running it twice makes it twice, and harms nothing.

    A recording that kills its worker every time is given up as unplayable.
    """
    subject = Recording.objects.filter(pk=uuid.UUID(recording_id), playback=Playback.PREPARING)
    if not subject.update(playback_attempts=F("playback_attempts") + 1, playback_at=timezone.now()):
        return
    recording = subject.first()
    if recording is None:
        return
    if recording.playback_attempts > _MOST_ATTEMPTS:
        subject.update(playback=Playback.UNPLAYABLE)
        return
    target = storage.rendition_path(recording.pk)
    part = target.with_name(f".playable-{uuid.uuid4().hex}.part")
    try:
        _make_copy(recording.video_path, part)
        part.replace(target)
    except FileNotFoundError:
        logger.info("Recording %s was erased meanwhile", recording_id)
    except VideoError as error:
        logger.warning("No playable copy of %s: %s", recording_id, error)
        subject.update(playback=Playback.UNPLAYABLE)
    else:
        subject.update(playback=Playback.RENDITION)
    finally:
        part.unlink(missing_ok=True)


def _make_copy(source: Path, target: Path) -> None:
    # PyAV is loaded in the pool's process only.
    from engagement.video.container import open_video
    from workers.transcoding import rewrap, transcode

    with open_video(source) as (container, stream):
        context = stream.codec_context
        playable = is_playable(context.name, context.pix_fmt or "", container.format.name)
    if playable:
        rewrap(source, target)
    else:
        transcode(source, target)
