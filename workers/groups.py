"""The task that does the next step of a group recording: find its people, analyse, or redact."""

import logging
import uuid
from collections.abc import Callable
from typing import Any

from celery import shared_task
from django.conf import settings
from django.db import Error as DatabaseError

from engagement.errors import EngagementError, ModelError
from webapp.groups.models import GroupRecording
from webapp.groups.queue import GROUP_TASK
from workers import group_claims
from workers.analysis import for_uploader
from workers.claims import ClaimLostError
from workers.identity import owner_name
from workers.pulse import Pulse

logger = logging.getLogger(__name__)
Step = GroupRecording.Step

_FIRST_RETRY_S = 10
_PROGRAM_FAULT = (
    "This stopped because of a fault in the program, which has been logged. Try again; if it "
    "happens again, tell an administrator."
)
_NO_MODEL = (
    "A model of the platform could not be loaded; this is not about your recording. Tell an "
    "administrator, and try again when it is mended."
)
_NO_MEMORY = (
    "This needed more memory than the worker has. Try a shorter recording, or one of lower "
    "resolution."
)


@shared_task(name=GROUP_TASK, bind=True)
def work(self: Any, group_id: str) -> None:
    """Does the step that the row asks for: it ends done, failed with a reason, or queued again.

    Safe to run any number of times, by any number of workers.
    """
    owner = owner_name(self.request.id)
    group = group_claims.claim(uuid.UUID(group_id), owner)
    if group is None:
        logger.info("Group recording %s needs no work", group_id)
        return
    logger.info("Group recording %s: %s, attempt %d", group_id, group.step, group.attempts)
    try:
        _run(group, owner)
    except ClaimLostError:
        logger.info("Group recording %s is no longer this task's", group_id)
    except ModelError as error:
        logger.error("A model cannot be used: %s", error)  # noqa: TRY400
        group_claims.rows.fail(group.pk, owner, error.code, _NO_MODEL)
    except EngagementError as error:
        text = for_uploader(str(error), group.video_path, group.original_name)
        logger.info("Group recording %s ended with %s: %s", group_id, error.code, error)
        if error.permanent:
            group_claims.rows.fail(group.pk, owner, error.code, text)
        else:
            _try_later(self, group, owner, error.code, text)
    except MemoryError:
        logger.exception("Group recording %s ran out of memory", group_id)
        group_claims.rows.fail(group.pk, owner, "out_of_memory", _NO_MEMORY)
    except DatabaseError:
        raise
    except Exception:
        logger.exception("Group recording %s met a fault of the program", group_id)
        group_claims.rows.fail(group.pk, owner, "program_fault", _PROGRAM_FAULT)


def _run(group: GroupRecording, owner: str) -> None:
    every_s = settings.ANALYSIS_STALE_S / 5
    with Pulse(lambda done: group_claims.rows.beat(group.pk, owner, done), every_s) as pulse:
        try:
            _step(group)(group, owner, pulse)
        except ClaimLostError:
            raise
        except Exception as error:
            # What goes wrong after the claim was taken away is no fault of the program.
            if pulse.lost or not group_claims.rows.ours(group.pk, owner).exists():
                raise ClaimLostError(str(group.pk)) from error
            raise


def _step(group: GroupRecording) -> Callable[[GroupRecording, str, Pulse], None]:
    # Imported here, in the pool's process: torch and its threads must not exist before a fork.
    from workers import group_steps

    if group.redact_pending:
        # Whatever else was asked for, nothing is read from the recording before this is done.
        return group_steps.redact
    return {Step.FIND: group_steps.find, Step.ANALYSE: group_steps.analyse}.get(
        Step(group.step), group_steps.redact
    )


def _try_later(task: Any, group: GroupRecording, owner: str, code: str, text: str) -> None:
    """Queues a failure that may pass for another try, until the attempts are used up."""
    if group.attempts >= settings.ANALYSIS_MAX_ATTEMPTS:
        group_claims.rows.fail(group.pk, owner, code, text)
        return
    delay_s = _FIRST_RETRY_S * 4 ** (group.attempts - 1)
    logger.warning("Group recording %s is tried again in %d s", group.pk, delay_s)
    if group_claims.give_back(group.pk, owner):
        task.apply_async(args=[str(group.pk)], countdown=delay_s)
