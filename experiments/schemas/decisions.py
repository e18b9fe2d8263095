"""Bodies of /decide."""

from __future__ import annotations

from typing import Annotated, Any, Self

from ninja import Schema
from pydantic import AfterValidator, ConfigDict, Field, StringConstraints, model_validator

MAX_UNITS = 1000


def without_nul(text: str) -> str:
    """The text itself; a NUL character has no place in a name and none in the database."""
    if "\0" in text:
        raise ValueError("holds a NUL character")
    return text


Unit = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=200), AfterValidator(without_nul)]


class DecideIn(Schema):
    """One unit, or a list of them."""

    model_config = ConfigDict(extra="forbid")

    experiment: Annotated[str, StringConstraints(strict=True, min_length=1, max_length=80), AfterValidator(without_nul)]
    unit: Unit | None = None
    units: Annotated[list[Unit], Field(min_length=1, max_length=MAX_UNITS)] | None = None
    attributes: dict[str, Any] = Field(
        default_factory=dict, description="Of the shopper, or of all the units; for targeting."
    )

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.unit is None) == (self.units is None):
            raise ValueError("give either unit or units")
        return self


class DecisionOut(Schema):
    """What a unit gets."""

    experiment: str
    unit: str
    in_experiment: bool
    arm: str | None
    control: bool
    reason: str
    content: dict[str, Any]
    batch: int | None = Field(default=None, description="Adaptive experiments alone: send it back in the exposure.")
    propensity: float | None = Field(default=None, description="Adaptive experiments alone: how likely the arm was.")


class BatchOut(Schema):
    """What several units get, in the order they were asked for."""

    experiment: str
    decisions: list[DecisionOut]
