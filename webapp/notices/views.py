"""The list of notices, and the links in e-mails that end e-mails."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from webapp.accounts.models import User
from webapp.notices import selectors, services
from webapp.notices.letters import notice_lines
from webapp.notices.models import Notice, Preferences
from webapp.notices.tokens import read_token
from webapp.notices.wording import link
from webapp.paging import paged

NOTICES_A_PAGE = 30


@require_GET
@login_required
def notices(request: HttpRequest) -> HttpResponse:
    """The reader's notices, the newest first."""
    return _list(request)


@require_GET
@login_required
def follow(request: HttpRequest, notice_id: int) -> HttpResponse:
    """Leads to what the notice is about; from then on it has been read."""
    notice = get_object_or_404(Notice, pk=notice_id, user=request.user)
    services.mark_read(request.user, [notice.pk])
    return redirect(link(notice))


@require_POST
@login_required
def read(request: HttpRequest) -> HttpResponse:
    """Marks one of the reader's notices (`notice`) as read, or all of them."""
    wanted = request.POST.get("notice", "")
    services.mark_read(request.user, [int(wanted)] if wanted.isdecimal() else None)
    if getattr(request, "htmx", False):
        return _list(request, "notices/_list.html")
    return redirect("notices:list")


@csrf_exempt
@require_http_methods(["GET", "POST"])
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """Ends e-mails of the sort that the token names, without a log-in.

    A mail program may press it (RFC 8058): it sends a POST and knows no CSRF token, and the signed
    token is what allows it. A GET only asks, since programs look at links by themselves.
    """
    try:
        user_id, names = read_token(token)
    except ValueError:
        return render(request, "notices/unsubscribe.html", {"unknown": True}, status=404)
    user = get_object_or_404(User, pk=user_id)
    if request.method == "POST":
        Preferences.objects.update_or_create(user=user, defaults=dict.fromkeys(names, False))
        Notice.objects.filter(user=user).update(mail_due_at=None)
    shown = {"names": names, "done": request.method == "POST", "email": user.email}
    return render(request, "notices/unsubscribe.html", shown)


def _list(request: HttpRequest, template: str = "notices/list.html") -> HttpResponse:
    held = selectors.loaded(Notice.objects.filter(user=request.user))
    page = paged(request, held, NOTICES_A_PAGE)
    shown = {
        "notices": page,
        "lines": notice_lines(page.rows),
        "unread": selectors.unread(request.user),
        "today": timezone.localdate(),
    }
    return render(request, template, shown)
