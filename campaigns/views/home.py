"""Home: what runs, what waits for the one who looks, what the platform works on. HTMX asks for the lower part again."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from campaigns.demo import progress
from campaigns.models import Campaign
from campaigns.views import reads
from core.members import signed_in
from core.models import User
from core.services.notices import mark_read

JOBS_SHOWN = 5
TASKS_SHOWN = 8
NOTICES_SHOWN = 5
LONGEST_NUMBER = 18


@require_safe
@login_required
def home(request: HttpRequest) -> HttpResponse:
    """The page, or only its live part for HTMX."""
    part = "campaigns/_home_live.html" if request.headers.get("HX-Request") else "campaigns/home.html"
    return render(request, part, live(signed_in(request)))


@require_POST
@login_required
def notices_read(request: HttpRequest) -> HttpResponse:
    """Put away the member's own notices up to the newest that the page showed: one that came meanwhile stays."""
    newest = request.POST.get("newest", "")
    if newest.isascii() and newest.isdecimal() and len(newest) <= LONGEST_NUMBER:
        mark_read(signed_in(request), newest=int(newest))
    return redirect("home")


def live(user: User) -> dict[str, Any]:
    """All that the live part shows; what a role may not see is not read."""
    running, more = reads.running_experiments(user) if user.has_perm("experiments.view_experiment") else ([], 0)
    return {
        "running": running,
        "more_running": more,
        "waiting": tasks(user),
        "jobs": reads.jobs_for(user, JOBS_SHOWN) if user.has_perm("core.view_job") else [],
        "notices": reads.unread_notices(user, NOTICES_SHOWN),
        "demo": progress.setting_up() if user.has_perm("campaigns.view_campaign") else [],
    }


def tasks(user: User) -> list[dict[str, str]]:
    """What waits for this member, by what the roles may do."""
    found: list[dict[str, str]] = []
    if user.has_perm("campaigns.view_campaign"):
        for campaign in reads.waiting_campaigns(user, 50):
            found += _campaign_tasks(user, campaign)
    if user.has_perm("experiments.import_experiment") or user.has_perm("experiments.launch_experiment"):
        found += [_undecided(experiment) for experiment in reads.undecided_experiments(user, TASKS_SHOWN)]
    return found[:TASKS_SHOWN]


def _campaign_tasks(user: User, campaign: Any) -> list[dict[str, str]]:
    detail = reverse("campaigns:detail", args=[campaign.key])
    if campaign.reviewable and user.has_perm("campaigns.review_copy"):
        label = ngettext("Review %(count)d copy", "Review %(count)d copies", campaign.reviewable)
        url = review_url(campaign)
        return [{"label": label % {"count": campaign.reviewable}, "detail": campaign.name, "url": url}]
    if campaign.status == "draft" and user.has_perm("campaigns.generate_copy"):
        return [{"label": _("Have copy written"), "detail": campaign.name, "url": detail}]
    if campaign.status == "ready" and user.has_perm("experiments.launch_experiment"):
        return [{"label": _("Launch"), "detail": campaign.name, "url": detail}]
    return []


def _undecided(experiment: Any) -> dict[str, str]:
    url = reverse("experiments:detail", args=[experiment.key])
    return {"label": _("Read the result"), "detail": experiment.name, "url": url}


def review_url(campaign: Campaign) -> str:
    """The queue with this campaign's copy that waits."""
    return f"{reverse('campaigns:review')}?campaign={campaign.key}"
