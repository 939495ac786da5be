from django.apps import AppConfig


class GroupsConfig(AppConfig):
    name = "webapp.groups"
    label = "groups"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from webapp.groups import signals  # noqa: F401  (registers the receivers)
