"""What a play tells at its end: for every experiment and arm the truth beside what the sent events add up to. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from experiments.simulation.blocks import Played
from experiments.simulation.shoppers import Floats
from experiments.stats.metrics import COUNTED_COLUMNS

# Name, key of the truth, how it is written.
FIGURES = (
    ("click-through rate", "ctr", "{:.3%}"),
    ("conversion", "conversion", "{:.3%}"),
    ("revenue per shopper", "revenue_per_shopper", "{:.4f}"),
    ("satisfaction", "satisfaction", "{:.4f}"),
    ("return on cost", "roi", "{:+.1%}"),
)


def lines(played: Played) -> Iterator[str]:
    """The account of a play, a line at a time."""
    speed = f", {played.shoppers / played.seconds:,.0f} a second" if played.seconds else ""
    yield f"{played.shoppers:,} shoppers in {played.seconds:.1f} s{speed}; {played.retries:,} calls were repeated"
    yield f"{played.accepted:,} events taken, {played.duplicates:,} known already, {len(played.rejected):,} refused"
    for reason, count in played.outside.most_common():
        yield f"{count:,} shoppers in no experiment ({reason or 'no reason given'})"
    for key, truths in played.truths.items():
        yield ""
        yield f"{key}: truth, and in brackets what this play sent"
        sent = {arm: figures(played, key, arm, next(iter(truths))) for arm in truths}
        for arm, truth in truths.items():
            yield f"  {arm}: {_shoppers(played, key, arm):,} shoppers"
            yield from _figures(dict(truth), sent[arm])


def figures(played: Played, experiment: str, arm: str, control: str) -> dict[str, float]:
    """The same figures from what was sent; NaN where nobody did what they count."""
    mine, other = (_means(played, experiment, name) for name in (arm, control))
    place = COUNTED_COLUMNS.index
    margin, cost = (float(mine[place(name)] - other[place(name)]) for name in ("margin", "cost"))
    return {
        "ctr": _over(mine[place("clicks")], mine[place("impressions")]),
        "conversion": float(mine[place("converted")]),
        "revenue_per_shopper": float(mine[place("revenue")]),
        "satisfaction": _over(mine[place("rating_sum")], mine[place("rating_count")]),
        "roi": margin / cost - 1 if arm != control and cost > 0 else math.nan,
    }


def _figures(truth: dict[str, Any], sent: dict[str, float]) -> Iterator[str]:
    for name, key, form in FIGURES:
        if truth[key] is not None:
            seen = "–" if math.isnan(sent[key]) else form.format(sent[key])
            yield f"    {name:<20} {form.format(truth[key]):>10}  ({seen})"


def _means(played: Played, experiment: str, arm: str) -> Floats:
    shoppers = _shoppers(played, experiment, arm)
    sums: Floats | None = played.sums.get((experiment, arm))
    return sums / shoppers if sums is not None and shoppers else _NOTHING


def _shoppers(played: Played, experiment: str, arm: str) -> int:
    return played.arms[experiment][arm] if experiment in played.arms else 0


def _over(top: float, bottom: float) -> float:
    return float(top / bottom) if bottom else math.nan


_NOTHING: Floats = np.full(len(COUNTED_COLUMNS), np.nan)
