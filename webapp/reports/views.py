"""The report of one recording: the page, the data of its charts, and its downloads.

Every view finds the recording through `webapp.access`, so that what a reader may not see does not
exist for them, and writes the access log before it answers, a 304 included.
"""

import uuid
from collections.abc import Callable, Iterable
from typing import TypeVar

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_safe

from engagement.report.schema import Analysis as Document
from webapp import access
from webapp.privacy.models import AccessLog
from webapp.privacy.services import log_access
from webapp.recordings.models import Analysis, AnalysisDocument, Recording
from webapp.reports import corrections, exports, ready, selectors
from webapp.reports.answers import etag_of, packed_json, validated

Action = AccessLog.Action
# As the player takes them, and as they are read.
_SPEEDS = [(rate, f"{rate} ×") for rate in ("0.5", "0.75", "1", "1.25", "1.5", "2")]  # noqa: RUF001
Attachment = TypeVar("Attachment", JsonResponse, StreamingHttpResponse)


@gzip_page
@login_required
@require_safe
def recording(request: HttpRequest, recording_id: uuid.UUID) -> HttpResponse:
    """The report's page, or the state of the analysis while there is no report yet."""
    found = _visible(request, recording_id)
    latest, finished = selectors.newest_and_finished(found)
    context = {
        "recording": found,
        "latest": latest,
        "can_retry": latest is not None and access.can_retry(request.user, latest),
        "is_own": found.student_id == request.user.pk,
        "speeds": _SPEEDS,
        "standing": access.standing(request.user, found.lesson.course),
    }
    if finished is None:
        return _waiting(request, context)
    if getattr(request, "htmx", False):
        # The page was polling for this moment: let the browser load the whole report.
        return HttpResponse(headers={"HX-Refresh": "true"})
    log_access(request.user, found, Action.REPORT)
    try:
        context["report"] = selectors.read_report(finished, request.GET.get("track", ""))
    except AnalysisDocument.DoesNotExist:
        raise Http404("The report was erased meanwhile.") from None
    return render(request, "reports/recording.html", context)


@login_required
@require_safe
def data(request: HttpRequest, recording_id: uuid.UUID) -> HttpResponseBase:
    """Time series for the charts, thinned where the recording is long."""
    return _part(request, recording_id, "chart")


@login_required
@require_safe
def boxes(request: HttpRequest, recording_id: uuid.UUID) -> HttpResponseBase:
    """Every face's box, fetched when the reader wants them drawn over the video."""
    return _part(request, recording_id, "boxes")


@gzip_page
@login_required
@require_safe
def download_json(request: HttpRequest, recording_id: uuid.UUID) -> HttpResponseBase:
    """The analysis document, as the contract `engagement.analysis/1` writes it."""
    found, finished = _finished(request, recording_id, Action.JSON)

    def make() -> HttpResponseBase:
        document = selectors.stored_document(finished)
        response = JsonResponse(document, json_dumps_params={"indent": 2})
        return _attachment(response, found, ".json")

    return _answer(request, etag_of(finished, "json"), make)


@gzip_page
@login_required
@require_safe
def download_corrections(request: HttpRequest, recording_id: uuid.UUID) -> HttpResponseBase:
    """What was corrected by hand, beside the document that it leaves as it is."""
    found, finished = _finished(request, recording_id, Action.JSON)
    # The columns that it quotes follow the corrections as soon as a part is read.
    ready.part(finished, "page")
    finished.refresh_from_db()
    record = corrections.record(finished, corrections.history(finished))
    response = JsonResponse(record, json_dumps_params={"indent": 2})
    return _attachment(response, found, "-corrections.json")


@gzip_page
@login_required
@require_safe
def download_csv(request: HttpRequest, recording_id: uuid.UUID) -> HttpResponseBase:
    """One row an observation."""
    return _csv(request, recording_id, exports.observation_rows, "observations")


@gzip_page
@login_required
@require_safe
def download_windows(request: HttpRequest, recording_id: uuid.UUID) -> HttpResponseBase:
    """One row a window."""
    return _csv(request, recording_id, exports.window_rows, "windows")


def _part(request: HttpRequest, recording_id: uuid.UUID, name: ready.PartName) -> HttpResponseBase:
    _, finished = _finished(request, recording_id, Action.DATA)
    rows = corrections.in_force(finished)
    return _answer(
        request,
        etag_of(finished, name, corrections.stamp_of(rows)),
        lambda: packed_json(request, ready.part(finished, name, rows)),
    )


def _csv(
    request: HttpRequest,
    recording_id: uuid.UUID,
    rows: Callable[[Document], Iterable[list]],
    what: str,
) -> HttpResponseBase:
    found, finished = _finished(request, recording_id, Action.CSV)

    def make() -> HttpResponseBase:
        text = exports.csv_blocks(rows(selectors.read_document(finished)))
        response = StreamingHttpResponse(text, content_type="text/csv; charset=utf-8")
        return _attachment(response, found, f"-{what}.csv")

    stamp = corrections.stamp_of(corrections.in_force(finished))
    return _answer(request, etag_of(finished, what, stamp), make)


def _answer(
    request: HttpRequest, etag: str, make: Callable[[], HttpResponseBase]
) -> HttpResponseBase:
    try:
        return validated(request, etag, make)
    except AnalysisDocument.DoesNotExist:
        raise Http404("The report was erased meanwhile.") from None


def _waiting(request: HttpRequest, context: dict) -> HttpResponse:
    part = "reports/_state.html" if getattr(request, "htmx", False) else "reports/waiting.html"
    return render(request, part, context)


def _visible(request: HttpRequest, recording_id: uuid.UUID) -> Recording:
    return get_object_or_404(access.visible_recordings(request.user), pk=recording_id)


def _finished(
    request: HttpRequest, recording_id: uuid.UUID, action: Action
) -> tuple[Recording, Analysis]:
    """The recording and its newest report; 404 for who may not see it, or while there is none."""
    found = _visible(request, recording_id)
    finished = selectors.latest_finished(found)
    if finished is None:
        raise Http404("This recording has no report yet.")
    log_access(request.user, found, action)
    return found, finished


def _attachment(response: Attachment, found: Recording, ending: str) -> Attachment:
    # Named by the recording's id and not by its student: a downloads folder is seen by others.
    name = f"engagement-{str(found.pk)[:8]}{ending}"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
