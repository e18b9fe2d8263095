"""Tables of counts: Fisher's exact and the mid-p test for two small arms, chi-square and G for several arms.

scipy.stats is imported where it is used: it costs the web process half a second of start-up that only small tables
need.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import optimize, special

from experiments.stats.inference import Reading
from experiments.stats.proportions import Counts
from experiments.stats.results import Alternative, Interval

# No table of doubles has a log odds ratio beyond.
_FARTHEST = 700.0


@dataclass(frozen=True, slots=True)
class Fisher:
    """Fisher's exact test: p-value, and the odds ratio (conditional maximum likelihood) with its exact interval."""

    p_value: float
    odds_ratio: Interval
    sample_odds_ratio: float


@dataclass(frozen=True, slots=True)
class MidP:
    """The mid-p test: p-value, and the odds ratio (median unbiased) with the interval that inverts the test."""

    p_value: float
    odds_ratio: Interval


@dataclass(frozen=True, slots=True)
class Independence:
    """A test that rows and columns of a table are independent."""

    statistic: float
    degrees_of_freedom: int
    p_value: float


def fisher_exact(
    control: Counts, treatment: Counts, *, alternative: Alternative = "two-sided", confidence: float = 0.95
) -> Fisher:
    """Fisher's exact test (1935, J. R. Stat. Soc. 98:39); two-sided by tables no more likely than the observed one.

    The odds ratio is the conditional estimate with the exact interval of Cornfield (1956, Proc. 3rd Berkeley Symp.
    4:135). "greater" means that the treatment's odds are. Either arm may be empty: p = 1 and an interval from 0 to
    infinity.
    """
    from scipy import stats  # noqa: PLC0415 - see the module's docstring

    table = np.array([[side.successes, side.n - side.successes] for side in (treatment, control)])
    sample, p_value = stats.fisher_exact(table, alternative)
    conditional = stats.contingency.odds_ratio(table, kind="conditional")
    bounds = conditional.confidence_interval(confidence)
    interval = Interval(float(conditional.statistic), float(bounds.low), float(bounds.high), confidence)
    return Fisher(float(p_value), interval, float(sample))


def mid_p(
    control: Counts, treatment: Counts, *, alternative: Alternative = "two-sided", confidence: float = 0.95
) -> MidP:
    """Fisher's conditional test with half the chance of the observed table (Lancaster 1961, J. Am. Stat. Assoc. 56:223;
    Hirji, Tan and Elashoff 1991, Stat. Med. 10:1137), and the odds ratios that it does not reject.

    Two-sided is twice the smaller tail, so p < 1 - confidence exactly where 1 is outside the interval. Close to alpha
    on average over rates, where the exact test is below; not at most alpha for each of them.
    """
    reading = Reading(confidence, alternative=alternative)
    table = _Conditional(control, treatment)
    greater = table.tail(0.0)
    two_sided = min(2 * min(greater, 1 - greater), 1.0)
    p_value = {"two-sided": two_sided, "greater": greater, "less": 1 - greater}[alternative]
    lower, upper = (table.log_odds_at(tail) for tail in (reading.tail / 2, 1 - reading.tail / 2))
    estimate = table.log_odds_at(0.5)
    interval = Interval(_exp(estimate), _exp(lower), _exp(upper), confidence)
    opened = reading.opened(interval)
    return MidP(p_value, Interval(opened.estimate, max(opened.lower, 0.0), opened.upper, confidence))


def chi_square(table: Sequence[Sequence[float]], *, yates: bool = False) -> Independence:
    """Pearson's chi-square test (1900, Phil. Mag. 50:157) of an r x c table; `yates` for 2 x 2 only."""
    observed, expected = _expected(table)
    distance = np.abs(observed - expected)
    if yates:
        if observed.shape != (2, 2):
            raise ValueError(f"yates: the correction is for 2 x 2 tables, not {observed.shape}")
        distance = np.maximum(distance - 0.5, 0.0)
    return _judged(float((distance**2 / expected).sum()), observed)


def g_test(table: Sequence[Sequence[float]]) -> Independence:
    """Likelihood ratio test of an r x c table: G = 2 sum O ln(O/E) (Wilks 1935, Ann. Math. Stat. 6:190)."""
    observed, expected = _expected(table)
    return _judged(float(2 * special.xlogy(observed, observed / expected).sum()), observed)


class _Conditional:
    """The treatment's successes given both margins, under any odds ratio (Fisher's noncentral hypergeometric)."""

    def __init__(self, control: Counts, treatment: Counts) -> None:
        total = control.successes + treatment.successes
        self._observed = treatment.successes
        self._counts = np.arange(max(0, total - control.n), min(total, treatment.n) + 1, dtype=np.float64)
        others = total - self._counts
        self._log_ways = -sum(
            special.gammaln(part + 1) for part in (self._counts, treatment.n - self._counts, others, control.n - others)
        )

    def tail(self, log_odds: float) -> float:
        """P(more than observed) + P(as many) / 2; 1/2 where the margins leave one table only."""
        logs = self._log_ways + log_odds * self._counts
        chances = np.exp(logs - logs.max())
        weights = (self._counts > self._observed) + 0.5 * (self._counts == self._observed)
        return float((chances * weights).sum() / chances.sum())

    def log_odds_at(self, tail: float) -> float:
        """The log odds ratio at which the tail, which rises with it, has this size; infinite where it never has."""
        if len(self._counts) == 1:
            return math.nan if tail == 0.5 else math.copysign(math.inf, tail - 0.5)
        # At the ends the tail only goes from 1/2 on, or up to 1/2.
        if self._observed == self._counts[0] and tail <= 0.5:
            return -math.inf
        if self._observed == self._counts[-1] and tail >= 0.5:
            return math.inf
        return float(optimize.brentq(lambda odds: self.tail(odds) - tail, -_FARTHEST, _FARTHEST, xtol=1e-12))


def _exp(value: float) -> float:
    return math.inf if value == math.inf else math.exp(value)


def _expected(table: Sequence[Sequence[float]]) -> tuple[np.ndarray, np.ndarray]:
    observed = np.asarray(table, dtype=np.float64)
    if observed.ndim != 2 or min(observed.shape) < 2:
        raise ValueError(f"table: shape {observed.shape} is not at least 2 x 2")
    if not np.isfinite(observed).all() or (observed < 0).any():
        raise ValueError("table: holds a negative count, NaN or infinity")
    rows, columns = observed.sum(axis=1, keepdims=True), observed.sum(axis=0, keepdims=True)
    if not ((rows > 0).all() and (columns > 0).all()):
        raise ValueError("table: a row or column is empty; leave it out")
    return observed, rows * columns / observed.sum()


def _judged(statistic: float, observed: np.ndarray) -> Independence:
    freedom = (observed.shape[0] - 1) * (observed.shape[1] - 1)
    return Independence(statistic, freedom, float(special.chdtrc(freedom, statistic)))
