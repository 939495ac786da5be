"""Opening, answering and closing disputes: from the report's page, with a script or without."""

import uuid
from collections.abc import Mapping
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.http import require_GET, require_POST

from webapp import access
from webapp.disputes import selectors, services
from webapp.disputes.forms import DisputeForm, ReplyForm
from webapp.disputes.models import Dispute
from webapp.disputes.templatetags.disputes import panel
from webapp.paging import orders, paged
from webapp.recordings.models import Recording

DISPUTES_A_PAGE = 25


@require_GET
@login_required
def course(request: HttpRequest, course_id: int) -> HttpResponse:
    """What is disputed in a course: what is open, or with `?show=closed` what was settled."""
    found = get_object_or_404(access.visible_courses(request.user), pk=course_id)
    if not access.can_view_all_recordings(request.user, found):
        raise PermissionDenied
    choices = {"open": gettext("Open"), "closed": gettext("Closed")}
    which, links = orders(request, "show", choices, "page")
    disputes = selectors.disputes_in(found, is_open=which == "open")
    shown = {
        "course": found,
        "disputes": paged(request, disputes, DISPUTES_A_PAGE),
        "choices": links,
        "which": which,
    }
    return render(request, "disputes/course.html", shown)


@require_POST
@login_required
def open_dispute(request: HttpRequest, recording_id: uuid.UUID) -> HttpResponse:
    """The student of the recording says what is not right."""
    found = get_object_or_404(access.visible_recordings(request.user), pk=recording_id)
    if not access.can_dispute(request.user, found):
        raise PermissionDenied
    form = DisputeForm(request.POST, auto_id="dispute-%s")
    if form.is_valid():
        cleaned = form.cleaned_data
        try:
            services.open_dispute(found, cleaned["text"], cleaned["start_s"], cleaned["end_s"])
        except services.TooManyError:
            form.add_error(
                "text",
                gettext("There are %(most)d open ones already: wait for answers, or close some.")
                % {"most": services.MOST_OPEN},
            )
        else:
            return _done(
                request,
                found,
                gettext("Your instructors are told. You will see their answer here."),
            )
    form.focus_on_error()
    return _refused(request, found, form=form)


@require_POST
@login_required
def reply(request: HttpRequest, dispute_id: int) -> HttpResponse:
    """An instructor answers, or the student says on; the button “close” ends it as well."""
    dispute = _found(request, dispute_id)
    form = ReplyForm(request.POST)
    if not form.is_valid():
        return _refused(request, dispute.recording, reply=form, failed=dispute.pk)
    services.reply(dispute, request.user, form.cleaned_data["text"], close="close" in request.POST)
    return _done(request, dispute.recording, gettext("Your answer is there."))


@require_POST
@login_required
def close(request: HttpRequest, dispute_id: int) -> HttpResponse:
    """Ends the dispute without a further word."""
    dispute = _found(request, dispute_id)
    services.close(dispute, request.user)
    return _done(request, dispute.recording, gettext("The dispute is closed."))


def _found(request: HttpRequest, dispute_id: int) -> Dispute:
    dispute = get_object_or_404(
        access.visible_disputes(request.user).select_related("recording__lesson__course"),
        pk=dispute_id,
    )
    if not (
        access.can_dispute(request.user, dispute.recording)
        or access.can_answer(request.user, dispute.recording)
    ):
        raise PermissionDenied
    return dispute


def _done(request: HttpRequest, recording: Recording, words: str) -> HttpResponse:
    if getattr(request, "htmx", False):
        return _panel(request, recording, {"done": words})
    messages.success(request, words)
    return redirect(reverse("reports:recording", args=[recording.pk]) + "#disputes")


def _refused(request: HttpRequest, recording: Recording, **forms: Any) -> HttpResponse:
    """The forms with what is wrong in them: in place, or on a page of their own.

    In place it is an answer like any other: a browser would log an error for one of status 400.
    """
    in_place = getattr(request, "htmx", False)
    return _panel(request, recording, {}, status=200 if in_place else 400, **forms)


def _panel(
    request: HttpRequest,
    recording: Recording,
    extra: Mapping[str, Any],
    status: int = 200,
    **forms: Any,
) -> HttpResponse:
    part = "disputes/_panel.html" if getattr(request, "htmx", False) else "disputes/refused.html"
    shown = panel(request.user, recording, **forms) | extra
    return render(request, part, shown, status=status)
