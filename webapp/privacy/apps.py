from django.apps import AppConfig


class PrivacyConfig(AppConfig):
    name = "webapp.privacy"
    label = "privacy"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # Registers what is held about people.
        from webapp.privacy import held  # noqa: F401
