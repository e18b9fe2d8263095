"""What a group sequential plan gives and costs: power, expected share of the sample, inflation, the price of futility
stops.

All exact, by the recursion of `crossings`. The drift is the mean of Z at the full plan: effect / standard error there.
A fixed test of power 1 - beta at alpha has the drift z(alpha/2) + z(beta).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from scipy import optimize, special

from experiments.stats.crossings import exits
from experiments.stats.group_sequential import futility_boundaries, spending_boundaries
from experiments.stats.spending import DEFAULT_SPENDING


@dataclass(frozen=True, slots=True)
class Operating:
    """How a plan behaves under one drift.

    `power` is the chance to reject on the upper side, `rejected` on either. `expected_share` is the mean information at
    which the experiment ends, in shares of the plan; `stopped` the chance to have ended by each look.
    """

    power: float
    rejected: float
    expected_share: float
    stopped: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class FutilityCost:
    """What stopping for futility costs and saves against the same plan without it.

    `inflation` and `inflation_without` are sample sizes over the fixed test's, both at power 1 - beta. `power_lost` is
    what is lost where the sample is not enlarged. The expected shares are of the enlarged plan where there is no effect
    and where there is the planned one, as multiples of the fixed test's sample, with futility stops and without.
    """

    inflation: float
    inflation_without: float
    power_lost: float
    expected_null: float
    expected_null_without: float
    expected_effect: float
    expected_effect_without: float


def operating(
    information: Sequence[float], upper: Sequence[float], *, drift: float, lower: Sequence[float] | None = None
) -> Operating:
    """The behaviour of boundaries under a drift; `lower` None is the mirror of `upper`.

    An experiment that leaves at no look ends at the last one.
    """
    mirrored = [-bound for bound in upper]
    # A stop for futility is above the mirrored boundary, or it never happens.
    down = mirrored if lower is None else [max(pair) for pair in zip(lower, mirrored, strict=True)]
    found = exits(information, down, upper, drift=drift)
    leaving = found.upper + found.lower
    stopped = leaving.cumsum()
    expected = float(leaving @ information) + (1 - float(stopped[-1])) * information[-1]
    power = float(found.upper.sum())
    return Operating(power, power + float(found.lower.sum()), expected, (*stopped[:-1].tolist(), 1.0))


def drift_for(information: Sequence[float], upper: Sequence[float], *, power: float) -> float:
    """The drift at which the upper boundaries of a symmetric plan are crossed with this probability."""
    _check_power(power)

    def short(drift: float) -> float:
        return operating(information, upper, drift=drift).power - power

    high = 2.0
    while short(high) < 0:
        high *= 2
    return float(optimize.brentq(short, -high, high, xtol=1e-12))


def fixed_drift(*, power: float = 0.8, alpha: float = 0.05) -> float:
    """The drift that a fixed two-sided test needs for this power on its upper side."""
    _check_power(power)
    return float(special.ndtri(power) - special.ndtri(alpha / 2))


def inflation(
    information: Sequence[float], upper: Sequence[float], *, power: float = 0.8, alpha: float = 0.05
) -> float:
    """How many times the fixed test's sample the plan may need at most, at equal power (Jennison and Turnbull 2000,
    table 2.2).
    """
    return (drift_for(information, upper, power=power) / fixed_drift(power=power, alpha=alpha)) ** 2


def futility_drift(
    information: Sequence[float], *, beta: float = 0.2, alpha: float = 0.05, spending: str = DEFAULT_SPENDING
) -> float:
    """The drift at which boundaries for success and futility meet at the last look, so that beta in all is missed."""
    if not information[-1] >= 1:
        raise ValueError(f"information: a plan that ends at {information[-1]} is not whole")
    upper = spending_boundaries(information, alpha=alpha, spending=spending)

    def missed(drift: float) -> float:
        lower = futility_boundaries(information, drift=drift, beta=beta, alpha=alpha, spending=spending)
        return 1 - operating(information, upper, drift=drift, lower=lower).power - beta

    low = drift_for(information, upper, power=1 - beta)
    return float(optimize.brentq(missed, low * 0.999, low * 2, xtol=1e-10))


def futility_cost(
    information: Sequence[float], *, beta: float = 0.2, alpha: float = 0.05, spending: str = DEFAULT_SPENDING
) -> FutilityCost:
    """The price of non-binding futility stops, exact. Raises ValueError for a plan that does not end at 1."""
    closing = futility_drift(information, beta=beta, alpha=alpha, spending=spending)
    upper = spending_boundaries(information, alpha=alpha, spending=spending)
    plain, fixed = drift_for(information, upper, power=1 - beta), fixed_drift(power=1 - beta, alpha=alpha)
    lower = futility_boundaries(information, drift=closing, beta=beta, alpha=alpha, spending=spending)
    kept = futility_boundaries(information, drift=plain, beta=beta, alpha=alpha, spending=spending)
    size, without = (closing / fixed) ** 2, (plain / fixed) ** 2
    return FutilityCost(
        inflation=size,
        inflation_without=without,
        power_lost=1 - beta - operating(information, upper, drift=plain, lower=kept).power,
        expected_null=size * operating(information, upper, drift=0.0, lower=lower).expected_share,
        expected_null_without=without * operating(information, upper, drift=0.0).expected_share,
        expected_effect=size * operating(information, upper, drift=closing, lower=lower).expected_share,
        expected_effect_without=without * operating(information, upper, drift=plain).expected_share,
    )


def _check_power(power: float) -> None:
    if not (math.isfinite(power) and 0 < power < 1):
        raise ValueError(f"power: {power} is not between 0 and 1")
