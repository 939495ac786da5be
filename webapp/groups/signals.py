"""Follows what happens elsewhere: files of erased rows, withdrawn consent, people who leave."""

import functools
from typing import Any

from django.db import transaction
from django.db.models.signals import post_delete, post_save
from django.dispatch import receiver

from webapp.courses.models import Enrolment
from webapp.groups import services, storage
from webapp.groups.models import GroupRecording, GroupResult
from webapp.privacy.models import Consent


@receiver(post_delete, sender=GroupRecording)
def erase_files(instance: GroupRecording, **kwargs: Any) -> None:
    """After the commit, so that a rolled-back deletion loses nothing."""
    transaction.on_commit(functools.partial(storage.erase, instance.pk))


@receiver(post_save, sender=Consent)
def forget_who_withdrew(instance: Consent, **kwargs: Any) -> None:
    """In the same transaction as the withdrawal, which itself erases the student's recordings."""
    if instance.withdrawn_at is not None:
        services.forget(instance.user, instance.course)


@receiver(post_delete, sender=Enrolment)
def forget_who_left(instance: Enrolment, **kwargs: Any) -> None:
    """Whoever is no student of the course any more is in none of its meetings' results."""
    if instance.role == Enrolment.Role.STUDENT:
        services.forget(instance.user, instance.course, erase_recordings=True)


@receiver(post_delete, sender=GroupResult)
def keep_erased_results_away(instance: GroupResult, **kwargs: Any) -> None:
    """The student, or an admin, erased the recording that was made of a person."""
    if not instance.superseded:
        services.result_was_erased(instance.person_id)
