from django.apps import AppConfig


class NoticesConfig(AppConfig):
    name = "webapp.notices"
    label = "notices"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # Registers what is held about people.
        from webapp.notices import holdings  # noqa: F401
