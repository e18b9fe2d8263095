"""p-values corrected for their number: familywise error (Bonferroni to Hommel) and false discovery rate (BH, BY).

Each function takes a sequence of p-values and returns adjusted ones in the same order, at most 1: reject where
adjusted <= alpha. None of them repairs repeated looks: that is `sequences`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def bonferroni(p_values: Sequence[float]) -> Floats:
    """m p. Familywise error under any dependence (Dunn 1961, J. Am. Stat. Assoc. 56:52)."""
    p = _checked(p_values)
    return np.minimum(p * len(p), 1.0)


def sidak(p_values: Sequence[float]) -> Floats:
    """1 - (1-p)^m. Familywise error for independent tests (Sidak 1967, J. Am. Stat. Assoc. 62:626)."""
    p = _checked(p_values)
    return _sidak(p, np.full(len(p), len(p)))


def holm(p_values: Sequence[float]) -> Floats:
    """Step-down Bonferroni; never weaker than it, under any dependence (Holm 1979, Scand. J. Stat. 6:65)."""
    return _step_down(p_values, lambda p, left: p * left)


def holm_sidak(p_values: Sequence[float]) -> Floats:
    """Step-down Sidak, for independent tests (Holland and Copenhaver 1987, Biometrics 43:417)."""
    return _step_down(p_values, _sidak)


def hochberg(p_values: Sequence[float]) -> Floats:
    """Step-up with Holm's factors; needs independent or positively dependent tests (Hochberg 1988, Biometrika
    75:800).
    """
    return _step_up(p_values, lambda rank, m: m - rank + 1.0)


def benjamini_hochberg(p_values: Sequence[float]) -> Floats:
    """False discovery rate, independent or positively dependent (Benjamini and Hochberg 1995, J. R. Stat. Soc. B
    57:289).
    """
    return _step_up(p_values, lambda rank, m: m / rank)


def benjamini_yekutieli(p_values: Sequence[float]) -> Floats:
    """False discovery rate under any dependence (Benjamini and Yekutieli 2001, Ann. Stat. 29:1165, theorem 1.3)."""
    harmonic = float((1 / np.arange(1, len(p_values) + 1)).sum())
    return _step_up(p_values, lambda rank, m: harmonic * m / rank)


def hommel(p_values: Sequence[float]) -> Floats:
    """Closed Simes test, a little stronger than Hochberg (Hommel 1988, Biometrika 75:383; algorithm of Wright 1992)."""
    p = _checked(p_values)
    order = np.argsort(p, kind="stable")
    ranked, m = p[order], len(p)
    adjusted = ranked.copy()
    for size in range(m, 1, -1):
        last = m - size
        least = float((size * ranked[last:] / np.arange(1, size + 1)).min())
        adjusted[last:] = np.maximum(adjusted[last:], least)
        adjusted[:last] = np.maximum(adjusted[:last], np.minimum(least, size * ranked[:last]))
    return _in_order(adjusted, order)


ADJUSTMENTS: dict[str, Callable[[Sequence[float]], Floats]] = {
    function.__name__: function
    for function in (
        bonferroni, sidak, holm, holm_sidak, hochberg, hommel, benjamini_hochberg, benjamini_yekutieli,
    )
}  # fmt: skip


def _step_down(p_values: Sequence[float], scaled: Callable[[Floats, Floats], Floats]) -> Floats:
    p = _checked(p_values)
    order = np.argsort(p, kind="stable")
    left = np.arange(len(p), 0, -1, dtype=np.float64)
    return _in_order(np.minimum(np.maximum.accumulate(scaled(p[order], left)), 1.0), order)


def _step_up(p_values: Sequence[float], factor: Callable[[Floats, int], Floats]) -> Floats:
    p = _checked(p_values)
    order = np.argsort(p, kind="stable")[::-1]
    rank = np.arange(len(p), 0, -1, dtype=np.float64)
    return _in_order(np.minimum(np.minimum.accumulate(p[order] * factor(rank, len(p))), 1.0), order)


def _sidak(p: Floats, count: Floats | npt.NDArray[np.int_]) -> Floats:
    # 1 - (1-p)**m through log1p: for p = 1e-20 the power is exactly 1. At p = 1 the logarithm is -inf, as it should be.
    with np.errstate(divide="ignore"):
        return np.asarray(-np.expm1(count * np.log1p(-p)), dtype=np.float64)


def _in_order(adjusted: Floats, order: npt.NDArray[np.intp]) -> Floats:
    result = np.empty_like(adjusted)
    result[order] = adjusted
    return result


def _checked(p_values: Sequence[float]) -> Floats:
    p = np.asarray(p_values, dtype=np.float64)
    if p.ndim != 1:
        raise ValueError(f"p_values: shape {p.shape} is not one row of numbers")
    if not ((p >= 0) & (p <= 1)).all():
        raise ValueError("p_values: one is below 0, above 1 or NaN")
    return p
