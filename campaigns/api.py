"""REST of campaigns: what a shopper is shown, the audience being found by the platform."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from ninja import Router

from campaigns import queries, schemas
from core.answers import answer
from core.api_auth import KeyAuth
from core.models.access import Scope

router = Router(tags=["campaigns"])


@router.post(
    "/campaigns/{key}/decide",
    auth=KeyAuth(Scope.DECIDE),
    response=schemas.CampaignDecisionOut,
    summary="Which copy a shopper sees",
)
def decide(request: HttpRequest, key: str, payload: schemas.CampaignDecideIn) -> HttpResponse:
    """The first audience whose rule fits decides. Nothing is written: send an exposure when the copy is shown."""
    decision = queries.decide(key, unit=payload.unit, attributes=payload.attributes)
    return answer(decision)
