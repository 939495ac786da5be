"""Celery workers: they import the site's models and the analysis package, never the reverse."""
