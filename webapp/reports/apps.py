"""The reports app: pages and downloads made from an analysis, and the ready form that they read."""

from django.apps import AppConfig


class ReportsConfig(AppConfig):
    """Names the app."""

    name = "webapp.reports"
    label = "reports"
    verbose_name = "Reports"
