"""The plan of a campaign: lengths of its tests side by side, in sentences, and the one that is kept for the launch."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from campaigns import lifecycle
from campaigns.forms.planning import CampaignPlanForm
from campaigns.models import Campaign, Copy
from campaigns.models.copies import CopyStatus
from campaigns.services import planning
from campaigns.views.campaigns import find
from core import errors
from core.members import signed_in
from experiments.planning.inputs import MOST_ARMS, MOST_DAYS

USUAL_DAYS = 28
USUAL_ARMS = 3
IN_THE_TEST = (CopyStatus.APPROVED, CopyStatus.PENDING)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
@permission_required("campaigns.view_campaign", raise_exception=True)
def campaign_plan(request: HttpRequest, key: str) -> HttpResponse:
    """The form and the lengths; keeping one of them."""
    campaign = find(request, key)
    given = request.POST if request.method == "POST" else request.GET
    form = CampaignPlanForm(given if "days" in given else None, initial=first_values(campaign))
    comparison = _comparison(form)
    if request.method == "POST" and comparison is not None:
        return _save(request, campaign, comparison)
    context = {
        "campaign": campaign,
        "form": form,
        "comparison": comparison,
        "open": campaign.status in lifecycle.OPEN_CAMPAIGN,
        "plan": campaign.plan,
    }
    return render(request, "campaigns/plan.html", context, status=422 if form.errors else 200)


def _comparison(form: CampaignPlanForm) -> planning.Comparison | None:
    if not form.is_bound or not form.is_valid():
        return None
    try:
        return planning.compare_lengths(**form.arguments())
    except errors.InvalidInput as problem:
        form.take(problem)
        return None


def _save(request: HttpRequest, campaign: Campaign, comparison: planning.Comparison) -> HttpResponse:
    chosen = request.POST.get("length", "")
    days = int(chosen) if chosen.isascii() and chosen.isdigit() and len(chosen) < 6 else 0
    try:
        planning.save_plan(campaign, comparison=comparison, days=days, actor=signed_in(request))
    except errors.CopyliftError as problem:
        messages.error(request, problem.said())
        return redirect("campaigns:plan", key=campaign.key)
    messages.success(request, _("The plan is kept. The launch uses it."))
    return redirect("campaigns:detail", key=campaign.key)


def first_values(campaign: Campaign) -> dict[str, Any]:
    """What stands in the form: the plan that was kept, else what the campaign says by itself."""
    share = round(100 * campaign.coverage, 1)
    if campaign.plan:
        kept = campaign.plan
        return {
            "days": kept.get("horizon", USUAL_DAYS),
            "arms": kept.get("arms", USUAL_ARMS),
            "share_percent": share,
            "daily_units": kept.get("daily_units"),
            "baseline_percent": round(100 * kept.get("baseline", 0), 3) or None,
        }
    return {"days": _days(campaign), "arms": _arms(campaign), "share_percent": share}


def _days(campaign: Campaign) -> int:
    if campaign.deadline is None:
        return USUAL_DAYS
    left = (campaign.deadline - timezone.localdate()).days + 1
    return min(max(left, planning.LEAST_DAYS), MOST_DAYS)


def _arms(campaign: Campaign) -> int:
    """The copy of the audience with the most of it, approved or waiting, and the control."""
    rows = Copy.objects.filter(campaign=campaign, status__in=IN_THE_TEST).order_by()
    most = rows.values("audience").annotate(copies=Count("pk")).order_by("-copies").first()
    return min(most["copies"] + 1, MOST_ARMS) if most else USUAL_ARMS
