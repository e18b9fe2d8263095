"""One unit's numbers in one experiment, and how they become its row in the moments and its place in the slices."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Protocol

ZERO = Decimal(0)
MARKED = (("marked", "bot"),)


@dataclass(slots=True)
class Totals:
    """A row of UnitTotals, in the order of its columns; `id` is None until it is stored."""

    experiment_id: int
    unit: str
    arm_id: int
    first_exposed_at: datetime
    last_event_at: datetime
    impressions: int = 0
    clicks: int = 0
    orders: int = 0
    converted: int = 0
    revenue: Decimal = ZERO
    margin: Decimal = ZERO
    cost: Decimal = ZERO
    rating_sum: Decimal = ZERO
    rating_count: int = 0
    detractors: int = 0
    returned: int = 0
    pre_clicks: int = 0
    pre_orders: int = 0
    pre_revenue: Decimal = ZERO
    extra: list[Decimal] = field(default_factory=list)
    slices: dict[str, str] = field(default_factory=dict)
    batch: int | None = None
    in_two_arms: bool = False
    is_marked: bool = False
    id: int | None = None

    @property
    def only_prefetched(self) -> bool:
        """Whether no exposure of it was real: the first real one counts as an impression, whatever the window."""
        return self.impressions == 0


class Counted(Protocol):
    """A unit's numbers: Totals, or the model UnitTotals."""

    impressions: int
    clicks: int
    orders: int
    converted: int
    revenue: Decimal
    margin: Decimal
    cost: Decimal
    rating_sum: Decimal
    rating_count: int
    detractors: int
    returned: int
    pre_clicks: int
    pre_orders: int
    pre_revenue: Decimal
    extra: list[Decimal]


def vector(totals: Counted, cap: float | None = None) -> list[float]:
    """The unit's row for the moments: UNIT_COLUMNS, then the custom columns. `cap` winsorises the revenue."""
    revenue = float(totals.revenue)
    return [
        totals.impressions,
        totals.clicks,
        totals.converted,
        totals.orders,
        revenue,
        float(totals.margin),
        float(totals.cost),
        float(totals.rating_sum),
        totals.rating_count,
        1 if totals.clicks else 0,
        revenue if cap is None else min(revenue, cap),
        totals.detractors,
        totals.returned,
        totals.pre_clicks,
        totals.pre_orders,
        float(totals.pre_revenue),
        *map(float, totals.extra),
    ]


def slices_of(totals: Totals) -> tuple[tuple[str, str], ...]:
    """The slices (dimension, value) that a unit is in. One that counts only with bots is in that slice alone."""
    if totals.is_marked:
        return MARKED
    day = ("day", totals.first_exposed_at.astimezone(UTC).date().isoformat())
    batch = () if totals.batch is None else (("batch", str(totals.batch)),)
    return (day, *totals.slices.items(), *batch)
