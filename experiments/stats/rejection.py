"""How a design rejects: the chance that a test finds an effect of a given drift, for each way of testing.

The drift is the effect over its standard error at the end of the experiment. A rule answers with two chances: to reject
on the effect's own side, and on the wrong one, which is no success but counts as a rejection. New ways of testing are
new rules; `power` knows none of them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from scipy import special

from experiments.stats.group_sequential import spending_boundaries
from experiments.stats.inference import Normal
from experiments.stats.operating import operating
from experiments.stats.sequences import ConfidenceSequence, approximate_rho, exact_rho
from experiments.stats.spending import DEFAULT_SPENDING


class Chances(NamedTuple):
    """Chances to reject on the effect's side and on the other."""

    right: float
    wrong: float


class Rule(Protocol):
    """A way of testing."""

    def chances(self, drift: float, *, tail: float, scale: float, units: float) -> Chances:
        """The chances under a drift.

        `tail` is the two-sided alpha. `scale` is the standard error that the test assumes over the one the estimate
        has (1 unless a null variance is pooled), `units` the units of both arms at the end.
        """


@dataclass(frozen=True, slots=True)
class FixedHorizon:
    """One z test at the end."""

    def chances(self, drift: float, *, tail: float, scale: float, units: float) -> Chances:  # noqa: ARG002
        """P(Z > c - drift) and P(Z < -c - drift)."""
        critical = Normal().critical(tail) * scale
        return Chances(float(special.ndtr(drift - critical)), float(special.ndtr(-drift - critical)))


@dataclass(frozen=True, slots=True)
class FixedStudent:
    """One t test of two means with a common variance at the end: the noncentral t distribution."""

    def chances(self, drift: float, *, tail: float, scale: float, units: float) -> Chances:  # noqa: ARG002
        """Both tails of the noncentral t with units - 2 degrees of freedom; nothing below three units."""
        freedom = units - 2
        if freedom <= 0:
            return Chances(0.0, 0.0)
        critical = float(-special.stdtrit(freedom, tail / 2))
        # The upper tail of t(drift) is the lower tail of t(-drift): no 1 - cdf, which loses the digits of small powers.
        # Far out, where the routine gives up with NaN, the chances are within 1e-9 of 1 and 0.
        right, wrong = (float(special.nctdtr(freedom, shift, -critical)) for shift in (-drift, drift))
        return Chances(1.0 if math.isnan(right) else right, 0.0 if math.isnan(wrong) else wrong)


@dataclass(frozen=True, slots=True)
class PlannedLooks:
    """A group sequential test with equally spaced looks that ends at the planned size."""

    looks: int = 20
    spending: str = DEFAULT_SPENDING

    def __post_init__(self) -> None:
        _check_looks(self.looks)

    def chances(self, drift: float, *, tail: float, scale: float, units: float) -> Chances:  # noqa: ARG002
        """The chances to leave through either boundary at any look, exact."""
        shares = _equal_shares(self.looks)
        return _crossed(shares, spending_boundaries(shares, alpha=tail, spending=self.spending), drift, scale)


@dataclass(frozen=True, slots=True)
class AlwaysValid:
    """A confidence sequence tuned to `tuned_at` units of both arms, read at equally spaced looks up to the end."""

    tuned_at: float
    looks: int = 20

    def __post_init__(self) -> None:
        _check_looks(self.looks)

    def chances(self, drift: float, *, tail: float, scale: float, units: float) -> Chances:
        """The chances that the sequence leaves zero out at any of the looks, exact for these looks."""
        shares = _equal_shares(self.looks)
        rho = exact_rho(self.tuned_at, alpha=tail)
        bounds = tuple(ConfidenceSequence(max(round(units * share), 1), rho).critical(tail) for share in shares)
        return _crossed(shares, bounds, drift, scale)


@dataclass(frozen=True, slots=True)
class WidenedError:
    """What GrowthBook's planner says of its confidence sequence, to reconcile its figures; for no plan of ours.

    It widens the standard error until the fixed interval is as wide as the sequence's, and so takes the noise for
    larger where only the bound is.
    """

    tuned_at: float

    def chances(self, drift: float, *, tail: float, scale: float, units: float) -> Chances:
        """The fixed test's chances at the drift over the widening."""
        bound = ConfidenceSequence(max(round(units), 1), approximate_rho(self.tuned_at, alpha=tail)).critical(tail)
        narrower = drift * Normal().critical(tail) / bound
        return FixedHorizon().chances(narrower, tail=tail, scale=scale, units=units)


def _crossed(shares: tuple[float, ...], bounds: tuple[float, ...], drift: float, scale: float) -> Chances:
    found = operating(shares, [bound * scale for bound in bounds], drift=drift)
    return Chances(found.power, max(found.rejected - found.power, 0.0))


def _equal_shares(looks: int) -> tuple[float, ...]:
    return tuple((look + 1) / looks for look in range(looks))


def _check_looks(looks: int) -> None:
    if not (math.isfinite(looks) and looks >= 1):
        raise ValueError(f"looks: {looks} is not at least 1")
