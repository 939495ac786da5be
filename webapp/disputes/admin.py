"""Disputes in the admin pages: to be read only, and without their words."""

from django.contrib import admin

from webapp.config.admin_site import ReadOnlyAdmin
from webapp.disputes.models import Dispute


@admin.register(Dispute)
class DisputeAdmin(ReadOnlyAdmin):
    list_display = ("recording", "created_at", "closed_at", "closed_by")
    list_filter = (("closed_at", admin.EmptyFieldListFilter),)
    list_select_related = ("recording", "closed_by")
    fields = ("recording", "start_s", "end_s", "created_at", "closed_at", "closed_by")
