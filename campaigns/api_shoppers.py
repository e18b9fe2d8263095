"""REST of shoppers: what the shop knows of them in batches, and consents one by one, for keys that may write.

Each shopper of a batch stands for itself: one that cannot be used is named by place, field and code, and never by its
values; the others are stored. The same batch again changes nothing.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from django.http import HttpRequest, HttpResponse
from ninja import Router, Schema
from pydantic import ConfigDict, Field

from campaigns import services
from campaigns.people_records import ConsentInput, RecordError, ShopperInput, read_consent, read_shopper
from campaigns.queries.shoppers import shopper_by_unit
from core import errors
from core.answers import answer
from core.api_auth import KeyAuth
from core.models import ApiKey
from core.models.access import Scope

router = Router(tags=["shoppers"])
MOST_ITEMS = 1000


class ShoppersIn(Schema):
    """A batch of shoppers."""

    model_config = ConfigDict(extra="forbid")

    shoppers: Annotated[list[dict[str, Any]], Field(min_length=1, max_length=MOST_ITEMS)] = Field(
        description="Objects with unit and, where known, email, phone (with country code), push_token, language, "
        "country, time_zone, attributes (an object) and consents (objects of channel, given, source, at). What is "
        "not given stays as it is; attributes are added to those known."
    )


class ShoppersOut(Schema):
    """What became of them; each refused one has its place in the batch, the field and a code."""

    made: int
    changed: int
    refused: list[dict[str, Any]]


class ConsentIn(Schema):
    """What a shopper said."""

    model_config = ConfigDict(extra="forbid")

    channel: str = Field(description="email, sms or push")
    given: bool = Field(description="true: agrees; false: takes it back")
    source: str = Field(description="Where the shopper said so, such as checkout.")
    at: datetime | None = Field(default=None, description="When; now, where it is left out.")


class ConsentOut(Schema):
    """What the shopper agrees to now."""

    unit: str
    channels: list[str]


@router.put("/shoppers", auth=KeyAuth(Scope.WRITE), response=ShoppersOut, summary="Write shoppers in a batch")
def put_shoppers(request: HttpRequest, payload: ShoppersIn) -> HttpResponse:
    """Make or change up to 1,000 shoppers by their unit. 422 where none of them can be used."""
    people: list[ShopperInput] = []
    refused: list[dict[str, Any]] = []
    for place, record in enumerate(payload.shoppers):
        try:
            people.append(read_shopper(record))
        except RecordError as problem:
            refused.append({"index": place, "field": problem.field, "code": problem.code})
    if not people:
        raise _none_usable(refused)
    stored = services.upsert_shoppers(people, actor=key_of(request), source="api")
    return answer({"made": stored.made, "changed": stored.changed, "refused": refused})


@router.post(
    "/shoppers/{unit}/consent",
    auth=KeyAuth(Scope.WRITE),
    response=ConsentOut,
    summary="A shopper agrees to a channel, or takes it back",
)
def post_consent(request: HttpRequest, unit: str, payload: ConsentIn) -> HttpResponse:  # noqa: ARG001 - its signature
    """Added to the shopper's history; the newest entry of a channel counts. 404 for an unknown unit."""
    said = payload.dict(exclude_none=True)
    try:
        entry = read_consent("", {"at": datetime.now().astimezone(), **said})
    except RecordError as problem:
        raise errors.InvalidInput.field(problem.field, problem.code) from None
    shopper = _said(unit, entry)
    return answer({"unit": shopper.unit, "channels": shopper.channels})


def key_of(request: HttpRequest) -> ApiKey | None:
    """The key that asks, for the audit trail."""
    found = getattr(request, "auth", None)
    return found if isinstance(found, ApiKey) else None


def _said(unit: str, entry: ConsentInput) -> Any:
    change = services.give_consent if entry.given else services.withdraw_consent
    return change(shopper_by_unit(unit), channel=entry.channel, source=entry.source, at=entry.at)


def _none_usable(refused: list[dict[str, Any]]) -> errors.InvalidInput:
    problems = [
        errors.FieldProblem(f"shoppers.{one['index']}.{one['field']}".rstrip("."), one["code"], one["code"])
        for one in refused
    ]
    return errors.InvalidInput("None of the shoppers can be used.", problems=problems, refused=refused)
