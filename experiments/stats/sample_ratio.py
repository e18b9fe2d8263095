"""Sample ratio mismatch: do the arms have the shares of units they were given? If not, no other figure can be trusted.

The chi-square test is for one look (a finished import). A running experiment is looked at daily, and at p < .001 each
day a healthy one is flagged 1.4 times in a hundred over 90 days; the Dirichlet-multinomial test stays valid at any
number of looks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import special

from experiments.stats.multiplicity import holm

Floats = npt.NDArray[np.float64]

# The level in use for this check everywhere (Fabijan et al. 2019, KDD): a flag throws a whole experiment away.
MISMATCH_ALPHA = 0.001
# Weights of the prior around the planned shares, in units, mixed evenly. 10,000 alone looks for shifts of a percent and
# is blind to glaring ones among few units: 1,000 against 667 would not be flagged. The mixture finds either; it costs
# a factor of four in the Bayes factor at most.
DEFAULT_CONCENTRATIONS = (100.0, 1_000.0, 10_000.0, 100_000.0)


@dataclass(frozen=True, slots=True)
class SampleRatio:
    """Observed and expected units per arm with the test's verdict; `degrees_of_freedom` is None for the sequential
    one.
    """

    observed: tuple[int, ...]
    expected: tuple[float, ...]
    statistic: float
    degrees_of_freedom: int | None
    p_value: float

    @property
    def mismatch(self) -> bool:
        """Whether the shares are off beyond chance at the customary p < .001."""
        return self.p_value < MISMATCH_ALPHA


def chi_square(counts: Sequence[int], weights: Sequence[float]) -> SampleRatio:
    """Pearson's chi-square of units per arm against their weights (Fabijan et al. 2019, KDD; Pearson 1900).

    Weights are relative. An arm of weight 0 gives no degree of freedom (and any unit in it gives p = 0: it cannot be).
    No units at all, or one arm with weight: p = 1. Raises ValueError naming the argument.
    """
    observed, shares = _checked(counts, weights)
    expected = shares * observed.sum()
    used = shares > 0
    statistic = float(((observed - expected)[used] ** 2 / expected[used]).sum()) if observed.sum() else 0.0
    freedom = int(used.sum()) - 1
    p_value = float(special.chdtrc(freedom, statistic)) if freedom else 1.0
    if observed[~used].any():
        statistic, p_value = np.inf, 0.0
    return SampleRatio(_whole(observed), tuple(expected.tolist()), statistic, freedom, p_value)


def exact_binomial(counts: Sequence[int], weights: Sequence[float]) -> float:
    """Exact two-sided p-value for two arms, by outcomes no more likely than the observed (for small numbers of
    units).
    """
    from scipy import stats  # noqa: PLC0415 - half a second of import that only this small-sample test needs

    observed, shares = _checked(counts, weights)
    if len(observed) != 2:
        raise ValueError(f"counts: the binomial test takes two arms, not {len(observed)}")
    if not observed.sum():
        return 1.0
    return float(stats.binomtest(int(observed[0]), int(observed.sum()), float(shares[0])).pvalue)


def sequential(
    counts: Sequence[int],
    weights: Sequence[float],
    *,
    concentration: float | None = None,
    earlier_p_value: float = 1.0,
) -> SampleRatio:
    """The always-valid test on the units so far; `statistic` is the log Bayes factor against the planned shares.

    Lindon and Malek (2022, NeurIPS, "Anytime-valid inference for multinomial count data", eq. 9 and theorem 3.1): the
    Dirichlet(concentration * shares) mixture over the multinomial at the shares; p = min(1, 1/BF), and the least over
    looks is valid too, so a caller that keeps the last p passes it as `earlier_p_value`. None is the even mixture of
    DEFAULT_CONCENTRATIONS, a mixture again, hence as valid.
    """
    observed, shares = _checked(counts, weights)
    if concentration is not None and not (concentration > 0 and np.isfinite(concentration)):
        raise ValueError(f"concentration: {concentration} is not a positive number")
    used = shares > 0
    mixed = DEFAULT_CONCENTRATIONS if concentration is None else (concentration,)
    factors = [_log_bayes_factor(observed[used], shares[used], one) for one in mixed]
    log_factor = np.inf if observed[~used].any() else float(special.logsumexp(factors)) - np.log(len(factors))
    p_value = min(earlier_p_value, float(np.exp(-max(log_factor, 0.0))))
    expected = tuple((shares * observed.sum()).tolist())
    return SampleRatio(_whole(observed), expected, float(log_factor), None, p_value)


def sequential_path(
    batches: Sequence[Sequence[int]], weights: Sequence[float], *, concentration: float | None = None
) -> list[SampleRatio]:
    """The sequential test after each batch of new units, with the running least p-value."""
    found: list[SampleRatio] = []
    total = np.zeros(len(weights), dtype=np.int64)
    for batch in batches:
        total = total + np.asarray(batch, dtype=np.int64)
        earlier = found[-1].p_value if found else 1.0
        found.append(sequential(total.tolist(), weights, concentration=concentration, earlier_p_value=earlier))
    return found


def by_value(counts: Mapping[str, Sequence[int]], weights: Sequence[float], *, running: bool) -> dict[str, SampleRatio]:
    """The test within each value of a dimension (country, device), p-values corrected together by Holm's rule.

    A fault is often one browser's: the total hides it, its own units show it. `running` takes the always-valid test,
    else chi-square. However many values there are, the chance that any is flagged by error is that of one test.
    """
    test = sequential if running else chi_square
    found = {value: test(observed, weights) for value, observed in counts.items()}
    corrected = holm([one.p_value for one in found.values()])
    return {
        value: replace(one, p_value=float(p_value))
        for (value, one), p_value in zip(found.items(), corrected, strict=True)
    }


def _log_bayes_factor(counts: Floats, shares: Floats, concentration: float) -> float:
    prior = concentration * shares
    mixture = special.gammaln(prior + counts) - special.gammaln(prior) - special.xlogy(counts, shares)
    total = special.gammaln(concentration) - special.gammaln(concentration + counts.sum())
    return float(mixture.sum() + total)


def _checked(counts: Sequence[int], weights: Sequence[float]) -> tuple[Floats, Floats]:
    observed, shares = np.asarray(counts, dtype=np.float64), np.asarray(weights, dtype=np.float64)
    if observed.ndim != 1 or observed.shape != shares.shape or not observed.size:
        raise ValueError(f"weights: {shares.size} of them for {observed.size} counts")
    if not (np.isfinite(observed).all() and (observed >= 0).all() and (observed == np.floor(observed)).all()):
        raise ValueError("counts: one is negative, NaN or not a whole number")
    if not (np.isfinite(shares).all() and (shares >= 0).all() and shares.sum() > 0):
        raise ValueError("weights: one is negative or NaN, or all are zero")
    return observed, shares / shares.sum()


def _whole(observed: Floats) -> tuple[int, ...]:
    return tuple(int(count) for count in observed)
