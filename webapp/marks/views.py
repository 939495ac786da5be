"""Marks and corrections of one report: written here, shown on the report's page.

htmx replaces the panel of marks; without a script, and for corrections, which change every figure,
the answer leads back to the report.
"""

import uuid

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseRedirect,
    JsonResponse,
)
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from webapp import access
from webapp.marks import services
from webapp.marks.forms import ExclusionForm, MarkForm, MergeForm, NameForm
from webapp.marks.models import Correction, Mark
from webapp.marks.panel import Panel, read_panel, suggestions
from webapp.recordings.models import Analysis, Recording
from webapp.reports.ready import read_page
from webapp.reports.selectors import latest_finished

Kind = Correction.Kind


@require_http_methods(["GET", "POST"])
@login_required
def marks(request: HttpRequest, recording_id: uuid.UUID) -> HttpResponse:
    """The panel of marks; a POST adds one. With `suggest`, tags for completing what is written.

    With `quick` a marker is set at a moment, and its form is open for a note.
    """
    recording, _analysis = _report(request, recording_id)
    duration_s = recording.duration_s or 0.0
    if request.method == "GET" and "suggest" in request.GET:
        return JsonResponse({"tags": suggestions(request.user, recording)})
    if request.method == "GET":
        panel = read_panel(request.user, recording, duration_s, tag=request.GET.get("tag", ""))
        return _panel(request, recording, panel)
    quick = "quick" in request.POST
    data = request.POST.copy()
    if quick:
        data.setdefault("audience", Mark.Audience.PRIVATE)
    form = _form(request, recording, data)
    if not form.is_valid():
        panel = read_panel(request.user, recording, duration_s, form=form)
        return _panel(request, recording, panel, form=form)
    mark = _filled(Mark(recording=recording, author=request.user), form)
    services.save_mark(mark, form.cleaned_data["tags"])
    panel = read_panel(
        request.user,
        recording,
        duration_s,
        editing_id=mark.pk if quick else None,
        new_id=mark.pk,
    )
    return _panel(request, recording, panel, edited=mark if quick else None)


@require_http_methods(["GET", "POST"])
@login_required
def mark(request: HttpRequest, mark_id: uuid.UUID) -> HttpResponse:
    """Changes a mark of one's own; a GET opens its form in the panel."""
    found = _own_mark(request, mark_id)
    recording, _analysis = _report(request, found.recording_id)
    duration_s = recording.duration_s or 0.0
    if request.method == "GET":
        panel = read_panel(request.user, recording, duration_s, editing_id=found.pk)
        return _panel(request, recording, panel, edited=found)
    form = _form(request, recording, request.POST, auto_id=f"id_{found.pk.hex}_%s")
    if not form.is_valid():
        panel = read_panel(request.user, recording, duration_s, editing=form, editing_id=found.pk)
        return _panel(request, recording, panel, edited=found, form=form)
    services.save_mark(_filled(found, form), form.cleaned_data["tags"])
    panel = read_panel(request.user, recording, duration_s, new_id=found.pk)
    return _panel(request, recording, panel)


@require_POST
@login_required
def delete_mark(request: HttpRequest, mark_id: uuid.UUID) -> HttpResponse:
    """Deletes a mark of one's own."""
    found = _own_mark(request, mark_id)
    recording, _analysis = _report(request, found.recording_id)
    found.delete()
    panel = read_panel(request.user, recording, recording.duration_s or 0.0)
    return _panel(request, recording, panel)


@require_POST
@login_required
def correct(request: HttpRequest, recording_id: uuid.UUID) -> HttpResponse:
    """Corrects a report: `kind` is an exclusion, a name or a merge."""
    recording, analysis = _report(request, recording_id)
    if not access.can_correct(request.user, recording):
        raise PermissionDenied
    work = {Kind.EXCLUSION: _exclude, Kind.NAME: _name, Kind.MERGE: _merge}
    kind = request.POST.get("kind", "")
    if kind not in work:
        return HttpResponse(_("There is no such correction."), status=400)
    try:
        done = work[Kind(kind)](request, recording, analysis)
    except services.CannotCorrectError as error:
        messages.error(request, _why_not(str(error)))
    except services.BusyError:
        messages.error(request, _busy())
    else:
        if done:
            messages.success(request, done)
    return _back(recording, "corrections")


@require_POST
@login_required
def withdraw(request: HttpRequest, correction_id: int) -> HttpResponse:
    """Undoes a correction."""
    found = get_object_or_404(
        Correction.objects.filter(recording__in=access.visible_recordings(request.user)),
        pk=correction_id,
    )
    recording, _analysis = _report(request, found.recording_id)
    if not access.can_correct(request.user, recording):
        raise PermissionDenied
    try:
        services.withdraw(request.user, found)
    except services.BusyError:
        messages.error(request, _busy())
    else:
        messages.success(request, _("The correction is undone. The figures count it no more."))
    return _back(recording, "corrections")


def _exclude(request: HttpRequest, recording: Recording, analysis: Analysis) -> str:
    form = ExclusionForm(request.POST, duration_s=recording.duration_s or 0.0)
    if not form.is_valid():
        _tell(request, form)
        return ""
    said = form.cleaned_data
    services.exclude(request.user, recording, said["start"], said["end"], said["reason"])
    return _("The stretch is left out of the figures. The recording and its analysis stay whole.")


def _name(request: HttpRequest, recording: Recording, analysis: Analysis) -> str:
    form = NameForm(request.POST)
    if not form.is_valid():
        _tell(request, form)
        return ""
    said = form.cleaned_data
    services.name_track(request.user, analysis, said["track"], said["name"], said["is_student"])
    return _("The person is named.")


def _merge(request: HttpRequest, recording: Recording, analysis: Analysis) -> str:
    form = MergeForm(request.POST)
    if not form.is_valid():
        _tell(request, form)
        return ""
    said = form.cleaned_data
    services.merge_tracks(request.user, analysis, said["track"], said["into"], said["reason"])
    return _("The two are shown as one person.")


def _tell(request: HttpRequest, form: ExclusionForm | NameForm | MergeForm) -> None:
    for name, errors in form.errors.items():
        label = form.fields[name].label if name in form.fields else ""
        for error in errors:
            messages.error(request, f"{label}: {error}" if label else str(error))


def _why_not(code: str) -> str:
    return {
        "stretch": _("That stretch does not lie within the recording."),
        "same": _("A person cannot be merged with themself: choose two."),
        "nothing": _("Then nothing would be left to report on, so it was not left out."),
        "track": _("This report has no such person any more. Look at the page again."),
    }.get(code, _("This recording has no report to correct."))


def _busy() -> str:
    return _("Somebody else corrects this report at the moment. Try again.")


def _report(request: HttpRequest, recording_id: uuid.UUID) -> tuple[Recording, Analysis]:
    recording = get_object_or_404(access.visible_recordings(request.user), pk=recording_id)
    analysis = latest_finished(recording)
    if analysis is None:
        raise Http404("This recording has no report yet.")
    if not access.can_mark(request.user, recording):
        raise PermissionDenied
    if recording.duration_s is None:
        # Of an old row; not written here, since it is the worker's.
        recording.duration_s = read_page(analysis).document.source.duration_s
    return recording, analysis


def _own_mark(request: HttpRequest, mark_id: uuid.UUID) -> Mark:
    return get_object_or_404(access.own_marks(request.user), pk=mark_id)


def _form(
    request: HttpRequest, recording: Recording, data: object, auto_id: str = "id_%s"
) -> MarkForm:
    return MarkForm(
        data,
        duration_s=recording.duration_s or 0.0,
        is_student=recording.student_id == request.user.pk,
        auto_id=auto_id,
    )


def _filled(mark: Mark, form: MarkForm) -> Mark:
    said = form.cleaned_data
    mark.start_s, mark.end_s = said["start"], said["end"]
    mark.text, mark.audience = said["text"], said["audience"]
    return mark


def _panel(
    request: HttpRequest,
    recording: Recording,
    panel: Panel,
    *,
    edited: Mark | None = None,
    form: MarkForm | None = None,
) -> HttpResponse:
    if getattr(request, "htmx", False):
        return render(request, "marks/_marks.html", {"panel": panel})
    if form is not None:
        for errors in form.errors.values():
            for error in errors:
                messages.error(request, str(error))
    query = f"?mark={edited.pk}" if edited else (f"?tag={panel.tag}" if panel.tag else "")
    return _back(recording, "marks", query)


def _back(recording: Recording, anchor: str, query: str = "") -> HttpResponseRedirect:
    return redirect(f"{reverse('reports:recording', args=[recording.pk])}{query}#{anchor}")
