"""Which arm a unit gets."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from ninja import Router

from core.answers import answer
from core.api_auth import KeyAuth
from core.models.access import Scope
from experiments import queries, schemas

router = Router()


@router.post(
    "/decide",
    auth=KeyAuth(Scope.DECIDE),
    response={200: schemas.DecisionOut | schemas.BatchOut},
    summary="Which arm a unit gets",
)
def decide(request: HttpRequest, payload: schemas.DecideIn) -> HttpResponse:
    """One decision for `unit`, or a list for `units`. Nothing is written: send an exposure when the arm is shown."""
    units = payload.units if payload.units is not None else [payload.unit or ""]
    found = queries.decide(payload.experiment, units, payload.attributes)
    decisions = [decision.to_dict() for decision in found]
    if payload.units is None:
        return answer(decisions[0])
    return answer({"experiment": payload.experiment, "decisions": decisions})
