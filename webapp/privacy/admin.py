"""Consent and the audit log in the admin pages: to be read only."""

from django.contrib import admin

from webapp.config.admin_site import ReadOnlyAdmin
from webapp.privacy.models import AccessLog, Consent


@admin.register(Consent)
class ConsentAdmin(ReadOnlyAdmin):
    list_display = ("user", "course", "text_version", "granted_at", "withdrawn_at")
    list_filter = ("course", "text_version", ("withdrawn_at", admin.EmptyFieldListFilter))
    search_fields = ("user__email", "user__name", "course__title", "course__code")
    date_hierarchy = "granted_at"
    list_select_related = ("user", "course")


@admin.register(AccessLog)
class AccessLogAdmin(ReadOnlyAdmin):
    list_display = ("at", "actor", "action", "subject", "recording_id", "course_id")
    list_filter = ("action", "at")
    search_fields = ("actor__email", "subject__email", "recording_id")
    date_hierarchy = "at"
    list_select_related = ("actor", "subject")
