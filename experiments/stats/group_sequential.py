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
from experiments.stats.crossings import REACH, Inside, exits, spread
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
        # The sign is dropped because the quantile of a tail below every double comes back as plus infinity.
        return abs(float(special.stdtrit(self.degrees_of_freedom, float(special.ndtr(-bound)))))

    def normal(self, statistic: float) -> float:
        """The normal statistic of the same tail probability."""
        if self.degrees_of_freedom is None:
            return statistic
        return math.copysign(float(special.ndtri(special.stdtr(self.degrees_of_freedom, -abs(statistic)))), statistic)

    def p_value(self, statistic: float) -> float:
        """The least alpha at which this look rejects; 1 where none below 0.999 does."""
        size = abs(self.normal(statistic))
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


def classical_boundaries(
    information: Sequence[float],
    *,
    alpha: float = 0.05,
    design: str = "obrien_fleming",
    shape: float = 3.0,
    sided: int = 2,
) -> tuple[float, ...]:
    """Boundaries of Z of the designs that fix the looks beforehand.

    "obrien_fleming": C t^(-1/2) (O'Brien and Fleming 1979, Biometrics 35:549). "pocock": C (Pocock 1977, Biometrika
    64:191). "wang_tsiatis": C t^(shape - 1/2) (Wang and Tsiatis 1987, Biometrics 43:193). "haybittle_peto": `shape` at
    every look but the last, and there what is left (Haybittle 1971, Br. J. Radiol. 44:793). t is the share of the last
    look's information. Equal looks are (1, 2, ..., K).
    """
    if not 0 < alpha < 1:
        raise ValueError(f"alpha: {alpha} is not between 0 and 1")
    if sided not in (1, 2):
        raise ValueError(f"sided: {sided} is neither 1 nor 2")
    times = spread(information)

    def excess(constant: float) -> float:
        upper = _classical(constant, times, design, shape)
        return exits(times, [-bound if sided == 2 else -math.inf for bound in upper], upper).total - alpha

    if excess(REACH) > 0:
        raise ValueError(f"shape: {shape} spends more than alpha {alpha} before the last look")
    least = 0.0 if sided == 2 else -REACH
    return _classical(float(optimize.brentq(excess, least, REACH, xtol=1e-12)), times, design, shape)


def _classical(constant: float, times: Sequence[float], design: str, shape: float) -> tuple[float, ...]:
    if design == "haybittle_peto":
        return (*[shape] * (len(times) - 1), constant)
    powers = {"obrien_fleming": -0.5, "pocock": 0.0, "wang_tsiatis": shape - 0.5}
    if design not in powers:
        raise ValueError(f"design: {design!r} is none of {', '.join(powers)}, haybittle_peto")
    return tuple(constant * (time / times[-1]) ** powers[design] for time in times)


def futility_boundaries(
    information: Sequence[float],
    *,
    drift: float,
    beta: float = 0.2,
    alpha: float = 0.05,
    spending: str = DEFAULT_SPENDING,
    parameter: float | None = None,
) -> tuple[float, ...]:
    """Values of Z at or below which going on is futile; minus infinity where nothing may be given up yet.

    They spend beta, the chance to miss an effect of `drift` (the mean of Z at information 1), by the same kind of
    function as alpha (Pampallona, Tsiatis and Kim 2001, Drug Inf. J. 35:1113). Not binding: the boundaries for success
    (two-sided at alpha) are computed as if nobody ever stopped for futility, so whoever goes on all the same makes no
    more errors. Z is positive where the treatment is better. No value lies above the boundary for success.
    """
    if not drift > 0:
        raise ValueError(f"drift: {drift} is not above 0")
    upper = spending_boundaries(information, alpha=alpha, spending=spending, parameter=parameter)
    times, found, before, inside = spread(information), [], 0.0, Inside.start()
    for look, share in enumerate(information):
        used = spending_functions.spent(share, beta, family=spending, parameter=parameter)
        lower = _lower_bound(inside, times[look], used - before, drift)
        found.append(upper[look] if share >= 1 else min(lower, upper[look]))
        before = used
        if look + 1 < len(times):
            corridor = (max(found[look], -upper[look]), upper[look])
            inside = inside.advanced(times[look], corridor, times[look + 1], drift)
    return tuple(found)


def _lower_bound(inside: Inside, time: float, tail: float, drift: float) -> float:
    if tail >= inside.masses.sum():
        return math.inf
    mirrored = Inside(inside.time, -inside.nodes, inside.masses)
    return -mirrored.bound(time, tail, -drift)


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
