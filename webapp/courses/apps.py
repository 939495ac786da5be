from django.apps import AppConfig


class CoursesConfig(AppConfig):
    name = "webapp.courses"
    label = "courses"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from webapp.courses import holdings, signals  # noqa: F401  (register themselves)
