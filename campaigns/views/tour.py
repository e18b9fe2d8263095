"""The first tour: its page, and its three moves, each a POST: put away, shown again, a result read."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST, require_safe

from campaigns.queries import tour as queries
from core.members import signed_in
from core.models import User
from core.services import tour

WORDS = {
    "products": (
        gettext_lazy("Bring your products in"),
        gettext_lazy(
            "From a CSV or JSON file, Shopify or a Google Merchant feed. Copy takes prices and facts from them."
        ),
    ),
    "campaign": (
        gettext_lazy("Make a campaign"),
        gettext_lazy("Five short pages: what you want, products, audiences, the channel, and what is shown today."),
    ),
    "copy": (
        gettext_lazy("Have copy written"),
        gettext_lazy("On the campaign's page. A model writes for each audience; every text is checked at once."),
    ),
    "approval": (
        gettext_lazy("Have it approved"),
        gettext_lazy("By an approver: nobody decides about copy they asked for or wrote."),
    ),
    "review": (
        gettext_lazy("Decide about a copy"),
        gettext_lazy("Approve, edit or reject it, with the findings of the checks beside it."),
    ),
    "launch": (
        gettext_lazy("Launch"),
        gettext_lazy("Each audience gets its test against what is shown today. Or set an hour for it."),
    ),
    "result": (
        gettext_lazy("Read a result"),
        gettext_lazy(
            "The verdict in a sentence first; then the lift, what it is worth, and whether it can be trusted."
        ),
    ),
}
HINTS = {
    "products": gettext_lazy("The demo shop brought its products along; yours can be imported beside them."),
    "campaign": gettext_lazy("The demo's own campaigns are under Campaigns, to look at or to duplicate."),
    "approval": gettext_lazy("In the demo, sign in as approver@demo.shop in a private window and approve it there."),
    "launch": gettext_lazy(
        "The demo's shoppers visit its own campaigns; docs/commands.md says how to send them to yours."
    ),
    "result": gettext_lazy("The demo's campaigns have figures a few minutes after the start."),
}


@require_safe
@login_required
def page(request: HttpRequest) -> HttpResponse:
    """All steps of the member; open to everybody who signed in, since each link asks for its own right."""
    return render(request, "campaigns/tour.html", {"tour": told(signed_in(request))})


@require_POST
@login_required
def move(request: HttpRequest, move: str) -> HttpResponse:
    """Put the tour away, show it on the home page again, or read the newest result."""
    member = signed_in(request)
    if move == "result":
        return _result(request, member)
    if move not in {"close", "open"}:
        raise Http404
    tour.note(member, closed=move == "close")
    return redirect("home")


def shown(user: User) -> dict[str, Any] | None:
    """The tour for the home page; None where the member has put it away."""
    return None if user.tour.get("closed") else told(user)


def told(user: User) -> dict[str, Any] | None:
    """The steps in words, which are done, and which comes next; None for who may take none."""
    progress = queries.progress_of(user)
    if progress is None:
        return None
    steps = [_step(key, progress, done=done) for key, done in progress.steps.items()]
    return {
        "steps": steps,
        "done": sum(step["done"] for step in steps),
        "is_over": not progress.next,
        "is_closed": bool(user.tour.get("closed")),
    }


def _step(key: str, progress: queries.Progress, *, done: bool) -> dict[str, Any]:
    label, about = WORDS[key]
    return {
        "key": key,
        "label": label,
        "about": about,
        "hint": HINTS.get(key, "") if progress.is_demo and not done else "",
        "done": done,
        "is_next": key == progress.next,
        "url": _url(key, progress.own),
    }


def _url(key: str, own: str) -> str:
    """Where the step is taken; empty for the result, which is opened by a button."""
    if key in {"copy", "approval", "launch"}:
        return reverse("campaigns:detail", args=[own]) if own else reverse("campaigns:list")
    names = {"products": "campaigns:product_import", "campaign": "campaigns:new", "review": "campaigns:review"}
    return reverse(names[key]) if key in names else ""


def _result(request: HttpRequest, member: User) -> HttpResponse:
    key = queries.newest_result(member) if member.has_perm(queries.NEEDS["result"]) else ""
    if not key:
        messages.info(request, _("No result can be read yet. It appears a few seconds after the first shopper."))
        return redirect("home")
    tour.note(member, result=True)
    return redirect("experiments:detail", key=key)
