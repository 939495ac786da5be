"""Corrections in the admin pages, to be read only, and without their words.

Marks are not here: a private one is its author's alone, and those that are shared stand on the
report, where every access is written to the audit log. So do a correction's reason and the name of
somebody in the video.
"""

from django.contrib import admin

from webapp.config.admin_site import ReadOnlyAdmin
from webapp.marks.models import Correction


@admin.register(Correction)
class CorrectionAdmin(ReadOnlyAdmin):
    list_display = ("recording", "kind", "made_by", "made_at", "withdrawn_by", "withdrawn_at")
    list_filter = ("kind", "recording__lesson__course", "made_at")
    search_fields = ("recording__id", "made_by__email")
    date_hierarchy = "made_at"
    list_select_related = ("recording", "made_by", "withdrawn_by")
    exclude = ("text",)
