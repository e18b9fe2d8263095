"""The copy studio of a campaign: candidates side by side, and the doors to choose, edit, set aside and hand in.

Everything works by plain forms. With HTMX the progress asks for itself again and brings only what is new, so that a
choice or a text under the hand stays; and a text is checked while it is typed, with nothing stored.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from campaigns import queries, services
from campaigns.models import Audience, Campaign, Copy
from campaigns.services.copies import LONGEST
from campaigns.views import studio_page
from campaigns.views.campaigns import find
from core import dispatch, errors
from core.members import signed_in

MORE_LIKE_ONE = 3
MOST_CHOSEN = 500


@require_safe
@login_required
@permission_required("campaigns.view_copy", raise_exception=True)
def studio(request: HttpRequest, key: str) -> HttpResponse:
    """The candidates by audience; HTMX asks for how far the writing is, and for what came since."""
    campaign = find(request, key)
    after = _number(request.GET.get("after", ""))
    if request.headers.get("HX-Request") and after is not None:
        return render(request, "campaigns/_studio_live.html", studio_page.news(campaign, signed_in(request), after))
    context = studio_page.context(campaign, signed_in(request), winners="winners" in request.GET)
    return render(request, "campaigns/studio.html", context)


@require_POST
@login_required
@permission_required("campaigns.submit_copy", raise_exception=True)
def studio_check(request: HttpRequest, key: str) -> HttpResponse:
    """A text as it would be shown, and what the checks say of it; nothing is stored."""
    campaign = find(request, key)
    audience, copy = _audience(request, campaign), _one(request, campaign, request.POST.get("copy", ""))
    ai_written = copy is not None and queries.is_ai_written(copy)
    parts = _typed(request)
    shown, found = queries.tried(campaign, audience, parts, ai_written=ai_written)
    findings = [services.finding_row(one) for one in found]
    sketch = studio_page.sketch(campaign, shown, findings, ai_written=ai_written)
    return render(request, "campaigns/_studio_check.html", {"sketch": sketch, "campaign": campaign})


@require_POST
@login_required
@permission_required("campaigns.submit_copy", raise_exception=True)
def studio_edit(request: HttpRequest, key: str, pk: int) -> HttpResponse:
    """A new candidate in the place of one."""
    campaign = find(request, key)
    copy = get_object_or_404(_rows(request, campaign), pk=pk)
    typed = _typed(request)

    def move() -> str:
        services.edit_draft(copy, editor=signed_in(request), parts=typed)
        return _("Stored as a new version.")

    return _attempt(request, campaign, move, typed={f"copy-{copy.pk}": typed})


@require_POST
@login_required
@permission_required("campaigns.submit_copy", raise_exception=True)
def studio_write(request: HttpRequest, key: str) -> HttpResponse:
    """A candidate in the member's own words."""
    campaign = find(request, key)
    audience, typed = _audience(request, campaign), _typed(request)

    def move() -> str:
        services.submit_copy(campaign=campaign, audience=audience, parts=typed, author=signed_in(request), hold=True)
        return _("Your text stands among the candidates.")

    return _attempt(request, campaign, move, typed={f"audience-{audience.key}": typed})


@require_POST
@login_required
@permission_required("campaigns.submit_copy", raise_exception=True)
def studio_discard(request: HttpRequest, key: str) -> HttpResponse:
    """Set the chosen candidates aside."""
    campaign = find(request, key)

    def move() -> str:
        number = services.discard(_chosen(request, campaign), actor=signed_in(request))
        return ngettext("%(n)d candidate was set aside.", "%(n)d candidates were set aside.", number) % {"n": number}

    return _attempt(request, campaign, move)


@require_POST
@login_required
@permission_required("campaigns.generate_copy", raise_exception=True)
def studio_more(request: HttpRequest, key: str, pk: int) -> HttpResponse:
    """Ask for more like one copy: for its audience, under its theme."""
    campaign = find(request, key)
    copy = get_object_or_404(_rows(request, campaign), pk=pk)

    def move() -> str:
        with transaction.atomic():
            job = services.request_generation(
                campaign, per_audience=MORE_LIKE_ONE, actor=signed_in(request), hold=True, like=copy
            )
            dispatch.send_on_commit(job)
        return _("More is being written under the theme “%(theme)s”.") % {"theme": copy.theme}

    return _attempt(request, campaign, move)


@require_POST
@login_required
@permission_required("campaigns.submit_copy", raise_exception=True)
def submit(request: HttpRequest, key: str) -> HttpResponse:
    """Hand the chosen candidates in for review."""
    campaign = find(request, key)

    def move() -> str:
        number = len(services.hand_in(_chosen(request, campaign), actor=signed_in(request)))
        said = ngettext(
            "%(n)d copy was handed in. Somebody else reviews it.",
            "%(n)d copies were handed in. Somebody else reviews them.",
            number,
        )
        return said % {"n": number}

    return _attempt(request, campaign, move)


def _attempt(
    request: HttpRequest, campaign: Campaign, move: Callable[[], str], *, typed: Mapping[str, Any] | None = None
) -> HttpResponse:
    """Make a move; the studio says that it is done, or why it was refused, with what was typed still there."""
    try:
        said = move()
    except errors.Forbidden as problem:
        raise PermissionDenied(problem.message) from problem
    except errors.CopyliftError as problem:
        messages.error(request, " ".join(problem.sentences()[1:] or [problem.message]))
        context = studio_page.context(campaign, signed_in(request), typed=typed or {})
        return render(request, "campaigns/studio.html", context, status=problem.status)
    messages.success(request, said)
    return redirect("campaigns:studio", key=campaign.key)


# --- what came with the request ---------------------------------------------------------------------------------
def _rows(request: HttpRequest, campaign: Campaign) -> Any:
    found = queries.visible_copies(signed_in(request)).filter(campaign=campaign)
    return found.select_related("campaign__brand", "audience", "product", "requested_by")


def _chosen(request: HttpRequest, campaign: Campaign) -> list[Copy]:
    wanted = [number for one in request.POST.getlist("chosen")[:MOST_CHOSEN] if (number := _number(one)) is not None]
    return list(_rows(request, campaign).filter(pk__in=wanted))


def _one(request: HttpRequest, campaign: Campaign, written: str) -> Copy | None:
    number = _number(written)
    found: Copy | None = _rows(request, campaign).filter(pk=number).first() if number is not None else None
    return found


def _audience(request: HttpRequest, campaign: Campaign) -> Audience:
    wanted = request.POST.get("audience", "").replace("\x00", "")
    return get_object_or_404(campaign.audiences.all(), key=wanted)


def _typed(request: HttpRequest) -> dict[str, str]:
    """The parts as typed; a line break is one character, as the checks count it."""
    return {name: request.POST.get(name, "").replace("\r\n", "\n")[: 2 * limit] for name, limit in LONGEST.items()}


def _number(written: str) -> int | None:
    return int(written) if written.isascii() and written.isdecimal() and len(written) <= 18 else None
