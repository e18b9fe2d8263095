"""The doors of the JavaScript snippet: open to browsers on the pages of a placement's origins, and to nobody else.

No key: a public key names the placement, `Origin` must be one of its own, and a token ties each event to what was
decided here. A body comes as plain text or JSON. Answers bear the headers a browser wants, refusals of strangers not.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from ninja import Router, Schema
from pydantic import Field

from campaigns import placement_notes
from campaigns import schemas_placements as schemas
from campaigns.models import Placement
from campaigns.queries import placements as queries
from core import errors, problems, rates, throttle
from core.answers import answer
from experiments import services
from experiments.services.pressure import PRESSURE

router = Router(tags=["placements"])
PUBLIC_KEY = re.compile(r"pl_[0-9a-f]{24}")
# Calls of one address a minute: a whole office may stand behind it.
MOST_DECISIONS = 600
MOST_EVENT_CALLS = 1200
PREFLIGHT_SECONDS = 7200
Handler = Callable[[HttpRequest, Placement], HttpResponse]


class PlacementOut(Schema):
    """What a page fills in. Where `show` is false it keeps its own content, and nothing else is given."""

    show: bool
    headline: str = ""
    body: str = ""
    call_to_action: str = ""
    url: str = ""
    language: str = ""
    ai: dict[str, Any] | None = Field(default=None, description="The mark of AI-written text, where a law asks for it.")
    token: str | None = Field(description="Goes with every event; null where the unit is in no experiment.")
    test: str | None = None


class PlacementEventsOut(Schema):
    """What became of the events."""

    accepted: int
    duplicates: int
    rejected: list[dict[str, Any]]


def body_of(schema: dict[str, Any]) -> dict[str, Any]:
    """A body for the API's description, which is read by hand."""
    media = {"application/json": {"schema": schema}, "text/plain": {"schema": {"type": "string"}}}
    return {"requestBody": {"required": True, "content": media}}


EVENT = {
    "type": "object",
    "required": ["id", "type", "token"],
    "properties": {
        "id": {"type": "string", "maxLength": 60},
        "type": {"enum": sorted(schemas.KINDS)},
        "token": {"type": "string"},
        "name": {"type": "string", "maxLength": 80, "description": "Of a custom event."},
        "value": {"type": "number"},
        "currency": {"type": "string", "pattern": "^[A-Z]{3}$"},
        "kept": {"type": "boolean", "description": "Whether the unit outlasts the view of the page."},
    },
}
EVENTS_BODY = body_of(
    {
        "type": "object",
        "required": ["events"],
        "properties": {"events": {"type": "array", "maxItems": schemas.MOST_EVENTS, "items": EVENT}},
    }
)
QUESTION_BODY = body_of(
    {
        "type": "object",
        "required": ["unit"],
        "properties": {"unit": {"type": "string", "maxLength": 200}, "attributes": {"type": "object"}},
    }
)


@router.post(
    "/placements/{public_key}/decide",
    auth=None,
    response=PlacementOut,
    summary="What a page of the shop shows in a placement",
    openapi_extra=QUESTION_BODY,
)
def placement_decide(request: HttpRequest, public_key: str) -> HttpResponse:
    """For browsers on the placement's origins. Nothing is written: the page sends an exposure once it was seen."""
    return answered(request, public_key, decided, door="decide", most=MOST_DECISIONS)


@router.post(
    "/placements/{public_key}/events",
    auth=None,
    response={202: PlacementEventsOut},
    summary="What shoppers did on a page with a placement",
    openapi_extra=EVENTS_BODY,
)
def placement_events(request: HttpRequest, public_key: str) -> HttpResponse:
    """Exposures, clicks, purchases and events of the shop's own name, each with the token of its decision."""
    return answered(request, public_key, taken, door="events", most=MOST_EVENT_CALLS)


@router.api_operation(["OPTIONS"], "/placements/{public_key}/decide", auth=None, include_in_schema=False)
def decide_preflight(request: HttpRequest, public_key: str) -> HttpResponse:
    """Whether a page may ask with a JSON body."""
    return preflight(request, public_key)


@router.api_operation(["OPTIONS"], "/placements/{public_key}/events", auth=None, include_in_schema=False)
def events_preflight(request: HttpRequest, public_key: str) -> HttpResponse:
    """Whether a page may send with a JSON body."""
    return preflight(request, public_key)


def answered(request: HttpRequest, public_key: str, handle: Handler, *, door: str, most: int) -> HttpResponse:
    """Let in who may ask, and answer so that the browser gives the page what came of it."""
    wait = rates.seconds_to_wait(f"placement-{door} {throttle.address_of(request)}", most=most, seconds=60)
    if wait:
        raise errors.TooManyRequests(f"More than {most} calls a minute came from this address.", retry_after=wait)
    origin, placement = admitted(request, public_key)
    try:
        answer = handle(request, placement)
    except errors.CopyliftError as problem:
        answer = problems.response(problem)
    return opened(answer, origin)


def admitted(request: HttpRequest, public_key: str) -> tuple[str, Placement]:
    """The origin and the placement. Raises NotFound, or Forbidden where the page is not one of the placement's."""
    placement = queries.placement_by_public_key(public_key) if PUBLIC_KEY.fullmatch(public_key) else None
    if placement is None:
        raise errors.NotFound("There is no active placement of this key.")
    origin = request.headers.get("Origin", "")
    if origin not in placement.origins:
        placement_notes.note_refused(placement, origin)
        raise errors.Forbidden("Pages of this origin may not ask for this placement.", code="origin_refused")
    return origin, placement


def decided(request: HttpRequest, placement: Placement) -> HttpResponse:
    """The answer to a question."""
    question = schemas.read_question(request)
    found = queries.shown_at(placement, unit=question.unit, attributes=question.attributes)
    placement_notes.note_asked(placement, request.headers["Origin"])
    return answer(found)


def taken(request: HttpRequest, placement: Placement) -> HttpResponse:
    """The answer to events: 202 once they are stored; 422 where none can be used."""
    with PRESSURE.admitted():
        result = store(request, placement)
    rejected = [one.to_dict() for one in result.rejected]
    if result.accepted + result.duplicates == 0:
        first = result.rejected[0]
        sentence = f"None of the events can be used; the first: {first.field}: {first.message}"
        raise errors.InvalidInput(sentence, accepted=0, duplicates=0, rejected=rejected)
    return answer({"accepted": result.accepted, "duplicates": result.duplicates, "rejected": rejected}, status=202)


def store(request: HttpRequest, placement: Placement) -> services.IngestResult:
    """Check each event and store those that can be used."""
    received_at = timezone.now()
    places: list[int] = []
    usable: list[services.EventInput] = []
    rejected: list[services.Rejection] = []
    for index, raw in enumerate(schemas.read_events(request)):
        try:
            event = schemas.parse(raw, placement=placement, headers=request.headers, received_at=received_at)
        except services.Refused as refusal:
            rejected.append(services.Rejection(index, None, refusal.field, refusal.message))
        else:
            usable.append(event)
            places.append(index)
    stored = services.ingest(usable, received_at) if usable else services.IngestResult(0, 0, ())
    rejected += (services.Rejection(places[one.index], None, one.field, one.message) for one in stored.rejected)
    return services.IngestResult(stored.accepted, stored.duplicates, tuple(sorted(rejected, key=lambda one: one.index)))


def preflight(request: HttpRequest, public_key: str) -> HttpResponse:
    """204 with what is allowed. Raises as `admitted` does."""
    origin, _placement = admitted(request, public_key)
    answer = HttpResponse(status=204)
    answer["Access-Control-Allow-Methods"] = "POST"
    answer["Access-Control-Allow-Headers"] = "Content-Type"
    answer["Access-Control-Max-Age"] = str(PREFLIGHT_SECONDS)
    return opened(answer, origin)


def opened(answer: HttpResponse, origin: str) -> HttpResponse:
    """The answer for pages of this origin, without cookies. It is of one shopper, so nobody keeps it."""
    answer["Access-Control-Allow-Origin"] = origin
    answer["Vary"] = "Origin"
    answer["Cache-Control"] = "no-store"
    return answer
