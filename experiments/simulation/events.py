"""A shopper's outcomes as the events a shop would send; the ids depend on seed, experiment and shopper alone.

So a run that is started again sends the same ids with the same times, and the platform drops what it has. Every event
names its experiment: the same shopper may play in another one at the same time. Pure.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from experiments.simulation.shoppers import Outcomes

# What happens within one visit, a moment after the other.
_STEP = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Visit:
    """Who came, in which experiment and arm, and when."""

    experiment: str
    arm: str
    unit: str
    at: datetime
    currency: str = "USD"

    @property
    def stem(self) -> str:
        """The part of the event ids that is this visit's; short, whatever the length of the keys."""
        return hashlib.sha256(f"{self.experiment}\n{self.unit}".encode()).hexdigest()[:24]


def events_of(visit: Visit, outcomes: Outcomes, row: int) -> list[dict[str, Any]]:
    """The events of shopper `row` in order of time: exposures with clicks between them, orders, rating, costs."""
    happened = [*_browsing(outcomes, row), *_buying(outcomes, row)]
    return [
        {
            "id": f"sim-{visit.stem}-{number}",
            "unit": visit.unit,
            "experiment": visit.experiment,
            "arm": visit.arm,
            "occurred_at": (visit.at + number * _STEP).isoformat(),
            **event,
            **({"currency": visit.currency} if event["type"] in ("conversion", "cost") else {}),
        }
        for number, event in enumerate(happened)
    ]


def _browsing(outcomes: Outcomes, row: int) -> Iterator[dict[str, Any]]:
    for impression in range(int(outcomes.impressions[row])):
        yield {"type": "exposure"}
        if outcomes.clicked[row, impression]:
            yield {"type": "click"}


def _buying(outcomes: Outcomes, row: int) -> Iterator[dict[str, Any]]:
    for price, margin in zip(outcomes.prices[row].tolist(), outcomes.margins[row].tolist(), strict=True):
        if price:
            yield {"type": "conversion", "value": price / 100, "margin": margin / 100}
    if outcomes.rating[row]:
        yield {"type": "rating", "value": int(outcomes.rating[row])}
    for cents in (int(outcomes.media_cost[row]), int(outcomes.discount[row])):
        if cents:
            yield {"type": "cost", "value": cents / 100}
