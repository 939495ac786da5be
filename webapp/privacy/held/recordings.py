"""Recordings of a person, what was made of them, and uploads that are not finished."""

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from django.db.models import Count, Q
from django.template.defaultfilters import filesizeformat
from django.urls import reverse
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from engagement.report.schema import Analysis as Document
from webapp.accounts.models import User
from webapp.privacy.holdings import HeldFile, Holder, Line, register
from webapp.recordings import storage
from webapp.recordings.models import Analysis, AnalysisDocument, Recording
from webapp.reports import exports
from webapp.summaries.models import LessonSummary
from webapp.uploads import storage as upload_storage
from webapp.uploads.models import Upload

# What some system would not take in a file's name.
_UNSAFE = re.compile(r'[\\/:*?"<>|\x00-\x1f]')


def _own(user: User) -> Any:
    return Recording.objects.filter(student=user).select_related("lesson__course")


def _has_copy(recording: Recording) -> bool:
    """Whether there is a copy that browsers play beside what was uploaded, which stays as it is."""
    return recording.playback == Recording.Playback.RENDITION


def _words(analyses: int, *, has_embeddings: bool) -> str:
    if not analyses:
        return gettext("“%(name)s” of “%(lesson)s” (%(size)s)")
    # What was drawn by a program never had any.
    if not has_embeddings:
        return ngettext(
            "“%(name)s” of “%(lesson)s” (%(size)s), with %(count)d analysis",
            "“%(name)s” of “%(lesson)s” (%(size)s), with %(count)d analyses",
            analyses,
        )
    return ngettext(
        "“%(name)s” of “%(lesson)s” (%(size)s), with %(count)d analysis and its embeddings",
        "“%(name)s” of “%(lesson)s” (%(size)s), with %(count)d analyses and their embeddings",
        analyses,
    )


def _lines(user: User) -> Iterator[Line]:
    finished = Count("analyses", filter=Q(analyses__state=Analysis.State.FINISHED))
    for one in _own(user).annotate(finished=finished).iterator(chunk_size=500):
        words = _words(one.finished, has_embeddings=one.embeddings_path.is_file())
        shown = {
            "name": one.original_name,
            "lesson": one.lesson.title,
            "size": filesizeformat(one.size_bytes),
            "count": one.finished,
        }
        held = words % shown
        if _has_copy(one):
            held = gettext("%(held)s, and a copy that browsers play") % {"held": held}
        url = reverse("reports:recording", args=[one.pk])
        lesson = one.lesson
        yield Line(
            lesson.course_id,
            held,
            one.created_at,
            url,
            lesson.title,
            lesson.starts_at,
            says_lesson=True,
        )


def _rows(user: User) -> Iterator[dict[str, Any]]:
    for one in _own(user).prefetch_related("analyses").iterator(chunk_size=200):
        yield {
            "id": one.pk,
            "course": one.lesson.course.title,
            "lesson": one.lesson.title,
            "file": one.original_name,
            "folder": _folder(one),
            "size_bytes": one.size_bytes,
            "sha256": one.sha256,
            "duration_s": one.duration_s,
            "has_copy_for_browsers": _has_copy(one),
            "uploaded_at": one.created_at,
            "started_at": one.started_at,
            "analyses": [_analysis(analysis) for analysis in one.analyses.all()],
        }


def _analysis(analysis: Analysis) -> dict[str, Any]:
    return {
        "id": analysis.pk,
        "state": analysis.state,
        "asked_for_at": analysis.created_at,
        "finished_at": analysis.finished_at,
        "why_it_failed": analysis.error_text,
        "expression_model": analysis.expression_model,
        "engagement_model": analysis.engagement_model,
    }


def _folder(recording: Recording) -> str:
    return f"recordings/{recording.pk}"


def _files(user: User) -> Iterator[HeldFile]:
    for one in _own(user).prefetch_related("analyses").iterator(chunk_size=200):
        folder = _folder(one)
        name = _UNSAFE.sub("_", one.original_name).strip(". ") or "recording"
        yield HeldFile(f"{folder}/video/{name}", one.video_path, packed=False)
        if _has_copy(one):
            yield HeldFile(
                f"{folder}/video/playable-copy.mp4", storage.rendition_path(one.pk), packed=False
            )
        yield HeldFile(f"{folder}/embeddings.parquet", one.embeddings_path, packed=False)
        for analysis in one.analyses.all():
            if analysis.state == Analysis.State.FINISHED:
                yield from _results(folder, analysis)


def _results(folder: str, analysis: Analysis) -> Iterator[HeldFile]:
    """The document as it was stored, and its observations and windows as tables."""

    def document() -> Any:
        rows = AnalysisDocument.objects.filter(analysis=analysis)
        return rows.values_list("document", flat=True).first()

    def as_json() -> Iterator[bytes]:
        found = document()
        if found is not None:
            yield json.dumps(found, ensure_ascii=False, indent=1).encode()

    def as_csv(rows_of: Any) -> Iterator[bytes]:
        found = document()
        if found is not None:
            for block in exports.csv_blocks(rows_of(Document.model_validate(found))):
                yield block.encode()

    stem = f"{folder}/analysis-{str(analysis.pk)[:8]}"
    yield HeldFile(f"{stem}.json", as_json)
    yield HeldFile(f"{stem}-observations.csv", lambda: as_csv(exports.observation_rows))
    yield HeldFile(f"{stem}-windows.csv", lambda: as_csv(exports.window_rows))


def _unfinished(user: User) -> Any:
    uploads = Upload.objects.unfinished().filter(sender=user)
    return uploads.select_related("lesson__course")


_UPLOAD_PAGES = {
    Upload.Kind.RECORDING: "recordings:upload",
    Upload.Kind.MEETING: "groups:upload",
    Upload.Kind.MATERIAL: "courses:materials",
}


def _upload_lines(user: User) -> Iterator[Line]:
    for one in _unfinished(user).iterator(chunk_size=500):
        words = gettext("The part of “%(name)s” for “%(lesson)s” that has arrived") % {
            "name": one.name,
            "lesson": one.lesson.title,
        }
        url = reverse(_UPLOAD_PAGES[Upload.Kind(one.kind)], args=[one.lesson_id])
        lesson = one.lesson
        yield Line(
            lesson.course_id,
            words,
            one.created_at,
            url,
            lesson.title,
            lesson.starts_at,
            says_lesson=True,
        )


def _upload_rows(user: User) -> Iterator[dict[str, Any]]:
    for one in _unfinished(user).iterator(chunk_size=500):
        yield {
            "id": one.pk,
            "course": one.lesson.course.title,
            "lesson": one.lesson.title,
            "kind": one.kind,
            "file": one.name,
            "size_bytes": one.size_bytes,
            "arrived_bytes": one.arrived_bytes,
            "begun_at": one.created_at,
            "erased_at_the_latest": one.expires_at,
        }


def _upload_files(user: User) -> Iterator[HeldFile]:
    # A meeting shows others, who may not have agreed: none of its pictures leaves the site.
    for one in _unfinished(user).exclude(kind=Upload.Kind.MEETING).iterator(chunk_size=500):
        yield HeldFile(
            f"unfinished-uploads/{one.pk}.part", upload_storage.part_path(one.pk), packed=False
        )


def _summaries(user: User) -> Any:
    summaries = LessonSummary.objects.filter(recording__student=user)
    return summaries.select_related("recording__lesson")


def _summary_lines(user: User) -> Iterator[Line]:
    for one in _summaries(user).defer("document").iterator(chunk_size=500):
        words = gettext("Key frames and clips of “%(name)s”") % {
            "name": one.recording.original_name
        }
        url = reverse("summaries:recording", args=[one.recording_id])
        lesson = one.recording.lesson
        yield Line(lesson.course_id, words, one.created_at, url, lesson.title, lesson.starts_at)


def _summary_rows(user: User) -> Iterator[dict[str, Any]]:
    for one in _summaries(user).iterator(chunk_size=20):
        yield {
            "recording": one.recording_id,
            "folder": f"summaries/{one.pk}",
            "state": one.state,
            "made_at": one.finished_at,
            "document": one.document,
        }


def _summary_files(user: User) -> Iterable[HeldFile]:
    for one in _summaries(user).defer("document").iterator(chunk_size=500):
        if one.folder.is_dir():
            for path in sorted(one.folder.iterdir()):
                yield HeldFile(f"summaries/{one.pk}/{path.name}", path, packed=False)


register(
    Holder(
        "recordings",
        _("Recordings"),
        _lines,
        _rows,
        _files,
        (
            _("recordings/<id>/video/: the video as you uploaded it, and the copy for browsers"),
            _("recordings/<id>/analysis-….json: a whole analysis (engagement.analysis/1)"),
            _("recordings/<id>/analysis-…-observations.csv: one row a face in a sampled frame"),
            _("recordings/<id>/analysis-…-windows.csv: one row an engagement estimate"),
            _("recordings/<id>/embeddings.parquet: the numerical description of your face"),
        ),
    )
)
register(
    Holder(
        "unfinished_uploads",
        _("Unfinished uploads"),
        _upload_lines,
        _upload_rows,
        _upload_files,
        (_("unfinished-uploads/: the beginning of a file whose rest has not arrived"),),
    )
)
register(
    Holder(
        "summaries",
        _("Lesson summaries"),
        _summary_lines,
        _summary_rows,
        _summary_files,
        (_("summaries/: key frames and clips that were made of your recordings"),),
    )
)
