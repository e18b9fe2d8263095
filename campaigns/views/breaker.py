"""The circuit breaker's two buttons."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from campaigns import services
from campaigns.views.campaigns import attempt, find
from core.members import signed_in


@require_POST
@login_required
@permission_required("campaigns.trip_campaign", raise_exception=True)
def campaign_trip(request: HttpRequest, key: str) -> HttpResponse:
    """Everyone gets the control at once."""
    campaign, reason = find(request, key), request.POST.get("reason", "")
    return attempt(
        request,
        campaign,
        lambda: services.trip_campaign(campaign, reason=reason, actor=signed_in(request)),
        done=_("The circuit breaker is pulled: everyone gets what was shown before the test."),
        level=messages.WARNING,
    )


@require_POST
@login_required
@permission_required("campaigns.trip_campaign", raise_exception=True)
def campaign_reset(request: HttpRequest, key: str) -> HttpResponse:
    """The test goes on."""
    campaign, reason = find(request, key), request.POST.get("reason", "")
    return attempt(
        request,
        campaign,
        lambda: services.reset_campaign(campaign, reason=reason, actor=signed_in(request)),
        done=_("The circuit breaker is reset: the test goes on where it stopped."),
    )
