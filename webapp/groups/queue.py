"""Telling the workers that a group recording has a step to be done."""

import uuid

from django.utils import timezone

from webapp.groups.models import GroupRecording
from webapp.recordings import queue

GROUP_TASK = "workers.groups.work"


def send_group(group_id: uuid.UUID) -> bool:
    """Asks a worker to do the group's queued step; False if the broker is away."""
    if not queue.send(GROUP_TASK, group_id):
        return False
    GroupRecording.objects.filter(pk=group_id).update(sent_at=timezone.now())
    return True
