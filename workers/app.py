"""The Celery application of the workers.

    celery -A workers.app worker

How it survives failures: the database is the truth and a message only a nudge. A message is
acknowledged when its task has ended, so a killed worker's message comes back; a task begins by
claiming its row (see `claims`), so a message that comes twice does nothing; and the reaper, a
timer thread in every worker's main process, sends again whatever no living worker owns. A thread
needs no second kind of process to be kept alive, unlike Celery's beat, and runs while the pool is
busy; that several workers do it at once is harmless, since every step is a conditional UPDATE.
"""

import os
from collections.abc import Callable

from celery import Celery
from celery.signals import worker_init, worker_ready, worker_shutting_down
from django.conf import settings
from kombu import Queue

from workers.threads import limit_threads

# The sender's `webapp.recordings.queue.TASK_ROUTES`: its models cannot be imported yet.
_TASK_ROUTES = {
    "workers.notices.*": {"queue": "mail"},
    "workers.reports.*": {"queue": "reports"},
}

# Celery sets Django up by itself when this is known before the application is made.
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webapp.config.settings")

app = Celery("engagement", broker=settings.CELERY_BROKER_URL)
app.conf.update(
    include=[
        "workers.analysis",
        "workers.groups",
        "workers.playback",
        "workers.calibration",
        "workers.summaries",
        "workers.notices",
        "workers.reports",
    ],
    # What takes a second waits for the analysis that runs, not for all that are queued: its queues
    # are looked at first.
    task_queues=[Queue("mail"), Queue("reports"), Queue("celery")],
    task_default_queue="celery",
    task_routes=_TASK_ROUTES,
    task_ignore_result=True,
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=1,
    worker_concurrency=settings.WORKER_CONCURRENCY,
    # A fresh process now and then bounds what a leaking decoder can take.
    worker_max_tasks_per_child=50,
    # A hung decoder is ended; its row is then taken up again or failed by the reaper.
    task_time_limit=6 * 3600,
    # A message whose worker vanished is offered again after this long. It must exceed the longest
    # task; the reaper is what recovers quickly.
    broker_transport_options={
        "visibility_timeout": 12 * 3600,
        "queue_order_strategy": "priority",
    },
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    worker_cancel_long_running_tasks_on_connection_loss=False,
    worker_hijack_root_logger=False,
    worker_send_task_events=False,
    worker_enable_remote_control=False,
)

_stop_reaper: list[Callable[[], None]] = []


@worker_init.connect
def _before_the_pool_forks(**kwargs: object) -> None:
    # Heavy libraries are first imported by the pool's processes, which inherit this.
    limit_threads(settings.WORKER_THREADS, settings.WORKER_CONCURRENCY)


@worker_ready.connect
def _when_ready(**kwargs: object) -> None:
    # Models can be imported only now that Django is set up.
    from workers.reaper import ReaperThread

    reaper = ReaperThread(settings.REAPER_INTERVAL_S)
    _stop_reaper.append(reaper.stop)
    reaper.start()


@worker_shutting_down.connect
def _when_stopping(**kwargs: object) -> None:
    for stop in _stop_reaper:
        stop()
