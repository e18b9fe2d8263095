"""The result of a campaign on one page: verdicts, money, and each text with what shoppers made of it."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required, permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from campaigns.campaign_result import result_of
from campaigns.views.campaigns import find
from experiments.lifecycle import Status


@require_safe
@login_required
@permission_required("experiments.view_experiment", raise_exception=True)
@permission_required("campaigns.view_campaign", raise_exception=True)
def campaign_result(request: HttpRequest, key: str) -> HttpResponse:
    """The page; while a test of it runs, HTMX asks for the figures again and gets them where they are new."""
    campaign = find(request, key)
    result = result_of(campaign)
    context = {
        "campaign": campaign,
        "result": result,
        "seen": result.state(),
        "is_live": any(one.experiment.status == Status.RUNNING for one in result.audiences),
    }
    if not request.headers.get("HX-Request"):
        return render(request, "campaigns/result.html", context)
    if request.GET.get("seen") == context["seen"]:
        return HttpResponse(status=204)
    return render(request, "campaigns/_result_live.html", context)
