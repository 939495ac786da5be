from django.apps import AppConfig


class UploadsConfig(AppConfig):
    name = "webapp.uploads"
    label = "uploads"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from webapp.uploads import signals  # noqa: F401  (registers the receivers)
