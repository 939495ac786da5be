"""Headers that every answer carries, and the reader's own language and time zone."""

import zoneinfo
from collections.abc import Callable
from urllib.parse import urlencode, urlsplit, urlunsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import resolve_url
from django.utils import timezone, translation

Handler = Callable[[HttpRequest], HttpResponseBase]

# Nothing inline, nothing from elsewhere. Charts draw on a canvas; `data:` is for small icons and
# `blob:` for pictures and videos that a page makes itself.
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data: blob:",
        "media-src 'self' blob:",
        "connect-src 'self'",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
PERMISSIONS_POLICY = "camera=(self), microphone=(self), geolocation=(), payment=(), usb=()"


def security_headers(get_response: Handler) -> Handler:
    """Adds the content security policy, and keeps personal pages out of shared caches."""

    def handle(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        response.headers.setdefault("Content-Security-Policy", CONTENT_SECURITY_POLICY)
        response.headers.setdefault("Permissions-Policy", PERMISSIONS_POLICY)
        if request.user.is_authenticated:
            response.headers.setdefault("Cache-Control", "private, no-store")
        return response

    return handle


def user_language(get_response: Handler) -> Handler:
    """Speaks the language that the user chose; without a choice, the one their browser asks for.

    Not an `override`: the locale middleware around this one says on the way out which language
    the answer is in, and chooses anew for every request.
    """

    def handle(request: HttpRequest) -> HttpResponseBase:
        chosen = request.user.language if request.user.is_authenticated else ""
        if chosen and chosen in dict(settings.LANGUAGES):
            translation.activate(chosen)
            request.LANGUAGE_CODE = translation.get_language()
        return get_response(request)

    return handle


def log_in_again(get_response: Handler) -> Handler:
    """Leads the whole page to the log-in when a piece of it is asked for after the session's end.

    Otherwise the piece would be replaced by the page to log in.
    """

    def handle(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        location = response.headers.get("Location", "")
        if not request.htmx or response.status_code != 302:
            return response
        if not location.startswith(f"{resolve_url(settings.LOGIN_URL)}?"):
            return response
        here = urlsplit(request.htmx.current_url_abs_path or "/")
        query = urlencode({"next": urlunsplit(("", "", here.path, here.query, ""))})
        return HttpResponse(headers={"HX-Redirect": f"{resolve_url(settings.LOGIN_URL)}?{query}"})

    return handle


def user_time_zone(get_response: Handler) -> Handler:
    """Shows times in the time zone that the user chose."""

    def handle(request: HttpRequest) -> HttpResponseBase:
        name = request.user.time_zone if request.user.is_authenticated else ""
        try:
            zone = zoneinfo.ZoneInfo(name) if name else None
        except (zoneinfo.ZoneInfoNotFoundError, ValueError):
            zone = None
        with timezone.override(zone):
            return get_response(request)

    return handle
