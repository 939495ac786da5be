"""Uploads in the admin pages, to be read only."""

from django.contrib import admin

from webapp.config.admin_site import ReadOnlyAdmin
from webapp.uploads.models import Upload


@admin.register(Upload)
class UploadAdmin(ReadOnlyAdmin):
    list_display = ("name", "student", "lesson", "size_bytes", "arrived_bytes", "created_at",
                    "expires_at", "recording")  # fmt: skip
    list_filter = ("lesson__course", "created_at")
    search_fields = ("id", "name", "student__email", "student__name")
    date_hierarchy = "created_at"
    list_select_related = ("student", "lesson", "recording")
    exclude = ("metadata",)
