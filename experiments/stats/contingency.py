"""Tables of counts: Fisher's exact test for two small arms, chi-square and G for several arms.

scipy.stats is imported where it is used: it costs the web process half a second of start-up that only small tables
need.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from experiments.stats.proportions import Counts
from experiments.stats.results import Alternative, Interval


@dataclass(frozen=True, slots=True)
class Fisher:
    """Fisher's exact test: p-value, and the odds ratio (conditional maximum likelihood) with its exact interval."""

    p_value: float
    odds_ratio: Interval
    sample_odds_ratio: float


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
