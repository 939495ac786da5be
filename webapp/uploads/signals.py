"""Follows what happens elsewhere: erased rows, withdrawn consent, people who leave a course."""

import functools
from typing import Any

from django.db import transaction
from django.db.models.signals import post_delete, post_save
from django.dispatch import receiver

from webapp.courses.models import Enrolment
from webapp.privacy.models import Consent
from webapp.uploads import services, storage
from webapp.uploads.models import Upload


@receiver(post_delete, sender=Upload)
def erase_files(instance: Upload, **kwargs: Any) -> None:
    """After the commit, so that a rolled-back deletion loses nothing."""
    transaction.on_commit(functools.partial(storage.erase, instance.pk))


@receiver(post_save, sender=Consent)
def erase_of_who_withdrew(instance: Consent, **kwargs: Any) -> None:
    """In the same transaction as the withdrawal, which itself erases the student's recordings."""
    if instance.withdrawn_at is not None:
        services.erase_unfinished(instance.user, instance.course, {Upload.Kind.RECORDING})


@receiver(post_delete, sender=Enrolment)
def erase_of_who_left(instance: Enrolment, **kwargs: Any) -> None:
    """Whoever has no part in the course any more can finish no upload to it."""
    students = {Upload.Kind.RECORDING}
    is_student = instance.role == Enrolment.Role.STUDENT
    kinds = students if is_student else set(Upload.Kind) - students
    services.erase_unfinished(instance.user, instance.course, kinds)
