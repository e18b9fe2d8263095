"""My account: name and language; and the language switch of the page's foot, which a member keeps."""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.forms import PasswordChangeForm
from django.contrib.auth.views import PasswordChangeView
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse_lazy
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods
from django.views.i18n import set_language as set_language_cookie

from core.forms import AccountForm
from core.members import signed_in
from core.services import accounts


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def account(request: HttpRequest) -> HttpResponse:
    """The first page of the settings, open to everyone on the team."""
    user = signed_in(request)
    form = AccountForm(request.POST or None, instance=user)
    if request.method == "POST" and form.is_valid():
        accounts.change_account(user, name=form.cleaned_data["name"], language=form.cleaned_data["language"])
        messages.success(request, _("Your account was changed."))
        return redirect("core:settings")
    return render(request, "core/account.html", {"form": form})


def set_language(request: HttpRequest) -> HttpResponse:
    """Django's own switch, whose `next` stays on this site; of a signed-in member the choice is stored too."""
    answer = set_language_cookie(request)
    language = request.POST.get("language", "")
    if request.method == "POST" and request.user.is_authenticated and language in dict(settings.LANGUAGES):
        accounts.choose_language(signed_in(request), language=language)
    return answer


class PasswordChange(PasswordChangeView):
    """A new password. Every other session of the member ends by it, as Django ties them to the password."""

    success_url = reverse_lazy("core:settings")

    def form_valid(self, form: PasswordChangeForm) -> HttpResponse:
        """Store it and say so."""
        messages.success(self.request, _("Your password was changed. Every other session of yours has ended."))
        return super().form_valid(form)
