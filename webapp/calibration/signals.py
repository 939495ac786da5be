"""What is made of somebody's recordings goes when these go, whichever way they went."""

import functools
from typing import Any

from django.db import transaction
from django.db.models.signals import post_delete, pre_delete
from django.dispatch import receiver
from django.utils import timezone

from webapp.calibration import storage
from webapp.calibration.models import Classifier
from webapp.recordings.models import Recording


@receiver(pre_delete, sender=Recording)
def retire_what_was_fitted_on_it(instance: Recording, **kwargs: Any) -> None:
    """Ends the use of every classifier that learned from the recording, and erases its file.

    The course's classifier keeps its card, which names nobody; a student's own is erased whole.
    """
    learned = Classifier.objects.filter(fitted_on=instance)
    for classifier in learned.filter(student__isnull=False):
        classifier.delete()
    for classifier in learned:
        was_in_use = classifier.in_use
        Classifier.objects.filter(pk=classifier.pk).update(
            in_use=False,
            verdict=Classifier.Verdict.ERASED,
            used_until=timezone.now() if was_in_use else classifier.used_until,
            out_of_fold={},
        )
        _erase_after_commit(classifier)


@receiver(post_delete, sender=Classifier)
def erase_file(instance: Classifier, **kwargs: Any) -> None:
    """After the commit, so that a rolled-back deletion loses nothing."""
    _erase_after_commit(instance)


def _erase_after_commit(classifier: Classifier) -> None:
    transaction.on_commit(functools.partial(storage.erase, classifier.pk))
