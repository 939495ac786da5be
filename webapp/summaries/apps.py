from django.apps import AppConfig


class SummariesConfig(AppConfig):
    name = "webapp.summaries"
    label = "summaries"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from webapp.summaries import signals  # noqa: F401  (registers the receivers)
