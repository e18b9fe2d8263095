"""What a plan is made from, checked once: the field at fault opens the sentence of each ValueError."""

from __future__ import annotations

import math
from dataclasses import dataclass

MOST_ARMS = 10
MOST_DAYS = 366


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanInputs:
    """A goal metric, its traffic and what past experiments believe.

    `baseline` is the control's value and `variance` that of one unit, `daily_units` the new units a day of which
    `share` take part. `prior_mean` and `prior_spread` are of a challenger's log lift over the control.
    Raises ValueError.
    """

    arms: int
    baseline: float
    variance: float
    daily_units: float
    days: int
    share: float = 1.0
    alpha: float = 0.05
    power: float = 0.8
    guardrails: int = 0
    prior_mean: float = 0.0
    prior_spread: float = 0.30
    higher_is_better: bool = True

    def __post_init__(self) -> None:
        for name in ("baseline", "variance", "daily_units", "prior_spread"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise ValueError(f"{name}: {value} is not a positive number")
        for name, lowest, highest in (("arms", 2, MOST_ARMS), ("days", 1, MOST_DAYS), ("guardrails", 0, 50)):
            if not lowest <= getattr(self, name) <= highest:
                raise ValueError(f"{name}: {getattr(self, name)} is not from {lowest} to {highest}")
        for name in ("alpha", "power"):
            if not 0 < getattr(self, name) < 1:
                raise ValueError(f"{name}: {getattr(self, name)} is not between 0 and 1")
        if not 0 < self.share <= 1:
            raise ValueError(f"share: {self.share} is not above 0 and at most 1")
        if not abs(self.prior_mean) <= 1 or self.prior_spread > 1:
            raise ValueError("prior_spread: a prior wider than 1 on the log scale cannot be planned with")

    @property
    def units(self) -> float:
        """Units of the whole horizon that may take part."""
        return self.daily_units * self.days * self.share
