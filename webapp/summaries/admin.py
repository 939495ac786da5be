"""Lesson summaries in the admin pages: to be read only.

What a summary shows of people is on its own page, where every access is written to the audit log.
"""

from django.contrib import admin

from webapp.config.admin_site import ReadOnlyAdmin
from webapp.summaries.models import LessonSummary


@admin.register(LessonSummary)
class LessonSummaryAdmin(ReadOnlyAdmin):
    list_display = ("id", "recording", "lesson", "state", "progress_percent", "attempts",
                    "error_code", "created_by", "created_at", "finished_at")  # fmt: skip
    list_filter = ("state", "error_code", "created_at")
    search_fields = ("id", "recording__id", "error_text", "owner")
    date_hierarchy = "created_at"
    list_select_related = ("recording", "lesson", "created_by")
    exclude = ("document", "analyses")
