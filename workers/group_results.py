"""What is made of one student in a group recording: a recording of theirs, with its report."""

import json
import os
import uuid
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from engagement.files import sha256_of
from engagement.group.people import People
from engagement.pipeline import AnalysisResult
from engagement.report import build
from engagement.report.embeddings import write_embeddings
from engagement.report.sampled import Sampled
from webapp.accounts.models import User
from webapp.groups.models import GroupPerson, GroupRecording, GroupResult
from webapp.recordings import storage
from webapp.recordings.models import Analysis, Recording
from workers import claims, group_claims


def exists(group: GroupRecording, student: User) -> bool:
    """Whether the student already has a result of what is matched to them."""
    made = Recording.objects.filter(student=student, group_result__person__group=group)
    return made.exists()


def document_of(result: AnalysisResult, people: People, number: int, file: str) -> dict[str, Any]:
    """The analysis of one person alone, as the contract writes it."""
    whole = result.analysis
    track = next(track for track in whole.tracks if track.id == number)
    mine = Sampled(
        tuple(float(t) for t in people.times),
        people.source.duration_s,
        tuple(o for o in result.observations if o.track_id == number),
        tuple(whole.models.expression.classes),
    )
    alone = whole.model_copy(
        update={
            "source": whole.source.model_copy(update={"file": file}),
            "tracks": [track],
            "presence": build.build_presence(mine),
            "group_affect": [],
            "summary": track.summary,
            "warnings": build.build_warnings([track], track.summary, people.damaged),
        }
    )
    document: dict[str, Any] = json.loads(alone.to_json())
    return document


def make(
    group: GroupRecording,
    owner: str,
    person: GroupPerson,
    student: User,
    people: People,
    result: AnalysisResult,
    video: Path,
) -> Analysis:
    """Makes the recording of the student that `person` is, with its finished analysis.

    Args:
        video: the copy in which everybody else is blurred; it is moved into the recording.

    Returns:
        the finished analysis.

    Raises:
        ClaimLostError: the group's step is no longer the owner's; nothing is kept.
    """
    recording_id = uuid.uuid4()
    embeddings = video.with_suffix(".parquet")
    write_embeddings(
        [o for o in result.observations if o.track_id == person.number],
        result.analysis.models.expression.name,
        embeddings,
    )
    document = document_of(result, people, person.number, group.original_name)
    size, sha256 = video.stat().st_size, sha256_of(video)
    sync(video)
    storage.adopt(video, recording_id)
    try:
        with transaction.atomic():
            group_claims.lock(group.pk, owner)
            recording = Recording.objects.create(
                id=recording_id,
                lesson=group.lesson,
                student=student,
                original_name=group.original_name,
                size_bytes=size,
                sha256=sha256,
                playback=Recording.Playback.ORIGINAL,
            )
            analysis = Analysis.objects.create(
                recording=recording,
                state=Analysis.State.RUNNING,
                owner=owner,
                attempts=1,
                model_requested=settings.EXPRESSION_MODEL,
                sampling_fps=people.sampling_fps,
                started_at=timezone.now(),
                heartbeat_at=timezone.now(),
            )
            claims.finish(analysis, owner, document, embeddings)
            GroupResult.objects.create(person=person, recording=recording)
    except BaseException:
        if not Recording.objects.filter(pk=recording_id).exists():
            storage.erase(recording_id)
        raise
    return analysis


def sync(path: Path) -> None:
    """Makes the file's bytes survive a power cut."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
