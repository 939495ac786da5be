"""Uploads in the admin pages, to be read only."""

from django.contrib import admin

from webapp.config.admin_site import ReadOnlyAdmin
from webapp.uploads.models import Upload


@admin.register(Upload)
class UploadAdmin(ReadOnlyAdmin):
    list_display = ("name", "kind", "sender", "lesson", "size_bytes", "arrived_bytes",
                    "created_at", "expires_at", "recording", "meeting", "material")  # fmt: skip
    list_filter = ("kind", "lesson__course", "created_at")
    search_fields = ("id", "name", "sender__email", "sender__name")
    date_hierarchy = "created_at"
    list_select_related = ("sender", "lesson", "recording", "meeting", "material")
    exclude = ("metadata",)
