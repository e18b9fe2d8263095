"""One raw event, checked by hand: the first thing wrong names its field; the rest of the batch goes on.

Pydantic would do, but it is a third of the cost of an ingest and would list every fault of every kind of event.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from experiments.models import EventKind
from experiments.schemas.bodies import Unreadable, printable
from experiments.schemas.properties import (
    MOST_PROPERTY_BYTES,
    MOST_PROPERTY_DEPTH,
    called,
    check_characters,
    parse_properties,
)
from experiments.services import EventInput, Refused

MOST_AHEAD = timedelta(days=1)
MOST_BEHIND = timedelta(days=400)
MOST_MONEY = 1_000_000_000
CURRENCY = re.compile(r"[A-Z]{3}")
# The enumeration makes such a list anew each time it is asked.
KINDS = frozenset(EventKind.values)
MONEY_KINDS = frozenset({EventKind.CONVERSION.value, EventKind.COST.value, EventKind.CUSTOM.value})

# The range of `value` by kind: (least, most, required). A kind that is not here takes none.
VALUES: dict[str, tuple[float, float, bool]] = {
    EventKind.CONVERSION.value: (0, MOST_MONEY, False),
    EventKind.RATING.value: (1, 5, True),
    EventKind.COST.value: (0, MOST_MONEY, True),
    EventKind.CUSTOM.value: (-MOST_MONEY, MOST_MONEY, False),
}
KEYS = frozenset(
    {"id", "type", "name", "unit", "experiment", "arm", "occurred_at", "value", "margin", "currency", "properties"}
)

_EVENT: dict[str, Any] = {
    "type": "object",
    "required": ["id", "type", "unit"],
    "additionalProperties": False,
    "properties": {
        "id": {"type": "string", "minLength": 1, "maxLength": 100},
        "type": {"enum": EventKind.values},
        "name": {"type": "string", "minLength": 1, "maxLength": 80, "description": "Of a custom event."},
        "unit": {"type": "string", "minLength": 1, "maxLength": 200},
        "experiment": {"type": ["string", "null"], "description": "Required for an exposure."},
        "arm": {"type": ["string", "null"], "description": "Required for an exposure."},
        "occurred_at": {"type": "string", "format": "date-time", "description": "With a zone. Default: now."},
        "value": {"type": "number", "description": "Revenue, stars (1 to 5) or an amount, by type."},
        "margin": {"type": "number", "description": "Of a conversion, before campaign cost."},
        "currency": {"type": "string", "pattern": "^[A-Z]{3}$"},
        "properties": {
            "type": "object",
            "description": f"At most {MOST_PROPERTY_BYTES} bytes in {MOST_PROPERTY_DEPTH} levels.",
        },
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


def parse_event(raw: Any, *, received_at: datetime, is_prefetch: bool = False) -> EventInput:
    """The event, or Refused with the first field at fault. `is_prefetch`: the whole request was made ahead."""
    if not isinstance(raw, dict):
        raise Refused("event", raw.message if isinstance(raw, Unreadable) else "must be an object.")
    if not raw.keys() <= KEYS:
        raise Refused(printable(min(raw.keys() - KEYS)), "is not a field of an event.")
    id_ = _required_text(raw, "id", 100)
    kind = _kind(raw)
    about = _required_text if kind == "exposure" else _text
    properties = parse_properties(raw.get("properties"))
    return EventInput(
        id=id_,
        kind=kind,
        unit=_required_text(raw, "unit", 200),
        experiment=about(raw, "experiment", 80),
        arm=about(raw, "arm", 80),
        occurred_at=_time(raw, received_at),
        value=_value(raw, kind),
        margin=_margin(raw, kind),
        currency=_currency(raw, kind),
        is_bot=properties.is_bot,
        is_prefetch=is_prefetch or properties.is_prefetch,
        name=_name(raw, kind),
        properties=properties.value,
        written=properties.written,
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
    # Nearly all that comes is this, and needs no second look.
    if isinstance(value, str) and 0 < len(value) <= longest and value.isascii() and "\0" not in value:
        return value
    return _checked_text(name, value, longest)


def _checked_text(name: str, value: Any, longest: int) -> str:
    if not isinstance(value, str):
        raise Refused(name, f"must be text, not {called(value)}.")
    if not value or len(value) > longest:
        raise Refused(name, f"must have 1 to {longest} characters, not {len(value)}.")
    check_characters(name, value)
    return value


def _required_text(raw: Mapping[str, Any], name: str, longest: int) -> str:
    value = _text(raw, name, longest)
    if value is None:
        raise Refused(name, "is missing.")
    return value


def _kind(raw: Mapping[str, Any]) -> str:
    kind = _required_text(raw, "type", 20)
    if kind not in KINDS:
        raise Refused("type", f"must be one of {', '.join(EventKind.values)}.")
    return kind


def _name(raw: Mapping[str, Any], kind: str) -> str | None:
    name = _text(raw, "name", 80)
    if name is not None and kind != "custom":
        raise Refused("name", f"does not belong to a {kind}.")
    return name


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
    if raw.get("margin") is None:
        return None
    if kind != "conversion":
        raise Refused("margin", f"does not belong to a {kind}.")
    return _number(raw, "margin", -MOST_MONEY, MOST_MONEY)


def _number(raw: Mapping[str, Any], name: str, least: float, most: float) -> Decimal | None:
    value = raw.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Refused(name, f"must be a number, not {called(value)}.")
    if isinstance(value, float) and not math.isfinite(value):
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
    if kind not in MONEY_KINDS:
        raise Refused("currency", f"does not belong to a {kind}.")
    return currency
