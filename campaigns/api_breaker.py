"""REST of the circuit breaker, for the shop's own monitoring: pull only; a person resets."""

from __future__ import annotations

from typing import Annotated

from django.http import HttpRequest
from ninja import Router, Schema
from pydantic import ConfigDict, StringConstraints

from campaigns import queries, services
from core.api_auth import KeyAuth
from core.audit import label
from core.models import ApiKey
from core.models.access import Scope

router = Router(tags=["campaigns"])


class TripIn(Schema):
    """Why the breaker is pulled."""

    model_config = ConfigDict(extra="forbid")

    reason: Annotated[str, StringConstraints(min_length=1, max_length=500, strip_whitespace=True)]


class TripOut(Schema):
    """The campaign, now showing the control to everyone."""

    campaign: str
    tripped_at: str
    reason: str


@router.post(
    "/campaigns/{key}/trip",
    auth=KeyAuth(Scope.WRITE),
    response=TripOut,
    summary="Pull the circuit breaker: everyone gets the control",
)
def trip(request: HttpRequest, key: str, payload: TripIn) -> dict[str, str]:
    """Every running experiment of the campaign is paused. 409 where it does not run or was tripped before."""
    caller = request.auth  # type: ignore[attr-defined]  # put there by KeyAuth
    actor = label(caller) if isinstance(caller, ApiKey) else None
    tripped = services.trip_campaign(queries.campaign_by_key(key), reason=payload.reason, actor=actor)
    at = tripped.tripped_at.isoformat() if tripped.tripped_at else ""
    return {"campaign": tripped.key, "tripped_at": at, "reason": tripped.tripped_reason}
