"""The line of a product's prices as SVG, in steps: a price holds until the next. The table below it has the numbers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from campaigns.models import PriceRecord

WIDTH, HEIGHT, EDGE = 560, 120, 8


def points(records: Sequence[PriceRecord], now: datetime) -> str:
    """The corners of the line, for a polyline; `records` newest first. Empty for fewer than two prices."""
    if len(records) < 2:
        return ""
    ordered = list(reversed(records))
    begin, span = ordered[0].seen_at, max(1.0, (now - ordered[0].seen_at).total_seconds())
    low, high = min(one.price for one in ordered), max(one.price for one in ordered)
    height = float(high - low) or 1.0
    corners: list[str] = []
    for place, one in enumerate(ordered):
        until = ordered[place + 1].seen_at if place + 1 < len(ordered) else now
        across = [
            EDGE + (WIDTH - 2 * EDGE) * (moment - begin).total_seconds() / span for moment in (one.seen_at, until)
        ]
        down = HEIGHT - EDGE - (HEIGHT - 2 * EDGE) * float(one.price - low) / height
        corners += [f"{x:.1f},{down:.1f}" for x in across]
    return " ".join(corners)
