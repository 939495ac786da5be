"""What has come of recordings, for lists of many: asked of all of them at once."""

from django.db.models import Exists, OuterRef, Q, QuerySet

from webapp.recordings.models import Analysis, Recording

State = Analysis.State


def newest_finished(recordings: QuerySet[Recording]) -> QuerySet[Analysis]:
    """Of each of the recordings that has a report, the analysis that it is made from; unordered.

    The recordings are asked for in a query of their own, so that a database starts with them:
    in a join it may as well go through every finished analysis of the site.
    """
    later = Q(finished_at__gt=OuterRef("finished_at")) | Q(
        finished_at=OuterRef("finished_at"), created_at__gt=OuterRef("created_at")
    )
    newer = Analysis.objects.filter(later, recording=OuterRef("recording"), state=State.FINISHED)
    wanted = recordings.order_by().values("pk")
    return Analysis.objects.filter(
        ~Exists(newer), recording__in=wanted, state=State.FINISHED
    ).order_by()


def with_progress(recordings: QuerySet[Recording]) -> QuerySet[Recording]:
    """The recordings, each with what has come of it.

    `has_report`: an analysis is finished. `is_open`: there is none yet, and one is under way.
    `has_failed`: neither, and one has failed.
    """
    analyses = Analysis.objects.filter(recording=OuterRef("pk"))
    finished = Exists(analyses.filter(state=State.FINISHED))
    under_way = Exists(analyses.filter(state__in=[State.QUEUED, State.RUNNING]))
    failed = Exists(analyses.filter(state=State.FAILED))
    return recordings.annotate(has_report=finished).annotate(
        is_open=~finished & under_way, has_failed=~finished & ~under_way & failed
    )
