"""Root URLs. Every one of them has a declared audience in tests/webapp/test_access.py."""

from django.contrib import admin
from django.urls import include, path
from django.utils.translation import gettext_lazy as _
from django.views.i18n import set_language

from webapp.config import views

admin.site.site_header = admin.site.site_title = _("Engagement administration")

urlpatterns = [
    path("", include("webapp.courses.urls")),
    path("accounts/", include("webapp.accounts.urls")),
    path("recordings/", include("webapp.recordings.urls")),
    path("recordings/", include("webapp.reports.urls")),
    path("uploads/", include("webapp.uploads.urls")),
    path("", include("webapp.marks.urls")),
    path("compare/", include("webapp.reports.compare_urls")),
    path("", include("webapp.calibration.urls")),
    path("groups/", include("webapp.groups.urls")),
    path("", include("webapp.summaries.urls")),
    path("disputes/", include("webapp.disputes.urls")),
    path("privacy/", include("webapp.privacy.urls")),
    path("exports/", include("webapp.exports.urls")),
    path("notices/", include("webapp.notices.urls")),
    path("language/", set_language, name="set_language"),
    path("admin/", admin.site.urls),
    path("healthz", views.health, name="health"),
]

handler400 = "webapp.config.views.not_understood"
handler403 = "webapp.config.views.forbidden"
handler404 = "webapp.config.views.not_found"
