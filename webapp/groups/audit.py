"""Lines of the audit log about group recordings.

A line about a whole group recording carries its id where others carry a recording's.
"""

import datetime as dt
import uuid

from django.utils import timezone

from webapp.accounts.models import User
from webapp.groups.models import GroupRecording
from webapp.privacy.models import AccessLog
from webapp.privacy.services import log_access as log_recording

__all__ = ["log_faces", "log_group", "log_recording"]

# A page of faces is loaded again and again while people are matched; that is one look.
_ONE_LOOK = dt.timedelta(minutes=10)


def log_group(actor: User, group_id: uuid.UUID, subject_id: int, action: AccessLog.Action) -> None:
    """`actor` did `action` to the student in the group recording."""
    AccessLog.objects.create(
        actor=actor, subject_id=subject_id, recording_id=group_id, action=action
    )


def log_faces(actor: User, group: GroupRecording, action: AccessLog.Action) -> None:
    """`actor` saw the faces of a meeting: a line for each student who is matched by then.

    Before anybody is matched nobody knows whose faces they are, and the line names the actor.
    """
    matched = group.people.exclude(student=None).values_list("student_id", flat=True)
    recent = AccessLog.objects.filter(
        actor=actor, recording_id=group.pk, action=action, at__gte=timezone.now() - _ONE_LOOK
    )
    seen = set(recent.values_list("subject_id", flat=True))
    AccessLog.objects.bulk_create(
        AccessLog(actor=actor, subject_id=one, recording_id=group.pk, action=action)
        for one in sorted((set(matched) or {actor.pk}) - seen)
    )
