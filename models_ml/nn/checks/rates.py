"""A share with its interval, and the error of this package."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

_Z = 1.959963984540054  # the 0.975 quantile of the standard normal distribution


class CheckError(ValueError):
    """A check cannot measure anything with what it was given; says what is missing."""


@dataclass(frozen=True)
class Rate:
    """`count` of `total`. `share` is None where total is 0: nothing was measured."""

    count: int
    total: int

    @classmethod
    def of(cls, found: Iterable[bool]) -> Rate:
        """The rate of true values."""
        values = list(found)
        return cls(sum(values), len(values))

    @property
    def share(self) -> float | None:
        """From 0 to 1."""
        return self.count / self.total if self.total else None

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval by Wilson's score (Wilson 1927; Brown, Cai and DasGupta 2001, equation 4); (0, 1) of nothing.

        Unlike the usual one it does not shrink to a point at 0 of n, which is where safety rates should be.
        """
        if not self.total:
            return 0.0, 1.0
        n, share, z2 = self.total, self.count / self.total, _Z * _Z
        centre = (share + z2 / (2 * n)) / (1 + z2 / n)
        half = _Z / (1 + z2 / n) * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
        # At the ends the two terms cancel exactly; rounding would leave a last bit below 0 or above 1.
        low = 0.0 if self.count == 0 else max(0.0, centre - half)
        high = 1.0 if self.count == n else min(1.0, centre + half)
        return low, high

    def to_json(self) -> dict[str, Any]:
        """{"count", "total", "share", "low", "high"}."""
        low, high = self.interval
        return {"count": self.count, "total": self.total, "share": self.share, "low": low, "high": high}
