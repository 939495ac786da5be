"""The task that makes lesson summaries, and its part of the reaper's rounds."""

import logging
import shutil
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

from celery import shared_task
from django.conf import settings
from django.db import Error as DatabaseError
from django.db import transaction

from engagement.errors import EngagementError
from engagement.report.schema import Analysis as Document
from webapp.recordings.models import Analysis
from webapp.reports.selectors import read_document
from webapp.summaries import queue, selectors, storage
from webapp.summaries.models import LessonSummary
from webapp.summaries.queue import SUMMARISE_TASK
from workers.analysis import for_uploader
from workers.claims import ClaimLostError
from workers.identity import owner_name
from workers.owned import OwnedRows
from workers.pulse import Pulse

if TYPE_CHECKING:
    from engagement.summaries.schema import LessonSummary as Made

logger = logging.getLogger(__name__)

_rows = OwnedRows(LessonSummary, "The summary")
_PROGRAM_FAULT = (
    "The summary stopped because of a fault in the program, which has been logged. "
    "Try again; if it happens again, tell an administrator."
)
_NO_MEMORY = "The summary needed more memory than the worker has. Tell an administrator."


@shared_task(name=SUMMARISE_TASK, bind=True)
def summarise(self: Any, summary_id: str) -> None:
    """Makes a queued summary: it ends finished, or failed with a reason.

    Safe to run any number of times, by any number of workers. A database that goes away in
    between is left to the reaper, which sees the claim go stale.
    """
    owner, key = owner_name(self.request.id), uuid.UUID(summary_id)
    if not _rows.claim(key, owner):
        logger.info("Summary %s needs no work", key)
        return
    try:
        summary = _rows.ours(key, owner).get()
        _run(summary, owner)
    except (ClaimLostError, LessonSummary.DoesNotExist):
        logger.info("Summary %s is no longer this task's", key)
    except EngagementError as error:
        logger.info("Summary %s ended with %s: %s", key, error.code, error)
        _rows.fail(key, owner, error.code, _public(error, summary))
    except MemoryError:
        logger.exception("Summary %s ran out of memory", key)
        _rows.fail(key, owner, "out_of_memory", _NO_MEMORY)
    except DatabaseError:
        raise
    except Exception:
        logger.exception("Summary %s met a fault of the program", key)
        _rows.fail(key, owner, "program_fault", _PROGRAM_FAULT)


def reap() -> None:
    """One round over the summaries: see `OwnedRows.reap`."""
    _rows.reap(queue.send_summary)


def sweep_files(older_than_s: float) -> None:
    """Removes the files of classes' summaries that have no row; others go with recordings."""
    stored = set(storage.stored_class_ids(older_than_s))
    known = LessonSummary.objects.filter(pk__in=stored).values_list("pk", flat=True)
    for key in stored - set(known):
        logger.info("Removing the files of summary %s, which has no row", key)
        storage.erase(key, None)


def _public(error: EngagementError, summary: LessonSummary) -> str:
    text = str(error)
    for analysis in summary.analyses.select_related("recording"):
        recording = analysis.recording
        text = for_uploader(text, recording.video_path, recording.original_name)
    return text


def _run(summary: LessonSummary, owner: str) -> None:
    """Makes the files and writes them with the finished state.

    Raises:
        ClaimLostError: a recording was erased, or the summary taken over.
        EngagementError: with a sentence for the reader.
    """
    every_s = settings.ANALYSIS_STALE_S / 5
    with Pulse(lambda done: _rows.beat(summary.pk, owner, done), every_s) as pulse:
        try:
            part = storage.part(summary.pk, summary.recording_id)
            try:
                made = _make(summary, part, pulse)
                _finish(summary, owner, made, part)
            finally:
                shutil.rmtree(part, ignore_errors=True)
        except ClaimLostError:
            raise
        except Exception as error:
            # Erasure removes the files under the work; what then goes wrong is no fault.
            if pulse.lost or not _rows.ours(summary.pk, owner).exists():
                raise ClaimLostError(str(summary.pk)) from error
            raise


def _make(summary: LessonSummary, out: Path, pulse: Pulse) -> "Made":
    # Imported here, in the pool's process: decoders must not be loaded before a fork.
    from engagement.summaries.summarise import Recorded, summarise, summarise_class

    analyses = list(
        summary.analyses.select_related("recording").order_by("recording__student__name", "pk")
    )
    if not analyses:
        raise ClaimLostError("Nothing that it was to be made from is there any more.")
    if summary.lesson is None:
        recorded = Recorded(analyses[0].recording.video_path, read_document(analyses[0]))
        return summarise(recorded, out, on_progress=pulse.progress)
    recordings = [Recorded(one.recording.video_path, _named(one)) for one in analyses]
    of = max(selectors.student_count(summary.lesson), len(analyses))
    return summarise_class(recordings, out, of=of, on_progress=pulse.progress)


def _named(analysis: Analysis) -> Document:
    """The document with its recording's id for a file name: the page knows each face by it."""
    document = read_document(analysis)
    source = document.source.model_copy(update={"file": str(analysis.recording_id)})
    return document.model_copy(update={"source": source})


def _finish(summary: LessonSummary, owner: str, made: "Made", part: Path) -> None:
    document = made.model_dump(mode="json", by_alias=True)
    with transaction.atomic():
        if not _rows.finish(summary.pk, owner, document=document):
            raise ClaimLostError(str(summary.pk))
        # Inside the transaction: a finished summary always has its files, and an erasure, which
        # waits for this row, cannot miss them.
        try:
            part.replace(summary.folder)
        except FileNotFoundError as error:
            raise ClaimLostError("The recording's folder is gone.") from error
        older = LessonSummary.objects.filter(
            recording=summary.recording, lesson=summary.lesson
        ).exclude(pk=summary.pk)
        for one in older:
            one.delete()
