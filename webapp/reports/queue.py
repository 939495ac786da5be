"""Telling the workers that a report of before has to be prepared.

Its tasks have a queue of their own, which workers look at before that of the analyses: each takes a
second, and an analysis takes minutes.
"""

import uuid

from webapp.recordings import queue

PREPARE_TASK = "workers.reports.prepare"


def send_prepare(analysis_id: uuid.UUID) -> bool:
    """Asks a worker to make what is missing of a report; False if the broker is away.

    Nothing is lost then: the reaper asks again, and whoever opens the report makes it.
    """
    return queue.send(PREPARE_TASK, analysis_id)
