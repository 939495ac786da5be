"""A client of the tus protocol, one request at a time, over Django's own test client."""

import base64
import hashlib
from typing import Any

from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from webapp.courses.models import Lesson

PIECE_TYPE = "application/offset+octet-stream"


def metadata(lesson: Lesson, **more: str) -> str:
    """The Upload-Metadata header of a file for that lesson."""
    pairs = {"lesson": str(lesson.pk), **more}
    return ",".join(f"{k} {base64.b64encode(v.encode()).decode()}" for k, v in pairs.items())


def checksum(data: bytes, algorithm: str = "sha1") -> str:
    """The Upload-Checksum header of a piece."""
    return f"{algorithm} {base64.b64encode(hashlib.new(algorithm, data).digest()).decode()}"


def ask(
    client: Client,
    method: str,
    path: str,
    body: bytes = b"",
    *,
    content_type: str = "",
    **headers: str | None,
) -> HttpResponse:
    """One request; `Tus_Resumable=None` leaves a header out."""
    sent = {"Tus_Resumable": "1.0.0", **headers}
    named = {name.replace("_", "-"): value for name, value in sent.items() if value is not None}
    # By its WSGI name: the test client forgets the type of an empty body.
    return client.generic(method, path, body, headers=named, CONTENT_TYPE=content_type)


def create(client: Client, lesson: Lesson, size: int, **said: str) -> HttpResponse:
    """Begins an upload."""
    header = metadata(lesson, **said)
    path = reverse("uploads:uploads")
    return ask(client, "POST", path, Upload_Length=str(size), Upload_Metadata=header)


def patch(client: Client, path: str, at: int, body: bytes, **headers: Any) -> HttpResponse:
    """Sends a piece."""
    headers = {"content_type": PIECE_TYPE, "Upload_Offset": str(at), **headers}
    return ask(client, "PATCH", path, body, **headers)


def offset(client: Client, path: str) -> int:
    """What the server says it has."""
    response = ask(client, "HEAD", path)
    assert response.status_code == 200, response.status_code
    return int(response.headers["Upload-Offset"])
