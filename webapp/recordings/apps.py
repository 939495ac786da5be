from django.apps import AppConfig


class RecordingsConfig(AppConfig):
    name = "webapp.recordings"
    label = "recordings"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from webapp.recordings import signals  # noqa: F401  (registers the receivers)
