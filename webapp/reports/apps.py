"""The reports app: pages and downloads made from an analysis; it owns no table."""

from django.apps import AppConfig


class ReportsConfig(AppConfig):
    """Names the app."""

    name = "webapp.reports"
    label = "reports"
    verbose_name = "Reports"
