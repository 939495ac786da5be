"""What the head of every page shows of notices."""

from typing import Any

from django.http import HttpRequest

from webapp.notices import selectors


def bell(request: HttpRequest) -> dict[str, Any]:
    """How many notices are unread; asked by the template that shows it, so that pieces of pages
    ask nothing."""
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return {"unread_notices": 0}
    return {"unread_notices": lambda: selectors.unread(user)}
