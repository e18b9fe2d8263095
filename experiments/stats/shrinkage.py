"""The second reading of a lift: what it is believed to be once past experiments have their say.

A true relative effect is normal on the log scale, with the mean and spread that `learning` takes from past experiments
(James and Stein 1961; Efron and Morris 1975, JASA 70:311, for why). The log lift's standard error is the one with which
the flat-prior reading *is* the absolute test (`log_lift`), and everything here is read off one normal posterior. So
chance to win above one half, a shrunk lift above zero and a smaller expected loss of shipping are one statement.

Losses are in log points: the share of the control's value given up, for the small changes copy makes. On the log scale
two arms that are alike are alike in either order; the mean of a lift itself would favour whichever is called treatment.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy import special

from experiments.stats.bayes import FLAT, NormalPrior, update
from experiments.stats.inference import Effect
from experiments.stats.results import Direction

# So near 1, log(1 + x) is its series: the term left out is x^3/24.
_NEAR_ONE = 1e-5
_LARGEST_LOG = 700.0


@dataclass(frozen=True, slots=True)
class Prior:
    """What past experiments say of the next one: true log lifts are normal with this mean and standard deviation.

    `experiments` is how many it was learned from, `source` what kind; 0 and a corpus for the default.
    """

    mean: float
    spread: float
    experiments: int = 0
    source: str = "own"

    def __post_init__(self) -> None:
        if not math.isfinite(self.mean):
            raise ValueError(f"mean: {self.mean} is not finite")
        if not (self.spread > 0 and math.isfinite(self.spread)):
            raise ValueError(f"spread: {self.spread} is not a positive number")
        if self.experiments < 0:
            raise ValueError(f"experiments: {self.experiments} is negative")


# For a shop without history. Between the headlines of one test in the Upworthy Research Archive (Matias et al. 2021,
# Scientific Data 8:195; 2,930 tests, those with a broken split left out) the true log-odds of a click have a standard
# deviation of 0.2133, so the difference of two has 0.2133 * sqrt(2) = 0.30. It is a figure for headlines and clicks;
# what a shop changes usually differs by less, so this prior shrinks too little rather than too much.
HEADLINES = Prior(mean=0.0, spread=0.30, experiments=0, source="upworthy_headlines")


@dataclass(frozen=True, slots=True)
class LogLift:
    """log(treatment / control) and its standard error, such that their quotient is the absolute test's statistic."""

    estimate: float
    standard_error: float


@dataclass(frozen=True, slots=True)
class Posterior:
    """A lift after shrinking.

    `estimate`, `lower` and `upper` are lifts (treatment/control - 1): the posterior's median and its central interval.
    Losses are in log points, of shipping the treatment and of keeping the control. `mean` and `spread` are the
    posterior on the log scale, `weight` the share that the experiment's own data have in it (the rest is the prior's).
    """

    estimate: float
    lower: float
    upper: float
    chance_to_win: float
    expected_loss_ship: float
    expected_loss_keep: float
    mean: float
    spread: float
    weight: float
    confidence: float = 0.95


def log_lift(effect: Effect) -> LogLift | None:
    """The effect on the log scale; None where a value is not positive or nothing varies.

    The standard error is that of the difference over the logarithmic mean of the two values, which is what turns the
    difference into log(treatment / control). To first order it is the delta method's, and unlike that one it keeps
    "log lift / its error" equal to "difference / its error", so this reading cannot contradict the test.
    """
    control, treatment = effect.control.value, effect.treatment.value
    if not (control > 0 and treatment > 0 and effect.variance > 0):
        return None
    mean = logarithmic_mean(control, treatment)
    return LogLift(effect.difference / mean, math.sqrt(effect.variance) / mean)


def logarithmic_mean(first: float, second: float) -> float:
    """(b - a) / (log b - log a) of two positive numbers; their common value where they are equal."""
    change = second / first - 1
    if abs(change) < _NEAR_ONE:
        return first * (1 + change / 2 - change**2 / 12)
    return (second - first) / math.log(second / first)


def shrink(
    estimate: float,
    standard_error: float,
    prior: Prior | None,
    *,
    direction: Direction = "increase",
    confidence: float = 0.95,
) -> Posterior:
    """A log lift with its standard error, drawn towards what the prior says; as it is where the prior is None.

    An infinite standard error (no data yet) gives the prior back. Raises ValueError for a standard error that is not
    positive.
    """
    believed = FLAT if prior is None else NormalPrior(prior.mean, prior.spread)
    found = update(estimate, standard_error, believed)
    interval = found.interval(confidence)
    return Posterior(
        estimate=_lift(interval.estimate),
        lower=_lift(interval.lower),
        upper=_lift(interval.upper),
        chance_to_win=found.chance_to_win(direction),
        expected_loss_ship=found.loss_of_treatment(direction),
        expected_loss_keep=found.loss_of_control(direction),
        mean=found.mean,
        spread=found.spread,
        weight=_weight(standard_error, prior),
        confidence=confidence,
    )


def shrink_effect(
    effect: Effect, prior: Prior | None, *, direction: Direction = "increase", confidence: float = 0.95
) -> Posterior | None:
    """`shrink` of an effect; None where it has no log lift."""
    found = log_lift(effect)
    if found is None:
        return None
    return shrink(found.estimate, found.standard_error, prior, direction=direction, confidence=confidence)


def _lift(log: float) -> float:
    return math.expm1(log) if log < _LARGEST_LOG else math.inf


def _weight(standard_error: float, prior: Prior | None) -> float:
    return 1.0 if prior is None else 1 / (1 + (standard_error / prior.spread) ** 2)


@dataclass(frozen=True, slots=True)
class WinnersCurse:
    """What a significant win is worth on average, on the log scale.

    `chance` is that of a significant win; given one, `observed` is the lift seen, `true` the one there is,
    `exaggeration` the one over the other (NaN where the true one is not above 0).
    """

    chance: float
    observed: float
    true: float

    @property
    def exaggeration(self) -> float:
        """How many times too large a significant win looks: the type M error of Gelman and Carlin (2014)."""
        return self.observed / self.true if self.true > 0 else math.nan


def winners_curse(standard_error: float, prior: Prior, *, alpha: float = 0.05) -> WinnersCurse:
    """What to expect of significant wins in experiments of this standard error, if true effects are as the prior says.

    Observed and true effect are jointly normal, so both are read off the truncated normal of the observed one (mean
    above a threshold: the inverse Mills ratio). Gelman and Carlin (2014, Perspect. Psychol. Sci. 9:641) name the
    error; they hold one true effect fixed, for which see `exaggeration_at`.
    """
    threshold = _threshold(standard_error, alpha)
    total = math.hypot(standard_error, prior.spread)
    chance, excess = _truncated((threshold - prior.mean) / total)
    observed = prior.mean + total * excess
    return WinnersCurse(chance, observed, prior.mean + (prior.spread / total) ** 2 * (observed - prior.mean))


def exaggeration_at(true: float, standard_error: float, *, alpha: float = 0.05) -> WinnersCurse:
    """The same for one fixed true effect: 2.25 times at 20 % power, 1.41 at 50 %, 1.12 at 80 %."""
    chance, excess = _truncated((_threshold(standard_error, alpha) - true) / standard_error)
    return WinnersCurse(chance, true + standard_error * excess, true)


def _threshold(standard_error: float, alpha: float) -> float:
    if not 0 < alpha < 1:
        raise ValueError(f"alpha: {alpha} is not between 0 and 1")
    if not standard_error > 0:
        raise ValueError(f"standard_error: {standard_error} is not above zero")
    return float(-special.ndtri(alpha / 2)) * standard_error


def _truncated(z: float) -> tuple[float, float]:
    """P(Z > z) and E[Z | Z > z] of a standard normal."""
    mills = math.sqrt(math.pi / 2) * float(special.erfcx(z / math.sqrt(2)))
    return float(special.ndtr(-z)), 1 / mills
