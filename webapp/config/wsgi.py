"""The WSGI application that a web server runs."""

import gc
import os

from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webapp.config.settings")

application = get_wsgi_application()

# What the site is made of stays as long as the process. Left to the garbage collector, it was
# looked through again every few requests, each of which then took 75 ms longer.
_ = get_resolver().url_patterns
gc.collect()
gc.freeze()
