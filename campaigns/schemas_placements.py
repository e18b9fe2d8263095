"""Bodies that a shop's pages send, read by hand: a browser sends them as plain text, which saves it a preflight.

A refusal names its field. Of an event only what a page may say is read: the token names experiment, arm and unit.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.http import HttpRequest
from pydantic import ValidationError

from campaigns.models import Placement
from campaigns.queries.placements import Decided, read_token, short_name
from campaigns.schemas import CampaignDecideIn
from core import errors, problems
from experiments.schemas.bodies import printable
from experiments.schemas.events import parse_event
from experiments.schemas.marks import is_crawler, is_fetched_ahead
from experiments.services import EventInput, Refused

MOST_DECIDE_BYTES = 16 * 1024
MOST_EVENT_BYTES = 64 * 1024
MOST_EVENTS = 20
EVENT_ID = re.compile(r"[A-Za-z0-9_.:-]{1,60}")
KINDS = frozenset({"exposure", "click", "conversion", "custom"})
FIELDS = frozenset({"id", "type", "token", "name", "value", "currency", "kept"})


class PlacementDecideIn(CampaignDecideIn):
    """One shopper or one view of a page, and what the page knows of them."""


def read_body(request: HttpRequest, most: int) -> Any:
    """The JSON of a body of at most `most` bytes, whatever its content type says."""
    if len(request.body) > most:
        raise errors.TooLarge(f"The body has {len(request.body)} bytes; at most {most} are read.")
    try:
        return json.loads(request.body)
    except (ValueError, RecursionError):
        raise errors.InvalidInput.field("body", "is no JSON.") from None


def read_question(request: HttpRequest) -> PlacementDecideIn:
    """Who asks. Raises InvalidInput."""
    try:
        return PlacementDecideIn.model_validate(read_body(request, MOST_DECIDE_BYTES))
    except ValidationError as problem:
        found = [{**one, "loc": ("body", "question", *one["loc"])} for one in problem.errors()]
        raise problems.from_pydantic(found) from None


def read_events(request: HttpRequest) -> list[Any]:
    """The raw events of a body."""
    body = read_body(request, MOST_EVENT_BYTES)
    found = body.get("events") if isinstance(body, dict) else None
    if not isinstance(found, list) or not 1 <= len(found) <= MOST_EVENTS:
        raise errors.InvalidInput.field("events", f"must be a list of 1 to {MOST_EVENTS} events.")
    return found


def parse(raw: Any, *, placement: Placement, headers: Mapping[str, str], received_at: datetime) -> EventInput:
    """One event of a page as the engine takes it. Raises Refused with the field at fault."""
    if not isinstance(raw, dict):
        raise Refused("event", "must be an object.")
    if unknown := sorted(raw.keys() - FIELDS):
        raise Refused(printable(unknown[0]), "is not a field of a page's event.")
    if raw.get("type") not in KINDS:
        raise Refused("type", f"must be one of {', '.join(sorted(KINDS))}.")
    decided = read_token(placement, raw.get("token"))
    if decided is None:
        raise Refused("token", "was not given to this placement, or is too old.")
    told = {name: raw.get(name) for name in ("type", "name", "value", "currency") if raw.get(name) is not None}
    event = {
        **told,
        "id": _event_id(raw, placement, decided),
        "unit": decided.unit,
        "experiment": decided.experiment,
        "arm": decided.arm,
        "properties": _properties(raw, placement, decided, headers),
    }
    return parse_event(event, received_at=received_at, is_prefetch=is_fetched_ahead(headers))


def _event_id(raw: Mapping[str, Any], placement: Placement, decided: Decided) -> str:
    """The page's id behind the placement's and the test's, so that no page can take an id of another sender."""
    given = raw.get("id")
    if not isinstance(given, str) or not EVENT_ID.fullmatch(given):
        raise Refused("id", "must have 1 to 60 of letters, digits and _ . : -")
    return f"{placement.public_key[:11]}-{short_name(decided.experiment)}-{given}"


def _properties(
    raw: Mapping[str, Any], placement: Placement, decided: Decided, headers: Mapping[str, str]
) -> dict[str, Any]:
    """Where it came from; the user agent leaves its mark as a bot and is not kept."""
    found: dict[str, Any] = {"placement": placement.key, "kept": raw.get("kept") is True}
    if is_crawler(headers.get("User-Agent", "")):
        found["bot"] = True
    if decided.batch is not None and raw["type"] == "exposure":
        found["batch"] = decided.batch
    return found
