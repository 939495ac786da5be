"""The user's own settings."""

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import translation
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods

from webapp import access
from webapp.accounts.forms import ProfileForm
from webapp.notices import selectors as notices
from webapp.notices.forms import PreferencesForm


@require_http_methods(["GET", "POST"])
@login_required
def profile(request: HttpRequest) -> HttpResponse:
    """Name, language, time zone, and which e-mails come."""
    form = ProfileForm(request.POST or None, instance=request.user)
    wanted = PreferencesForm(
        request.POST or None,
        instance=notices.preferences(request.user),
        prefix="mail",
        teaches=access.teaches(request.user),
    )
    if request.method == "POST" and form.is_valid() and wanted.is_valid():
        form.save()
        if "mail-shown" in request.POST:
            wanted.save()
        language = form.instance.language
        # The answer to this very request speaks it already.
        with translation.override(language or translation.get_language()):
            messages.success(request, gettext("Saved."))
        return redirect("accounts:profile")
    page = {"form": form, "wanted": wanted, "sends_mail": settings.MAIL_ENABLED}
    return render(request, "accounts/profile.html", page)
