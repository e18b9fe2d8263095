"""How I want to be told: each kind on the home page, by e-mail, both or not at all."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from core.members import signed_in
from core.models import NoticeChoice, User
from core.models.notices import BY_EMAIL_ONLY, TOLD
from core.services import notices


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def notifications(request: HttpRequest) -> HttpResponse:
    """The table of my choices; POST stores the whole of it."""
    user = signed_in(request)
    if request.method == "POST":
        for kind in TOLD:
            chosen = request.POST.getlist(kind.value)
            notices.choose(
                user, kind, on_page="page" in chosen and kind not in BY_EMAIL_ONLY, by_email="email" in chosen
            )
        messages.success(request, _("Your choice is stored."))
        return redirect("core:notifications")
    return render(request, "core/notifications.html", {"rows": rows(user)})


def rows(user: User) -> list[dict[str, Any]]:
    """One row for each kind that is told."""
    chosen = {one.kind: one for one in NoticeChoice.objects.filter(user=user)}
    return [
        {
            "kind": kind.value,
            "label": kind.label,
            "by_email_only": kind in BY_EMAIL_ONLY,
            "choice": chosen.get(kind.value, NoticeChoice(user=user, kind=kind)),
        }
        for kind in TOLD
    ]
