"""The review queue of the dashboard: the list, one copy with everything known of it, and the doors to decide.

An approval counts for the text that was on the page: each form carries its hash. After a decision the next copy of the
same campaign opens, so that an approver works on without going back to the list.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from campaigns import queries, review_page, services
from campaigns.forms.review import QueueForm
from campaigns.models import Copy
from campaigns.models.copies import CopyStatus
from core import errors
from core.languages import page_language
from core.members import signed_in

PAGE_SIZE = 25
# The filters of a list, carried through a decision.
ASKED_LENGTH = 500
COPY_FIELDS = ("theme", "headline", "body", "call_to_action")
WITH = ("campaign__brand", "audience", "product", "parent", "author", "requested_by", "first_approved_by")


@require_safe
@login_required
@permission_required("campaigns.view_copy", raise_exception=True)
def queue(request: HttpRequest) -> HttpResponse:
    """The copy of the brands that the member may see; what waits unless asked for more."""
    member = signed_in(request)
    form = QueueForm(request.GET, member=member)
    found = form.narrow(queries.visible_copies(member)).select_related(*WITH)
    page = Paginator(found.order_by("campaign_id", "audience_id", "id"), PAGE_SIZE).get_page(request.GET.get("page"))
    may_review = member.has_perm("campaigns.review_copy")
    first = next(iter(page.object_list), None)
    rows = [_row(copy, request, may_review=may_review) for copy in page.object_list]
    asked = request.GET.copy()
    asked.pop("page", None)
    context = {"form": form, "page": page, "rows": rows, "asked": asked.urlencode()}
    context |= review_page.beside(first, member) if first is not None else {}
    return render(request, "campaigns/review_queue.html", context)


@require_safe
@login_required
@permission_required("campaigns.view_copy", raise_exception=True)
def review_copy(request: HttpRequest, pk: int) -> HttpResponse:
    """One copy: the text with its findings, facts, changes, history, and the doors.

    HTMX gets the part that stands beside the list. `do` opens the form to reject or to edit.
    """
    copy = _copy(request, pk)
    if request.headers.get("HX-Request"):
        asked = QueryDict(request.GET.get("asked", "")[:ASKED_LENGTH]).urlencode()
        context = {**review_page.beside(copy, signed_in(request)), "asked": asked}
        return render(request, "campaigns/_review_beside.html", context)
    return _page(request, copy)


@require_POST
@login_required
@permission_required("campaigns.review_copy", raise_exception=True)
def approve(request: HttpRequest, pk: int) -> HttpResponse:
    """Approve the text that was on the page."""

    def decide(copy: Copy) -> str:
        review_page.require_seen(copy, request.POST.get("seen"))
        reason = request.POST.get("reason", "")
        decided = services.approve_copy(copy, reviewer=signed_in(request), reason=reason)
        if decided.status == CopyStatus.PENDING:
            return _("Approved once: “%(copy)s”. It waits for a second approver.")
        return _("Approved: “%(copy)s”.")

    return _decide(request, pk, decide)


@require_POST
@login_required
@permission_required("campaigns.review_copy", raise_exception=True)
def reject(request: HttpRequest, pk: int) -> HttpResponse:
    """Reject, with a reason."""

    def decide(copy: Copy) -> str:
        kind, reason = request.POST.get("kind", ""), request.POST.get("reason", "")
        services.reject_copy(copy, reviewer=signed_in(request), reason=reason, kind=kind)
        return _("Rejected: “%(copy)s”.")

    return _decide(request, pk, decide)


@require_POST
@login_required
@permission_required("campaigns.view_copy", raise_exception=True)
def edit(request: HttpRequest, pk: int) -> HttpResponse:
    """A new version, which another approver has to approve."""

    def decide(copy: Copy) -> str:
        parts = {name: request.POST.get(name, "").replace("\r\n", "\n") for name in COPY_FIELDS}
        services.edit_copy(copy, editor=signed_in(request), parts=parts, reason=request.POST.get("reason", ""))
        return _("Edited: “%(copy)s”. The new version waits for another approver.")

    return _decide(request, pk, decide)


@require_POST
@login_required
@permission_required("campaigns.review_copy", raise_exception=True)
def approve_many(request: HttpRequest) -> HttpResponse:
    """Approve the chosen copies of which no finding is open and whose text is as it was seen; name the others."""
    chosen = dict(one.partition(":")[::2] for one in request.POST.getlist("chosen")[:PAGE_SIZE])
    ids = [int(pk) for pk in chosen if pk.isascii() and pk.isdecimal() and len(pk) <= 18]
    approved = 0
    for copy in queries.visible_copies(signed_in(request)).filter(pk__in=ids).select_related(*WITH):
        try:
            review_page.require_seen(copy, chosen[str(copy.pk)])
            services.approve_copy(copy, reviewer=signed_in(request), stops=services.OPEN_FINDINGS)
            approved += 1
        except errors.CopyliftError as problem:
            messages.warning(request, _("“%(copy)s” was left out: %(why)s") % {"copy": copy, "why": problem.message})
    said = ngettext("%(n)d approval was given.", "%(n)d approvals were given.", approved) % {"n": approved}
    messages.success(request, said)
    return redirect("campaigns:review")


def _row(copy: Copy, request: HttpRequest, *, may_review: bool) -> dict[str, Any]:
    """One line of the list."""
    return {
        "copy": copy,
        "audience": copy.audience.name(page_language()),
        "seen": review_page.seen(copy),
        "at_once": may_review and _at_once(copy, request),
    }


def _at_once(copy: Any, request: HttpRequest) -> bool:
    """Whether a copy may be approved with others: nothing found, and nothing that makes the member the wrong person."""
    member = signed_in(request)
    mine = queries.is_own(copy, member) or copy.first_approved_by_id == member.pk
    return copy.status == CopyStatus.PENDING and not (copy.blocking or copy.warning or mine)


def _decide(request: HttpRequest, pk: int, decide: Callable[[Copy], str]) -> HttpResponse:
    copy = _copy(request, pk)
    try:
        said = decide(copy)
    except errors.Forbidden as problem:
        raise PermissionDenied(problem.message) from problem
    except errors.CopyliftError as problem:
        if problem.code == "facts_changed":
            services.refill_copy(copy, actor=signed_in(request))
            copy = _copy(request, pk)
        messages.error(request, problem.said())
        return _page(request, copy, status=problem.status)
    messages.success(request, said % {"copy": copy})
    if request.POST.get("back") == "queue":
        asked = QueryDict(request.POST.get("asked", "")[:ASKED_LENGTH]).urlencode()
        return redirect(f"{reverse('campaigns:review')}?{asked}")
    others = queries.waiting_for(signed_in(request)).filter(campaign=copy.campaign).order_by("id")
    following = others.filter(pk__gt=copy.pk).first() or others.first()
    return redirect("campaigns:review_copy", pk=following.pk) if following else redirect("campaigns:review")


def _copy(request: HttpRequest, pk: int) -> Copy:
    found = queries.visible_copies(signed_in(request)).select_related(*WITH).filter(pk=pk).first()
    if found is None:
        raise Http404(_("There is no such copy."))
    return found


def _page(request: HttpRequest, copy: Copy, status: int = 200) -> HttpResponse:
    typed = {name: request.POST.get(name) or getattr(copy, name) for name in COPY_FIELDS}
    context = {
        **review_page.context(copy, signed_in(request)),
        "typed": typed,
        "typed_reason": request.POST.get("reason", ""),
        "editing": any(name in request.POST for name in COPY_FIELDS) or request.GET.get("do") == "edit",
        "rejecting": request.GET.get("do") == "reject",
    }
    return render(request, "campaigns/review_copy.html", context, status=status)
