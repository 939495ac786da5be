"""E-mails in the admin pages, to be read only: whether they went, not what they said."""

from django.contrib import admin

from webapp.config.admin_site import ReadOnlyAdmin
from webapp.notices.models import Mail


@admin.register(Mail)
class MailAdmin(ReadOnlyAdmin):
    list_display = ("user", "kind", "period", "state", "attempts", "created_at", "sent_at")
    list_filter = ("kind", "state")
    list_select_related = ("user",)
