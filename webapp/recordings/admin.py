"""Recordings and analyses in the admin pages.

What an analysis says about a person is not shown here: that is read on its report, where every
access is written to the audit log.
"""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from webapp.config.admin_site import ReadOnlyAdmin
from webapp.recordings.models import Analysis, AnalysisDocument, Recording


@admin.register(Recording)
class RecordingAdmin(ReadOnlyAdmin):
    list_display = (
        "original_name",
        "student",
        "lesson",
        "size_bytes",
        "duration_s",
        "started_at",
        "created_at",
        "erase",
    )
    list_filter = ("lesson__course", "playback", "created_at")
    search_fields = ("id", "original_name", "sha256", "student__email", "student__name")
    date_hierarchy = "created_at"
    list_select_related = ("student", "lesson")

    @admin.display(description=_("erase"))
    def erase(self, recording: Recording) -> str:
        """A link to the site's own page, which erases the files, too, and writes the log."""
        url = reverse("recordings:delete", args=[recording.pk])
        return format_html('<a href="{}">{}</a>', url, gettext("erase (logged)"))


@admin.register(Analysis)
class AnalysisAdmin(ReadOnlyAdmin):
    list_display = ("id", "recording", "state", "progress_percent", "attempts", "error_code",
                    "expression_model", "created_at", "finished_at")  # fmt: skip
    list_filter = ("state", "error_code", "expression_model", "engagement_kind", "created_at")
    search_fields = ("id", "recording__id", "recording__original_name", "error_text", "owner")
    date_hierarchy = "created_at"
    list_select_related = ("recording",)
    exclude = (
        "mean_engagement",
        "engagement_spread",
        "engaged_share",
        "coverage",
        "dominant_emotion",
        "face_share",
    )


@admin.register(AnalysisDocument)
class AnalysisDocumentAdmin(ReadOnlyAdmin):
    list_display = ("analysis_id", "recording", "report")
    search_fields = ("analysis__id", "analysis__recording__id")
    fields = ("analysis", "recording", "report")
    readonly_fields = ("recording", "report")

    def get_queryset(self, request: HttpRequest) -> QuerySet[AnalysisDocument]:
        return super().get_queryset(request).select_related("analysis__recording").defer("document")

    @admin.display(ordering="analysis__recording__original_name")
    def recording(self, document: AnalysisDocument) -> str:
        """The recording's name."""
        return str(document.analysis.recording)

    @admin.display(description=_("report"))
    def report(self, document: AnalysisDocument) -> str:
        """A link to the report, where reading it is logged."""
        url = reverse("reports:recording", args=[document.analysis.recording_id])
        return format_html('<a href="{}">{}</a>', url, gettext("open (logged)"))
