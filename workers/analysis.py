"""The task that analyses a recording."""

import json
import logging
import time
import uuid
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from celery import shared_task
from django.conf import settings
from django.db import Error as DatabaseError
from django.db import transaction

from engagement.errors import EngagementError, ModelError, OutputError
from webapp.recordings.models import Analysis
from webapp.recordings.queue import ANALYSE_TASK
from workers import calibrated, checkpoints, claims, playback
from workers.identity import owner_name
from workers.pace import Pace
from workers.pulse import Pulse

if TYPE_CHECKING:
    from engagement.pipeline import Analyzer

logger = logging.getLogger(__name__)

_FIRST_RETRY_S = 10
_PROGRAM_FAULT = (
    "The analysis stopped because of a fault in the program, which has been logged. "
    "Try again; if it happens again, tell an administrator."
)
_NO_MODEL = (
    "The platform's emotion model could not be loaded; this is not about your recording. Tell an "
    "administrator, and try again when it is mended."
)
_NO_ROOM = (
    "The platform could not store what the analysis found; this is not about your recording, which "
    "is kept. Tell an administrator, and try again when there is room on its disk."
)
_NO_MEMORY = (
    "The analysis needed more memory than the worker has. Try a shorter recording, or one of "
    "lower resolution."
)


@shared_task(name=ANALYSE_TASK, bind=True)
def analyse(self: Any, analysis_id: str) -> None:
    """Runs a queued analysis to its end: finished, failed with a reason, or queued again.

    Safe to run any number of times, by any number of workers. A database that goes away in
    between is left to the reaper, which sees the claim go stale.
    """
    owner = owner_name(self.request.id)
    analysis = claims.claim(uuid.UUID(analysis_id), owner)
    if analysis is None:
        logger.info("Analysis %s needs no work", analysis_id)
        return
    logger.info("Analysis %s begins, attempt %d", analysis_id, analysis.attempts)
    try:
        playback.consider(analysis.recording)
        _run(analysis, owner)
    except claims.ClaimLostError:
        logger.info("Analysis %s is no longer this task's", analysis_id)
    except ModelError as error:
        # What to do about it is the administrator's, and so is the sentence.
        logger.error("The model %r cannot be used: %s", analysis.model_requested, error)  # noqa: TRY400
        claims.fail(analysis.pk, owner, error.code, _NO_MODEL)
    except OutputError as error:
        # It names the server's folders.
        logger.error("What analysis %s found cannot be stored: %s", analysis_id, error)  # noqa: TRY400
        _try_later(self, analysis, owner, error.code, _NO_ROOM)
    except EngagementError as error:
        text = for_uploader(
            str(error), analysis.recording.video_path, analysis.recording.original_name
        )
        logger.info("Analysis %s ended with %s: %s", analysis_id, error.code, error)
        if error.permanent:
            claims.fail(analysis.pk, owner, error.code, text)
        else:
            _try_later(self, analysis, owner, error.code, text)
    except MemoryError:
        logger.exception("Analysis %s ran out of memory", analysis_id)
        claims.fail(analysis.pk, owner, "out_of_memory", _NO_MEMORY)
    except DatabaseError:
        raise
    except Exception:
        logger.exception("Analysis %s met a fault of the program", analysis_id)
        claims.fail(analysis.pk, owner, "program_fault", _PROGRAM_FAULT)
    claims.clear_away(analysis)


def for_uploader(text: str, path: Path, original_name: str) -> str:
    """The sentence with the uploader's own file name in place of the private path."""
    return text.replace(str(path), original_name).replace(path.name, original_name)


@lru_cache(maxsize=1)
def analyzer_for(model: str) -> "Analyzer":
    """The loaded models, kept by the process from one recording to the next."""
    # Imported here, in the pool's process: torch and its threads must not exist before a fork.
    from engagement.pipeline import Analyzer

    return Analyzer(model)


def _run(analysis: Analysis, owner: str) -> None:
    """Analyses the video and writes its results.

    Raises:
        claims.ClaimLostError: the recording was erased, or the analysis stopped or taken over.
        EngagementError: with a sentence for the student.
    """
    pace = Pace()

    def beat(done: float) -> bool:
        return claims.beat(analysis.pk, owner, done, pace.left_s(done, time.monotonic()))

    with Pulse(beat, every_s=0.0, begun=analysis.progress) as pulse:
        try:
            _analyse_and_write(analysis, owner, pulse)
        except claims.ClaimLostError:
            raise
        except Exception as error:
            # The pulse stops work that is no longer ours, and erasure removes the files under it.
            # What then goes wrong, wherever it was, is no fault of the program.
            if pulse.lost or not claims.is_ours(analysis.pk, owner):
                raise claims.ClaimLostError(str(analysis.pk)) from error
            raise


def _analyse_and_write(analysis: Analysis, owner: str, pulse: Pulse) -> None:
    recording = analysis.recording
    analyzer = analyzer_for(analysis.model_requested)
    # Loading takes seconds, and cannot be stopped in its middle.
    pulse.check()
    classifier = calibrated.classifier_for(recording, analyzer.expression_model)
    with checkpoints.locked(analysis.checkpoint_path) as checkpoint:
        result = analyzer.analyze(
            recording.video_path,
            fps=analysis.sampling_fps,
            on_progress=pulse.progress,
            engagement="auto" if classifier is None else classifier.path,
            checkpoint=checkpoint,
        )
    document = json.loads(result.analysis.to_json())
    document["source"]["file"] = recording.original_name
    part = recording.embeddings_path.with_name(f".embeddings-{uuid.uuid4().hex}.part")
    try:
        result.write_embeddings(part)
        with transaction.atomic():
            claims.finish(analysis, owner, document, part)
            calibrated.note(analysis, classifier)
    finally:
        part.unlink(missing_ok=True)


def _try_later(task: Any, analysis: Analysis, owner: str, code: str, text: str) -> None:
    """Queues a failure that may pass for another try, until the attempts are used up."""
    if analysis.attempts >= settings.ANALYSIS_MAX_ATTEMPTS:
        claims.fail(analysis.pk, owner, code, text)
        return
    delay_s = _FIRST_RETRY_S * 4 ** (analysis.attempts - 1)
    logger.warning("Analysis %s is tried again in %d s", analysis.pk, delay_s)
    if claims.give_back(analysis.pk, owner):
        task.apply_async(args=[str(analysis.pk)], countdown=delay_s)
