"""The user's own settings."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import translation
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods

from webapp.accounts.forms import ProfileForm


@require_http_methods(["GET", "POST"])
@login_required
def profile(request: HttpRequest) -> HttpResponse:
    """Name, language and time zone."""
    form = ProfileForm(request.POST or None, instance=request.user)
    if request.method == "POST" and form.is_valid():
        form.save()
        language = form.instance.language
        # The answer to this very request speaks it already.
        with translation.override(language or translation.get_language()):
            messages.success(request, gettext("Saved."))
        return redirect("accounts:profile")
    return render(request, "accounts/profile.html", {"form": form})
