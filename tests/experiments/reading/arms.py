"""Arms for readings: exact shares of buyers, with revenue and ratings, and a history that may explain them."""

from __future__ import annotations

import numpy as np

from experiments.reading.settings import ArmData
from experiments.stats.metrics import UNIT_COLUMNS
from experiments.stats.moments import Moments


def shoppers(n: int, *, buy: float, seed: int = 1, history: float = 0.0) -> Moments:
    """`n` shoppers of whom exactly the share `buy` buys; `history` is how much earlier revenue says of the present."""
    rng = np.random.default_rng(seed)
    bought = (np.arange(n) < round(buy * n)).astype(float)
    before = rng.gamma(4, 10, n)
    revenue = bought * (rng.gamma(4, 10, n) + history * before)
    columns = {
        "impressions": np.ones(n),
        "clicks": np.minimum(1, bought + rng.binomial(1, 0.1, n)),
        "converted": bought,
        "orders": bought,
        "revenue": revenue,
        "margin": 0.4 * revenue,
        "rating_sum": bought * rng.integers(1, 6, n),
        "rating_count": bought,
        "pre_revenue": before,
    }
    rows = np.column_stack([columns.get(name, np.zeros(n)) for name in UNIT_COLUMNS])
    return Moments.from_rows(UNIT_COLUMNS, rows)


def arm(key: str, moments: Moments, *, weight: float = 0.5, dropped: bool = False) -> ArmData:
    """Arm `a` is the control."""
    return ArmData(key, f"Copy {key.upper()}", key == "a", weight, moments, dropped=dropped)
