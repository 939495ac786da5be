"""Where e-mail goes: nowhere, until `EMAIL_URL` says so.

smtp://user:password@host:587       with STARTTLS, the default port is 587
smtps://user:password@host:465      TLS from the first byte, the default port is 465
smtp+plain://host:25                unencrypted, for a server on the same machine
file:///folder                      a file a message, to look at
console:                            on the standard output, to look at
"""

from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

_BACKENDS = "django.core.mail.backends."
_PORTS = {"smtp": 587, "smtps": 465, "smtp+plain": 25}


def email_settings(url: str) -> dict[str, Any]:
    """Django's settings of e-mail, and `MAIL_ENABLED`: whether any is written at all.

    Raises:
        ImproperlyConfigured: the address cannot be understood. It is not repeated, since it may
            hold a password.
    """
    if not url:
        return {"MAIL_ENABLED": False, "EMAIL_BACKEND": _BACKENDS + "console.EmailBackend"}
    parts = urlsplit(url)
    if parts.scheme == "console":
        return {"MAIL_ENABLED": True, "EMAIL_BACKEND": _BACKENDS + "console.EmailBackend"}
    if parts.scheme == "file" and parts.path:
        return {
            "MAIL_ENABLED": True,
            "EMAIL_BACKEND": _BACKENDS + "filebased.EmailBackend",
            "EMAIL_FILE_PATH": Path(unquote(parts.path)),
        }
    if parts.scheme in _PORTS and parts.hostname:
        return _smtp(parts)
    raise ImproperlyConfigured(
        "EMAIL_URL must be smtp://, smtps:// or smtp+plain:// with a host, file:///folder or "
        "console:."
    )


def _smtp(parts: SplitResult) -> dict[str, Any]:
    try:
        port = parts.port or _PORTS[parts.scheme]
    except ValueError as error:
        raise ImproperlyConfigured("The port in EMAIL_URL is no number from 1 to 65535.") from error
    return {
        "MAIL_ENABLED": True,
        "EMAIL_BACKEND": _BACKENDS + "smtp.EmailBackend",
        "EMAIL_HOST": parts.hostname,
        "EMAIL_PORT": port,
        "EMAIL_HOST_USER": unquote(parts.username or ""),
        "EMAIL_HOST_PASSWORD": unquote(parts.password or ""),
        "EMAIL_USE_TLS": parts.scheme == "smtp",
        "EMAIL_USE_SSL": parts.scheme == "smtps",
        "EMAIL_TIMEOUT": 30,
    }


def site_url(given: str, hosts: list[str], *, https: bool) -> str:
    """The site's own address without a slash at its end, for links that are read elsewhere.

    Raises:
        ImproperlyConfigured: it is no address.
    """
    scheme = "https" if https else "http"
    named = next((one for one in hosts if one[:1] not in ".*[" and "." in one), "localhost:8000")
    url = (given or f"{scheme}://{'localhost:8000' if named == '127.0.0.1' else named}").rstrip("/")
    if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
        raise ImproperlyConfigured(f"SITE_URL must be like https://site.example, but is {url!r}.")
    return url
