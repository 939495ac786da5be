"""The marks app: what people add to a report by hand."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class MarksConfig(AppConfig):
    """Names the app."""

    name = "webapp.marks"
    label = "marks"
    verbose_name = _("Marks and corrections")

    def ready(self) -> None:
        # Registers what is held about people.
        from webapp.marks import holdings  # noqa: F401
