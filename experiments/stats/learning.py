"""What a shop's past experiments say of the next one: the mean and the spread of true effects, by empirical Bayes.

Each past experiment gives the logarithm of the metric in each arm with its sampling variance. True values differ
between the arms of one experiment with variance tau^2 / 2, so true log lifts have variance tau^2, and challengers
differ from controls by mu on average:

    log value of arm j = level of the experiment + mu [j is no control] + N(0, tau^2 / 2) + N(0, sampling variance)

The level of each experiment is left free, so the lifts of several challengers against one control are correlated as
they really are. With one challenger it is the random-effects model of DerSimonian and Laird (1986, Control. Clin.
Trials 7:177), whose moment estimate is here too. tau^2 is fitted by restricted likelihood (Harville 1977, JASA 72:320)
times a wide prior about the default's spread, so that a short history can neither claim that nothing ever works
(tau = 0) nor that everything does. mu is 0 where arms are alike by design; a shop's challengers may be better or
worse than what runs, so it is estimated with its standard error and drawn to 0.

Nothing here asks for logarithms: values on any scale, and a default prior on the same one, give a prior on that scale.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import optimize

from experiments.stats.moments import Floats
from experiments.stats.results import ArmEstimate
from experiments.stats.shrinkage import HEADLINES, Prior

# How far a shop's spread may be from the default's: as likely as not within a factor of two (one standard deviation of
# the logarithm is a factor of three). A doubt of the logarithm, not of the variance: headlines spread more than most of
# what a shop changes, and ten small but precise experiments must be able to say so. With k precise experiments the
# logarithm is known to 1 / sqrt(2 k), so the default weighs less than they do from the second on.
DEFAULT_DOUBT = math.log(3)
# How far the average challenger can be from the control before it takes data to believe it: a few percent.
MEAN_SPREAD = 0.05
_SPREADS = (1e-4, 5.0)


@dataclass(frozen=True, slots=True)
class LogValue:
    """An arm's metric on the scale of effects: its logarithm and the sampling variance of that."""

    value: float
    variance: float

    def __post_init__(self) -> None:
        if not math.isfinite(self.value):
            raise ValueError(f"value: {self.value} is not finite")
        if not (self.variance > 0 and math.isfinite(self.variance)):
            raise ValueError(f"variance: {self.variance} is not a positive number")

    @classmethod
    def of(cls, arm: ArmEstimate) -> LogValue | None:
        """The logarithm of an arm's value by the delta method; None where it has none."""
        if not (arm.value > 0 and arm.standard_error > 0):
            return None
        return cls(math.log(arm.value), (arm.standard_error / arm.value) ** 2)


@dataclass(frozen=True, slots=True)
class Past:
    """One past experiment on one metric: the control, and one challenger or more. `key` tells it from the others."""

    key: str
    control: LogValue
    challengers: tuple[LogValue, ...]

    def __post_init__(self) -> None:
        if not self.challengers:
            raise ValueError("challengers: there is none")

    @classmethod
    def of_lift(cls, key: str, estimate: float, standard_error: float) -> Past:
        """An experiment of which only a log lift and its standard error are known."""
        half = standard_error**2 / 2
        return cls(key, LogValue(0.0, half), (LogValue(estimate, half),))


@dataclass(frozen=True, slots=True)
class Learned:
    """What was learned, ready to be used as `prior`, and how well it is known.

    `raw_mean` with `mean_error` is the average effect before it was drawn to 0, `spread_error` the standard error of
    log(spread), `moment_spread` DerSimonian and Laird's estimate.
    """

    prior: Prior
    raw_mean: float
    mean_error: float
    spread_error: float
    moment_spread: float


def learn(
    past: Sequence[Past],
    *,
    default: Prior = HEADLINES,
    default_doubt: float = DEFAULT_DOUBT,
    mean_spread: float = MEAN_SPREAD,
    source: str = "own",
) -> Learned:
    """The prior that past experiments give; the default one where there are none.

    `default_doubt` is the standard deviation of log(spread) about the default's; infinity is plain restricted
    likelihood. `mean_spread` 0 fixes the mean at 0. Raises ValueError for a doubt or spread that cannot be.
    """
    if not default_doubt > 0:
        raise ValueError(f"default_doubt: {default_doubt} is not above zero")
    if not mean_spread >= 0:
        raise ValueError(f"mean_spread: {mean_spread} is negative")
    if not past:
        return Learned(default, 0.0, math.inf, math.inf, 0.0)
    table = _Table.of(past)
    spread, spread_error = _fitted_spread(table, default, default_doubt)
    raw, error = table.mean(spread**2)
    share = mean_spread**2 / (mean_spread**2 + error**2)
    prior = Prior(share * raw, spread, len(past), source)
    return Learned(prior, raw, error, spread_error, dersimonian_laird(past))


def learn_without(past: Sequence[Past], key: str) -> Learned:
    """What all experiments but one say: an experiment's own result must not be part of what it is shrunk towards."""
    return learn([one for one in past if one.key != key])


def dersimonian_laird(past: Sequence[Past]) -> float:
    """Spread of true effects by moments, the mean taken as 0: whichever arm is called control, the answer is the same.

    DerSimonian and Laird (1986, eq. 8) between the arms of each experiment, numerators and denominators summed over
    experiments; times the root of 2, since an effect is the difference of two arms. 0 where the arms differ no more
    than by chance.
    """
    if not past:
        return 0.0
    table = _Table.of(past)
    weights = 1 / table.variances
    total = np.bincount(table.group, weights, table.groups)
    surplus = float(weights @ table.centred(table.values, weights) ** 2) - (len(table.values) - table.groups)
    scale = float((total - np.bincount(table.group, weights**2, table.groups) / total).sum())
    return math.sqrt(2 * max(surplus / scale, 0.0))


@dataclass(frozen=True, slots=True)
class _Table:
    """All arms of all experiments as flat columns; `group` numbers their experiments from 0."""

    values: Floats
    variances: Floats
    challenger: Floats
    group: np.ndarray
    groups: int

    @classmethod
    def of(cls, past: Sequence[Past]) -> _Table:
        arms = [(arm, place, group) for group, one in enumerate(past) for place, arm in enumerate(_arms(one))]
        return cls(
            values=np.array([arm.value for arm, _, _ in arms]),
            variances=np.array([arm.variance for arm, _, _ in arms]),
            challenger=np.array([float(place > 0) for _, place, _ in arms]),
            group=np.array([group for _, _, group in arms]),
            groups=len(past),
        )

    def mean(self, between: float) -> tuple[float, float]:
        """The average effect and its standard error, at a variance of true effects."""
        cross, square, _, _ = self._sums(between)
        return cross / square, 1 / math.sqrt(square)

    def log_likelihood(self, between: float) -> float:
        """Restricted log-likelihood, but for a constant: levels and mean are integrated out with flat priors."""
        cross, square, residual, determinant = self._sums(between)
        return -(determinant + math.log(square) + residual - cross**2 / square) / 2

    def _sums(self, between: float) -> tuple[float, float, float, float]:
        # Within an experiment values are taken about their weighted mean, which is what integrating its level does.
        weights = 1 / (self.variances + between / 2)
        total = np.bincount(self.group, weights, self.groups)
        values = self.centred(self.values, weights)
        places = self.centred(self.challenger, weights)
        determinant = float(np.log(total).sum() - np.log(weights).sum())
        return (
            float(weights @ (values * places)),
            float(weights @ places**2),
            float(weights @ values**2),
            determinant,
        )

    def centred(self, column: Floats, weights: Floats) -> Floats:
        """A column less its weighted mean in each experiment."""
        level = np.bincount(self.group, weights * column, self.groups) / np.bincount(self.group, weights, self.groups)
        centred: Floats = column - level[self.group]
        return centred


def _arms(one: Past) -> tuple[LogValue, ...]:
    return (one.control, *one.challengers)


def _fitted_spread(table: _Table, default: Prior, doubt: float) -> tuple[float, float]:
    """The spread of the largest restricted likelihood times the default's, and the standard error of its logarithm."""

    def misfit(log_spread: float) -> float:
        away = (log_spread - math.log(default.spread)) / doubt
        return away**2 / 2 - table.log_likelihood(math.exp(2 * log_spread))

    # Two bumps are possible with a handful of very unequal experiments, so the search starts at the best of a few.
    low, high = (math.log(one) for one in _SPREADS)
    starts = np.linspace(low, high, 23)
    best = int(np.argmin([misfit(start) for start in starts]))
    around = float(starts[max(best - 1, 0)]), float(starts[min(best + 1, len(starts) - 1)])
    found = optimize.minimize_scalar(misfit, bounds=around, method="bounded", options={"xatol": 1e-9})
    step = 1e-3
    at = min(max(float(found.x), low + step), high - step)
    curvature = (misfit(at + step) - 2 * misfit(at) + misfit(at - step)) / step**2
    return math.exp(float(found.x)), 1 / math.sqrt(curvature) if curvature > 0 else math.inf
