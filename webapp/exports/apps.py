from django.apps import AppConfig


class ExportsConfig(AppConfig):
    """Files of what the pages show: tables in four formats, and PDF reports."""

    name = "webapp.exports"
