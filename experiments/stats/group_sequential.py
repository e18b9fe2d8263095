"""Group sequential tests: a few planned looks, each with its boundary, and the error rate kept over all of them.

The default of a campaign with an end. A boundary depends on how much is known at the looks so far and on nothing to
come, so looks may fall when they fall. `GroupSequential` is the reference of one look: its critical value is the
boundary there, its p-value the least alpha at which this look would have rejected (the repeated p-value: Jennison and
Turnbull 2000, section 9.5). As alpha moves, the earlier boundaries move too: the p-value inverts the whole.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from scipy import optimize, special

from experiments.stats import spending as spending_functions
from experiments.stats.crossings import Inside, spread
from experiments.stats.spending import DEFAULT_SPENDING

# Of a larger alpha nothing is asked; a p-value above it is 1.
LARGEST_ALPHA = 0.999
# Near the smallest number that a double holds. A statistic beyond the boundary of this alpha has p = 0.
SMALLEST_ALPHA = 1e-300


@dataclass(frozen=True, slots=True)
class GroupSequential:
    """Reference of the look at which `information[-1]` of the plan was reached.

    `information` holds the shares of the planned information at this look and all before, rising; a last share of 1
    or more is the final look, which spends all that is left. `degrees_of_freedom` None is a normal statistic; with
    degrees of freedom the statistic is Student's, held against the boundary at the same tail probability (ibid.,
    section 3.3).
    """

    information: tuple[float, ...]
    spending: str = DEFAULT_SPENDING
    parameter: float | None = None
    degrees_of_freedom: float | None = None

    def __post_init__(self) -> None:
        spread(self.information)
        spending_functions.parameter_of(self.spending, self.parameter)
        if any(share >= 1 for share in self.information[:-1]):
            raise ValueError("information: only the last look may have all that was planned")
        if self.degrees_of_freedom is not None and not self.degrees_of_freedom > 0:
            raise ValueError(f"degrees_of_freedom: {self.degrees_of_freedom} is not above 0")

    @property
    def is_final(self) -> bool:
        """Whether this look spends all of alpha."""
        return self.information[-1] >= 1

    def boundaries(self, alpha: float) -> tuple[float, ...]:
        """The boundaries of |Z| at all looks so far, for a two-sided test at alpha."""
        return spending_boundaries(self.information, alpha=alpha, spending=self.spending, parameter=self.parameter)

    def critical(self, alpha: float) -> float:
        """The boundary of this look; infinite where next to nothing may be spent yet."""
        if not 0 < alpha <= 1:
            raise ValueError(f"alpha: {alpha} is not between 0 and 1")
        bound = self.boundaries(min(max(alpha, SMALLEST_ALPHA), LARGEST_ALPHA))[-1]
        if self.degrees_of_freedom is None:
            return bound
        return float(-special.stdtrit(self.degrees_of_freedom, float(special.ndtr(-bound))))

    def p_value(self, statistic: float) -> float:
        """The least alpha at which this look rejects; 1 where none below 0.999 does."""
        size = abs(statistic)
        if self.degrees_of_freedom is not None:
            size = float(-special.ndtri(special.stdtr(self.degrees_of_freedom, -size)))
        if size <= self.boundaries(LARGEST_ALPHA)[-1]:
            return 1.0
        if size > self.boundaries(SMALLEST_ALPHA)[-1]:
            return 0.0
        return _repeated_p(self, size)


def spending_boundaries(
    information: Sequence[float],
    *,
    alpha: float = 0.05,
    spending: str = DEFAULT_SPENDING,
    parameter: float | None = None,
    sided: int = 2,
) -> tuple[float, ...]:
    """Boundaries of Z at each look that spend alpha as the spending function says (Lan and DeMets 1983).

    `sided` 2 is the symmetric two-sided test at alpha, 1 the upper one-sided test at alpha. A boundary is infinite
    where what may be spent is too small for a double (below 1e-300).
    """
    if sided not in (1, 2):
        raise ValueError(f"sided: {sided} is neither 1 nor 2")
    chosen = spending_functions.parameter_of(spending, parameter)
    return _boundaries(tuple(information), alpha / sided, spending, None if math.isnan(chosen) else chosen, sided)


@lru_cache(maxsize=8192)
def _boundaries(
    information: tuple[float, ...], alpha: float, spending: str, parameter: float | None, sided: int
) -> tuple[float, ...]:
    times, found, before = spread(information), [], 0.0
    inside = Inside.start()
    for look, share in enumerate(information):
        used = spending_functions.spent(share, alpha, family=spending, parameter=parameter)
        bound = inside.bound(times[look], used - before)
        found.append(bound)
        before = used
        if look + 1 < len(times):
            corridor = (-bound if sided == 2 else -math.inf, bound)
            inside = inside.advanced(times[look], corridor, times[look + 1])
    return tuple(found)


def _repeated_p(plan: GroupSequential, size: float) -> float:
    """The alpha whose boundary at this look is `size`; on the normal scale boundaries are nearly straight."""

    def beyond(quantile: float) -> float:
        return plan.boundaries(float(2 * special.ndtr(-quantile)))[-1] - size

    least, most = (float(-special.ndtri(alpha / 2)) for alpha in (LARGEST_ALPHA, SMALLEST_ALPHA))
    guess = min(max(size * 1.96 / plan.boundaries(0.05)[-1], least), most)
    low, high = guess, guess
    while low > least and beyond(low) > 0:
        low = max(low / 1.15 - 0.02, least)
    while high < most and beyond(high) < 0:
        high = min(high * 1.15 + 0.02, most)
    if low == high:
        return float(2 * special.ndtr(-low))
    return float(2 * special.ndtr(-optimize.brentq(beyond, low, high, xtol=1e-12, rtol=1e-13)))
