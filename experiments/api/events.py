"""Events in: checked one by one, stored together, answered once they are committed."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from ninja import Router, Schema
from pydantic import Field

from core import errors
from core.answers import answer
from core.api_auth import KeyAuth
from core.models.access import Scope
from experiments import schemas, services
from experiments.schemas.events import usable_id
from experiments.schemas.marks import is_fetched_ahead
from experiments.services.pressure import PRESSURE

router = Router()


class EventsOut(Schema):
    """What became of the events sent; each rejected one has index, id, field and message."""

    accepted: int
    duplicates: int
    rejected: list[dict[str, Any]] = Field(default_factory=list)


@router.post(
    "/events",
    auth=KeyAuth(Scope.EVENTS),
    response={202: EventsOut},
    summary="Send events",
    openapi_extra={"requestBody": schemas.EVENT_BODY},
)
def events(request: HttpRequest) -> HttpResponse:
    """One event, `{"events": [...]}`, or one JSON line each. 202 once they are stored; 422 where none can be used."""
    with PRESSURE.admitted():
        raw = schemas.read_events(request)
        result = take(raw, is_prefetch=is_fetched_ahead(request.headers))
    if result.accepted + result.duplicates == 0:
        raise none_usable(result, single=len(raw) == 1)
    rejected = [rejection.to_dict() for rejection in result.rejected]
    return answer({"accepted": result.accepted, "duplicates": result.duplicates, "rejected": rejected}, status=202)


def take(raw: list[Any], *, is_prefetch: bool = False) -> services.IngestResult:
    """Check each event, store those that can be used, and put all refusals in the order of the request."""
    received_at = timezone.now()
    places: list[int] = []
    checked: list[services.EventInput] = []
    rejected: list[services.Rejection] = []
    for index, event in enumerate(raw):
        try:
            checked.append(schemas.parse_event(event, received_at=received_at, is_prefetch=is_prefetch))
            places.append(index)
        except services.Refused as refusal:
            rejected.append(services.Rejection(index, usable_id(event), refusal.field, refusal.message))
    if not checked:
        return services.IngestResult(0, 0, tuple(rejected))
    stored = services.ingest(checked, received_at)
    rejected += (services.Rejection(places[one.index], one.id, one.field, one.message) for one in stored.rejected)
    rejected.sort(key=lambda one: one.index)
    return services.IngestResult(stored.accepted, stored.duplicates, tuple(rejected))


def none_usable(result: services.IngestResult, *, single: bool) -> errors.InvalidInput:
    """The error for a request of which nothing was stored."""
    problems = [
        errors.FieldProblem(one.field if single else f"events.{one.index}.{one.field}", "invalid", one.message)
        for one in result.rejected
    ]
    return errors.InvalidInput(
        f"None of the events can be used; the first: {problems[0].field}: {problems[0].message}",
        problems=problems,
        accepted=0,
        duplicates=0,
        rejected=[one.to_dict() for one in result.rejected],
    )
