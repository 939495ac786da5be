"""The app of labels and of the classifiers that are fitted with them."""

from django.apps import AppConfig


class CalibrationConfig(AppConfig):
    """Connects the signals that erase what is made of an erased recording."""

    name = "webapp.calibration"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from webapp.calibration import signals  # noqa: F401
