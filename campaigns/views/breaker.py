"""The circuit breaker's two buttons."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from campaigns import services
from campaigns.models import Campaign
from core import access, errors
from core.members import signed_in


@require_POST
@login_required
@permission_required("campaigns.trip_campaign", raise_exception=True)
def campaign_trip(request: HttpRequest, key: str) -> HttpResponse:
    """Everyone gets the control at once."""
    campaign = _find(request, key)
    try:
        services.trip_campaign(campaign, reason=request.POST.get("reason", ""), actor=signed_in(request))
    except errors.CopyliftError as problem:
        messages.error(request, " ".join(problem.sentences()))
    else:
        messages.warning(request, _("The circuit breaker is pulled: everyone gets what was shown before the test."))
    return redirect("campaigns:detail", key=campaign.key)


@require_POST
@login_required
@permission_required("campaigns.trip_campaign", raise_exception=True)
def campaign_reset(request: HttpRequest, key: str) -> HttpResponse:
    """The test goes on."""
    campaign = _find(request, key)
    try:
        services.reset_campaign(campaign, reason=request.POST.get("reason", ""), actor=signed_in(request))
    except errors.CopyliftError as problem:
        messages.error(request, " ".join(problem.sentences()))
    else:
        messages.success(request, _("The circuit breaker is reset: the test goes on where it stopped."))
    return redirect("campaigns:detail", key=campaign.key)


def _find(request: HttpRequest, key: str) -> Campaign:
    return get_object_or_404(access.visible(signed_in(request), Campaign.objects.all()), key=key)
