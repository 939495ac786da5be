"""Erases files when their row is gone, whichever way it went (page, admin, cascade)."""

import functools
from typing import Any

from django.db import transaction
from django.db.models.signals import post_delete
from django.dispatch import receiver

from webapp.recordings import storage
from webapp.recordings.models import Recording


@receiver(post_delete, sender=Recording)
def erase_files(instance: Recording, **kwargs: Any) -> None:
    """After the commit, so that a rolled-back deletion loses nothing."""
    transaction.on_commit(functools.partial(storage.erase, instance.pk))
