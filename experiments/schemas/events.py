"""One raw event, checked by hand: the first thing wrong names its field; the rest of the batch goes on.

Pydantic would do, but it is a third of the cost of an ingest and would list every fault of every kind of event.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from experiments.models import EventKind
from experiments.schemas.bodies import Unreadable, printable
from experiments.services import EventInput, Refused

MOST_AHEAD = timedelta(days=1)
MOST_BEHIND = timedelta(days=400)
MOST_MONEY = 1_000_000_000
MOST_PROPERTY_BYTES = 4096
MOST_PROPERTY_DEPTH = 5
CURRENCY = re.compile(r"[A-Z]{3}")
# Enough to keep crawlers that say what they are out of the figures; deeper detection is not ours.
BOT = re.compile(r"bot\b|crawl|spider|slurp|headless|facebookexternalhit|preview|lighthouse|monitor", re.IGNORECASE)

# The range of `value` by kind: (least, most, required). A kind that is not here takes none.
VALUES: dict[str, tuple[float, float, bool]] = {
    EventKind.CONVERSION: (0, MOST_MONEY, False),
    EventKind.RATING: (1, 5, True),
    EventKind.COST: (0, MOST_MONEY, True),
    EventKind.CUSTOM: (-MOST_MONEY, MOST_MONEY, False),
}
KEYS = frozenset(
    {"id", "type", "unit", "experiment", "arm", "occurred_at", "value", "margin", "currency", "properties"}
)

_EVENT: dict[str, Any] = {
    "type": "object",
    "required": ["id", "type", "unit"],
    "additionalProperties": False,
    "properties": {
        "id": {"type": "string", "minLength": 1, "maxLength": 100},
        "type": {"enum": EventKind.values},
        "unit": {"type": "string", "minLength": 1, "maxLength": 200},
        "experiment": {"type": ["string", "null"], "description": "Required for an exposure."},
        "arm": {"type": ["string", "null"], "description": "Required for an exposure."},
        "occurred_at": {"type": "string", "format": "date-time", "description": "With a zone. Default: now."},
        "value": {"type": "number", "description": "Revenue, stars (1 to 5) or an amount, by type."},
        "margin": {"type": "number", "description": "Of a conversion, before campaign cost."},
        "currency": {"type": "string", "pattern": "^[A-Z]{3}$"},
        "properties": {"type": "object", "description": f"At most {MOST_PROPERTY_BYTES} bytes."},
    },
}
EVENT_BODY: dict[str, Any] = {
    "required": True,
    "content": {
        "application/json": {
            "schema": {
                "oneOf": [
                    _EVENT,
                    {
                        "type": "object",
                        "required": ["events"],
                        "additionalProperties": False,
                        "properties": {"events": {"type": "array", "maxItems": 1000, "items": _EVENT}},
                    },
                ]
            }
        },
        "application/x-ndjson": {"schema": {"type": "string"}},
    },
}


def parse_event(raw: Any, *, received_at: datetime) -> EventInput:
    """The event, or Refused with the first field at fault."""
    if isinstance(raw, Unreadable):
        raise Refused("event", raw.message)
    if not isinstance(raw, dict):
        raise Refused("event", "must be an object.")
    if unknown := sorted(raw.keys() - KEYS):
        raise Refused(printable(unknown[0]), "is not a field of an event.")
    id_ = _required_text(raw, "id", 100)
    kind = _kind(raw)
    exposes = kind == EventKind.EXPOSURE
    properties = _properties(raw)
    return EventInput(
        id=id_,
        kind=kind,
        unit=_required_text(raw, "unit", 200),
        experiment=_required_text(raw, "experiment", 80) if exposes else _text(raw, "experiment", 80),
        arm=_required_text(raw, "arm", 80) if exposes else _text(raw, "arm", 80),
        occurred_at=_time(raw, received_at),
        value=_value(raw, kind),
        margin=_margin(raw, kind),
        currency=_currency(raw, kind),
        is_bot=_is_bot(properties),
        properties=properties,
    )


def usable_id(raw: Any) -> str | None:
    """The id of an event that was refused, for the sender to find it by; None where it cannot be said back."""
    try:
        return _text(raw, "id", 100) if isinstance(raw, dict) else None
    except Refused:
        return None


def _text(raw: Mapping[str, Any], name: str, longest: int) -> str | None:
    value = raw.get(name)
    if value is None:
        return None
    if not isinstance(value, str):
        raise Refused(name, f"must be text, not {_called(value)}.")
    if not value or len(value) > longest:
        raise Refused(name, f"must have 1 to {longest} characters, not {len(value)}.")
    _check_characters(name, value)
    return value


def _required_text(raw: Mapping[str, Any], name: str, longest: int) -> str:
    value = _text(raw, name, longest)
    if value is None:
        raise Refused(name, "is missing.")
    return value


def _check_characters(name: str, value: str) -> None:
    if "\0" in value:
        raise Refused(name, "holds a NUL character.")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError as problem:
            raise Refused(name, f"holds half a character (a lone surrogate) at {problem.start}.") from None


def _kind(raw: Mapping[str, Any]) -> str:
    kind = _required_text(raw, "type", 20)
    if kind not in EventKind.values:
        raise Refused("type", f"must be one of {', '.join(EventKind.values)}.")
    return kind


def _time(raw: Mapping[str, Any], received_at: datetime) -> datetime:
    text = _text(raw, "occurred_at", 40)
    if text is None:
        return received_at
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            raise Refused("occurred_at", "needs a zone: 2026-03-01T09:30:00Z, or +08:00 at its end.")
        moment = moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise Refused("occurred_at", "is not a time such as 2026-03-01T09:30:00Z.") from None
    if moment > received_at + MOST_AHEAD:
        raise Refused("occurred_at", "lies more than a day ahead.")
    if moment < received_at - MOST_BEHIND:
        raise Refused("occurred_at", f"lies more than {MOST_BEHIND.days} days back.")
    return moment


def _value(raw: Mapping[str, Any], kind: str) -> Decimal | None:
    if kind not in VALUES:
        if raw.get("value") is not None:
            raise Refused("value", f"does not belong to a {kind}.")
        return None
    least, most, required = VALUES[kind]
    value = _number(raw, "value", least, most)
    if value is None and required:
        raise Refused("value", f"is missing; a {kind} needs one.")
    return value


def _margin(raw: Mapping[str, Any], kind: str) -> Decimal | None:
    if raw.get("margin") is not None and kind != EventKind.CONVERSION:
        raise Refused("margin", f"does not belong to a {kind}.")
    return _number(raw, "margin", -MOST_MONEY, MOST_MONEY)


def _number(raw: Mapping[str, Any], name: str, least: float, most: float) -> Decimal | None:
    value = raw.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Refused(name, f"must be a number, not {_called(value)}.")
    if not math.isfinite(value):
        raise Refused(name, "must be a finite number.")
    if not least <= value <= most:
        raise Refused(name, f"must be between {least:,} and {most:,}.")
    return Decimal(repr(value))


def _currency(raw: Mapping[str, Any], kind: str) -> str | None:
    currency = _text(raw, "currency", 3)
    if currency is None:
        return None
    if not CURRENCY.fullmatch(currency):
        raise Refused("currency", "must be three capital letters, such as USD.")
    if kind not in {EventKind.CONVERSION, EventKind.COST, EventKind.CUSTOM}:
        raise Refused("currency", f"does not belong to a {kind}.")
    return currency


def _properties(raw: Mapping[str, Any]) -> dict[str, Any]:
    properties = raw.get("properties")
    if properties is None:
        return {}
    if not isinstance(properties, dict):
        raise Refused("properties", f"must be an object, not {_called(properties)}.")
    _check_tree("properties", properties, MOST_PROPERTY_DEPTH)
    size = len(json.dumps(properties, ensure_ascii=False).encode())
    if size > MOST_PROPERTY_BYTES:
        raise Refused("properties", f"take {size} bytes; at most {MOST_PROPERTY_BYTES} are kept.")
    return properties


def _check_tree(name: str, value: Any, depth: int) -> None:
    if depth < 0:
        raise Refused("properties", f"are nested more than {MOST_PROPERTY_DEPTH} deep.")
    match value:
        case str():
            _check_characters(name, value)
        case float() if not math.isfinite(value):
            raise Refused(name, "must be a finite number.")
        case dict():
            for key, inner in value.items():
                place = f"{name}.{printable(key)}"
                _check_characters(place, key)
                _check_tree(place, inner, depth - 1)
        case list():
            for index, inner in enumerate(value):
                _check_tree(f"{name}.{index}", inner, depth - 1)


def _is_bot(properties: Mapping[str, Any]) -> bool:
    declared = properties.get("bot")
    if declared is not None and not isinstance(declared, bool):
        raise Refused("properties.bot", "must be true or false.")
    agent = properties.get("user_agent")
    return bool(declared) or (isinstance(agent, str) and BOT.search(agent) is not None)


def _called(value: Any) -> str:
    match value:
        case bool():
            return "a truth value"
        case int() | float():
            return "a number"
        case str():
            return "text"
        case list():
            return "a list"
        case _:
            return "an object"
