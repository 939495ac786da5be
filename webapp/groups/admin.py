"""Group recordings in the admin pages: to be read only, and no faces."""

from django.contrib import admin
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from webapp.config.admin_site import ReadOnlyAdmin
from webapp.groups.models import (
    CourseGroupSettings,
    FaceTemplate,
    GroupAffectDocument,
    GroupPerson,
    GroupRecording,
    GroupResult,
)


@admin.register(GroupRecording)
class GroupRecordingAdmin(ReadOnlyAdmin):
    list_display = ("original_name", "lesson", "uploaded_by", "step", "state", "redact_pending",
                    "attempts", "error_code", "created_at", "erase")  # fmt: skip
    list_filter = ("state", "step", "redact_pending", "lesson__course", "created_at")
    search_fields = ("id", "original_name", "sha256", "error_text", "owner")
    date_hierarchy = "created_at"
    list_select_related = ("lesson", "uploaded_by")

    @admin.display(description=_("erase"))
    def erase(self, group: GroupRecording) -> str:
        """A link to the site's own page, which erases the files, too, and writes the log."""
        url = reverse("groups:delete", args=[group.pk])
        return format_html('<a href="{}">{}</a>', url, gettext("erase (logged)"))


@admin.register(GroupPerson)
class GroupPersonAdmin(ReadOnlyAdmin):
    list_display = ("group", "number", "decision", "student", "matched_by", "matched_at")
    list_filter = ("decision", "group__lesson__course")
    search_fields = ("group__id", "student__email", "student__name")
    list_select_related = ("group", "student", "matched_by")
    exclude = ("name_tag", "name_tag_share", "seen_s", "suggested", "similarity")


@admin.register(GroupResult)
class GroupResultAdmin(ReadOnlyAdmin):
    list_display = ("person", "recording")
    search_fields = ("person__group__id", "recording__id")
    list_select_related = ("person", "recording")


@admin.register(GroupAffectDocument)
class GroupAffectDocumentAdmin(ReadOnlyAdmin):
    list_display = ("group", "people")
    fields = ("group", "people")
    list_select_related = ("group",)


@admin.register(FaceTemplate)
class FaceTemplateAdmin(ReadOnlyAdmin):
    list_display = ("student", "course", "model_name", "updated_at")
    list_filter = ("course",)
    search_fields = ("student__email", "student__name")
    list_select_related = ("student", "course")
    exclude = ("encrypted",)


@admin.register(CourseGroupSettings)
class CourseGroupSettingsAdmin(ReadOnlyAdmin):
    list_display = ("course", "keep_templates")
