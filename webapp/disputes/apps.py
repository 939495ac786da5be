from django.apps import AppConfig


class DisputesConfig(AppConfig):
    name = "webapp.disputes"
    label = "disputes"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # Registers what is held about people.
        from webapp.disputes import holdings  # noqa: F401
