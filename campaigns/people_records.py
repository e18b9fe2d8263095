"""One shopper as a file or a request says it, checked: the values to store, or what is wrong with which field. Pure.

    {"unit": "u-1", "email": "a@shop.example", "attributes": {"orders": 2},
     "consents": [{"channel": "email", "given": true, "source": "checkout", "at": "2026-03-02T09:00:00+01:00"}]}

Peculiar: a problem names the field and a code and never the value, since problems are shown, stored and logged.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from campaigns.addresses import PHONE, phone, small

CHANNELS = ("email", "sms", "push")
MAX_UNIT = 200
MAX_ATTRIBUTES = 100
MAX_ATTRIBUTES_TEXT = 20_000
MAX_CONSENTS = 50
# The clocks of a shop and of the platform differ a little.
SLACK = timedelta(minutes=5)
FIELDS = ("email", "phone", "push_token", "language", "country", "time_zone")
KNOWN = frozenset({"unit", *FIELDS, "attributes", "consents"})
_EMAIL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[^\s@.,;<>\"()]+(\.[^\s@.,;<>\"()]+)+")
_SHAPES = {
    "language": re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,4})?"),
    "country": re.compile(r"[A-Za-z]{2}"),
    "time_zone": re.compile(r"[A-Za-z0-9_+\-]{1,30}(/[A-Za-z0-9_+\-]{1,30}){0,2}"),
    "push_token": re.compile(r"\S{1,300}"),
}


class RecordError(ValueError):
    """A shopper that cannot be stored: `field` is a dotted path, `code` names what is wrong with it."""

    def __init__(self, field: str, code: str) -> None:
        super().__init__(f"{field}: {code}")
        self.field = field
        self.code = code


@dataclass(frozen=True, slots=True)
class ConsentInput:
    """That a shopper agreed to a channel, or took it back; checked."""

    channel: str
    given: bool
    source: str
    at: datetime


@dataclass(frozen=True, slots=True)
class ShopperInput:
    """What the shop says of one shopper; checked. A field that is None is left as it is, attributes are added."""

    unit: str
    email: str | None = None
    phone: str | None = None
    push_token: str | None = None
    language: str | None = None
    country: str | None = None
    time_zone: str | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)
    consents: tuple[ConsentInput, ...] = ()


def read_shopper(record: object, *, now: datetime | None = None) -> ShopperInput:
    """One record, checked. Raises RecordError for the first field that cannot be used."""
    if not isinstance(record, Mapping):
        raise RecordError("", "no_object")
    if unknown := sorted(str(name) for name in set(record) - KNOWN):
        raise RecordError(unknown[0][:60], "unknown_field")
    consents = record.get("consents") or []
    if not isinstance(consents, list) or len(consents) > MAX_CONSENTS:
        raise RecordError("consents", "no_list")
    moment = now or datetime.now(UTC)
    unit = _unit(record.get("unit"))
    fields = {name: _field(name, record[name]) for name in FIELDS if record.get(name) is not None}
    return ShopperInput(
        unit=unit,
        **fields,
        attributes=_attributes(record.get("attributes")),
        consents=tuple(read_consent(f"consents.{place}.", one, moment) for place, one in enumerate(consents)),
    )


def read_consent(path: str, value: object, now: datetime | None = None) -> ConsentInput:
    """One consent, checked; `path` stands before the field that a RecordError names."""
    if not isinstance(value, Mapping):
        raise RecordError(path.rstrip("."), "no_object")
    if unknown := sorted(str(name) for name in set(value) - {"channel", "given", "source", "at"}):
        raise RecordError(f"{path}{unknown[0][:60]}", "unknown_field")
    if value.get("channel") not in CHANNELS:
        raise RecordError(f"{path}channel", "channel")
    if not isinstance(value.get("given"), bool):
        raise RecordError(f"{path}given", "given")
    source = value.get("source")
    if not isinstance(source, str) or not usable_text(source) or not 0 < len(source.strip()) <= 80:
        raise RecordError(f"{path}source", "source")
    at = _moment(f"{path}at", value.get("at"), now or datetime.now(UTC))
    return ConsentInput(value["channel"], value["given"], source.strip(), at)


def usable_text(text: object) -> bool:
    """A text the database can hold: without NUL and halves of a character."""
    return isinstance(text, str) and not re.search("[\0\ud800-\udfff]", text)


def _unit(value: object) -> str:
    if not isinstance(value, str) or not usable_text(value) or not 0 < len(value.strip()) <= MAX_UNIT:
        raise RecordError("unit", "unit")
    return value.strip()


def _field(name: str, value: object) -> str:
    if not isinstance(value, str) or not usable_text(value):
        raise RecordError(name, "text")
    text = value.strip()
    if not text:
        return ""
    if name == "email":
        fits, text = len(text) <= 254 and bool(_EMAIL.fullmatch(text)), small(text)
    elif name == "phone":
        text = phone(text)
        fits = bool(PHONE.fullmatch(text))
    else:
        fits = bool(_SHAPES[name].fullmatch(text))
        text = text.upper() if name == "country" else text
    if not fits:
        raise RecordError(name, name)
    return text


def _attributes(value: object) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, Mapping) or len(value) > MAX_ATTRIBUTES:
        raise RecordError("attributes", "attributes")
    for name in value:
        if not isinstance(name, str) or not usable_text(name) or not 0 < len(name) <= 60:
            raise RecordError("attributes", "attribute_name")
    try:
        written = json.dumps(dict(value), ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError):
        raise RecordError("attributes", "attribute_value") from None
    if not usable_text(written) or "\\u0000" in written or len(written) > MAX_ATTRIBUTES_TEXT:
        raise RecordError("attributes", "attribute_value")
    return dict(value)


def _moment(path: str, value: object, now: datetime) -> datetime:
    """A day counts from its beginning in UTC; a time without a zone is UTC."""
    try:
        found = value if isinstance(value, datetime) else datetime.fromisoformat(str(value).strip())
        at = found if found.tzinfo else found.replace(tzinfo=UTC)
        late = at > now + SLACK
    except (ValueError, OverflowError):
        raise RecordError(path, "at") from None
    if late:
        raise RecordError(path, "ahead")
    return at
