"""Finds what no living worker owns, and sends it again or ends it with a reason.

Every step is a conditional UPDATE, so any number of reapers may run at once.
"""

import datetime as dt
import logging
import os
import threading

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone

from webapp.notices import services as told
from webapp.recordings import queue, storage
from webapp.recordings.models import Analysis, Recording
from webapp.uploads import services as uploads
from workers import fit_claims, group_claims, materials, notices, reports, summaries
from workers.claims import stale_before
from workers.identity import is_known_dead

logger = logging.getLogger(__name__)
State = Analysis.State

# What lies in private storage without a row for this long belongs to no request any more.
_ORPHAN_AGE_S = 3600.0
_SWEEP_EVERY_S = 600.0
_MOST_SENT_AT_ONCE = 200


def reap() -> None:
    """One round over the rows."""
    free_abandoned()
    send_unsent()
    send_unsent_renditions()
    fit_claims.reap()
    summaries.reap()
    group_claims.reap()
    notices.reap()
    reports.reap()


def free_abandoned() -> int:
    """Takes running analyses from dead owners; returns how many there were."""
    freed = 0
    running = Analysis.objects.filter(state=State.RUNNING).only(
        "pk", "owner", "heartbeat_at", "attempts"
    )
    limit = stale_before()
    for analysis in running:
        silent = analysis.heartbeat_at is None or analysis.heartbeat_at < limit
        if silent or is_known_dead(analysis.owner):
            freed += _free(analysis)
    return freed


def _free(analysis: Analysis) -> int:
    # The heartbeat in the condition: an owner that came back to life in between keeps its claim.
    still_so = Analysis.objects.filter(
        pk=analysis.pk,
        state=State.RUNNING,
        owner=analysis.owner,
        heartbeat_at=analysis.heartbeat_at,
    )
    if analysis.attempts < settings.ANALYSIS_MAX_ATTEMPTS:
        logger.warning("Analysis %s lost its worker and is queued again", analysis.pk)
        return still_so.update(state=State.QUEUED, owner="", expected_at=None, sent_at=None)
    logger.error("Analysis %s lost its worker %d times", analysis.pk, analysis.attempts)
    with transaction.atomic():
        failed = still_so.update(
            state=State.FAILED,
            owner="",
            expected_at=None,
            finished_at=timezone.now(),
            error_code="worker_lost",
            error_text=(
                f"The analysis was begun {analysis.attempts} times, and each time the worker "
                "stopped before its end. Try a shorter recording, or convert it to MP4 (H.264)."
            ),
        )
        if failed:
            told.analysis_ended(analysis.pk)
    return failed


def send_unsent() -> int:
    """Sends queued analyses whose message was never sent, or may be lost; returns how many."""
    resend_before = timezone.now() - dt.timedelta(seconds=settings.ANALYSIS_RESEND_S)
    waiting = (
        Analysis.objects.filter(state=State.QUEUED)
        .filter(Q(sent_at__isnull=True) | Q(sent_at__lt=resend_before))
        .order_by("created_at")
        .values_list("pk", flat=True)[:_MOST_SENT_AT_ONCE]
    )
    sent = 0
    for analysis_id in list(waiting):
        if not queue.send_analysis(analysis_id):
            break
        sent += 1
    if sent:
        logger.info("Sent %d queued analyses", sent)
    return sent


def send_unsent_renditions() -> None:
    """Sends playable copies that nobody has worked on for a while."""
    before = timezone.now() - dt.timedelta(seconds=settings.ANALYSIS_RESEND_S)
    waiting = Recording.objects.filter(playback=Recording.Playback.PREPARING).filter(
        Q(playback_at__isnull=True) | Q(playback_at__lt=before)
    )
    for recording_id in list(waiting.values_list("pk", flat=True)[:_MOST_SENT_AT_ONCE]):
        if not queue.send_rendition(recording_id):
            break
        Recording.objects.filter(pk=recording_id).update(playback_at=timezone.now())


def sweep_files() -> None:
    """Removes partial and expired uploads, folders without a row, what ended analyses had kept."""
    for part in storage.leftovers(_ORPHAN_AGE_S):
        logger.info("Removing the partial upload %s", part.name)
        part.unlink(missing_ok=True)
    stored = list(storage.stored_ids(_ORPHAN_AGE_S))
    known = set(Recording.objects.filter(pk__in=stored).values_list("pk", flat=True))
    for recording_id in set(stored) - known:
        logger.info("Removing the files of %s, which has no row", recording_id)
        storage.erase(recording_id)
    _sweep_checkpoints()
    uploads.erase_expired()
    uploads.sweep_files(_ORPHAN_AGE_S)
    group_claims.sweep_files(_ORPHAN_AGE_S)
    fit_claims.sweep_files(_ORPHAN_AGE_S)
    summaries.sweep_files(_ORPHAN_AGE_S)
    materials.sweep_files(_ORPHAN_AGE_S)
    notices.sweep()


def _sweep_checkpoints() -> None:
    # Listed before the rows are read: an analysis is open before it has a checkpoint, and never
    # opens again.
    kept = list(storage.checkpoints())
    wanted = Analysis.objects.filter(pk__in=[key for _, key in kept], state__in=Analysis.OPEN)
    needed = set(wanted.values_list("pk", flat=True))
    for recording_id, analysis_id in kept:
        if analysis_id not in needed:
            logger.info("Removing the checkpoint of analysis %s, which has ended", analysis_id)
            storage.drop_checkpoint(recording_id, analysis_id)


class ReaperThread:
    """Runs the rounds in a worker's main process until it is stopped.

    The pool forks from the same process whenever it needs a new child. A child that is born in
    the middle of a round would inherit an open database connection (SQLite's locks do not survive
    that) and locks that nobody releases, so a fork waits for the end of the round.
    """

    def __init__(self, interval_s: float) -> None:
        self._interval_s = interval_s
        self._stop = threading.Event()
        self._round = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="reaper", daemon=True)
        os.register_at_fork(
            before=self._round.acquire,
            after_in_parent=self._round.release,
            after_in_child=self._round.release,
        )

    def start(self) -> None:
        """Begins with a round at once: the worker may have been away."""
        if not self._thread.is_alive():
            self._thread.start()

    def stop(self) -> None:
        """No further round begins."""
        self._stop.set()

    def _run(self) -> None:
        rounds_a_sweep = max(1, round(_SWEEP_EVERY_S / self._interval_s))
        number = 0
        while not self._stop.is_set():
            with self._round:
                self._one_round(sweeping=number % rounds_a_sweep == 0)
            number += 1
            self._stop.wait(self._interval_s)

    @staticmethod
    def _one_round(*, sweeping: bool) -> None:
        try:
            reap()
            if sweeping:
                sweep_files()
        except Exception:
            # Whatever is away now, the next round tries again.
            logger.exception("The reaper's round failed")
        finally:
            connection.close()
