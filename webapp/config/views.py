"""Answers that belong to no app: health and errors."""

from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string


def health(request: HttpRequest) -> HttpResponse:
    """200 while the site can reach its database; asked by supervisors, says nothing else."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return HttpResponse("ok", content_type="text/plain")


def not_understood(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """The page for a request that makes no sense, such as one for another host's name."""
    # Without the request: what is wrong with it may break the page's own head.
    return HttpResponse(render_to_string("400.html"), status=400)


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """The page for somebody who may know that a thing exists but not do what they tried."""
    return render(request, "403.html", status=403)


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """The page for what does not exist, or not for this reader."""
    return render(request, "404.html", status=404)
