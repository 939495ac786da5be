"""What is made of somebody's recording goes when it goes, whichever way it went."""

import functools
from typing import Any

from django.db import transaction
from django.db.models.signals import post_delete, pre_delete
from django.dispatch import receiver

from webapp.recordings.models import Recording
from webapp.summaries import storage
from webapp.summaries.models import LessonSummary


@receiver(pre_delete, sender=Recording)
def erase_class_summaries(instance: Recording, **kwargs: Any) -> None:
    """A class's summary shows faces of everybody it was made from; the others make it anew."""
    LessonSummary.objects.filter(analyses__recording=instance, recording=None).delete()


@receiver(post_delete, sender=LessonSummary)
def erase_files(instance: LessonSummary, **kwargs: Any) -> None:
    """After the commit, so that a rolled-back deletion loses nothing."""
    transaction.on_commit(functools.partial(storage.erase, instance.pk, instance.recording_id))
