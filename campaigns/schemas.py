"""Bodies of the campaigns' REST, checked: an unknown key is an error that names it."""

from __future__ import annotations

from typing import Annotated, Any

from ninja import Schema
from pydantic import AfterValidator, ConfigDict, Field, StringConstraints

MAX_ATTRIBUTES = 100


def without_nul(text: str) -> str:
    """The text itself; a NUL character has no place in a name."""
    if "\0" in text:
        raise ValueError("holds a NUL character")
    return text


class CampaignDecideIn(Schema):
    """One shopper and what the shop knows of them."""

    model_config = ConfigDict(extra="forbid")

    unit: Annotated[str, StringConstraints(strict=True, min_length=1, max_length=200), AfterValidator(without_nul)]
    attributes: Annotated[dict[str, Any], Field(max_length=MAX_ATTRIBUTES)] = Field(
        default_factory=dict, description='Of the shopper, such as {"student": true}; audiences are rules over these.'
    )


class CampaignDecisionOut(Schema):
    """What the shopper gets, and by which audience and experiment; both are null where no audience fits."""

    campaign: str
    audience: str | None
    experiment: str | None
    unit: str
    in_experiment: bool
    arm: str | None
    control: bool
    reason: str
    content: dict[str, Any]
