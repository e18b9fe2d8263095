"""p-values corrected for their number: familywise error (Bonferroni to Hommel) and false discovery rate (BH, BY, e-BH).

Each function takes a sequence of p-values and returns adjusted ones in the same order, at most 1: reject where
adjusted <= alpha. None of them repairs repeated looks: that is `sequences`.

Holm's correction has intervals of its own (Strassburger and Bretz 2008, Stat. Med. 27:4914; Guilbaud 2008, Biom. J.
50:678): `simultaneous`. They are not those backed out of a corrected p-value, and they have a price: of a comparison
that is rejected only the sign is known, unless all are rejected. Each side has half of alpha and a step-down of its
own, so that the sign of what is rejected is covered too, under any dependence; where all effects have one sign the
p-values are Holm's, else they may be larger.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from experiments.stats.inference import Effect, Reference, welch_satterthwaite
from experiments.stats.lifts import fieller_lift
from experiments.stats.results import ArmEstimate, Interval

Floats = npt.NDArray[np.float64]

# The nearest to zero that a bound can be which leaves zero out.
BEYOND_ZERO = math.ulp(0.0)


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


def e_benjamini_hochberg(e_values: Sequence[float]) -> Floats:
    """False discovery rate from e-values, under any dependence and at any look (Wang and Ramdas 2022, J. R. Stat. Soc.
    B 84:822).

    Adjusted values as above: those at most alpha are the hypotheses whose k-th largest e-value is at least m/(k alpha).
    """
    e = np.asarray(e_values, dtype=np.float64)
    if not (e >= 0).all():
        raise ValueError("e_values: one is negative or NaN")
    with np.errstate(divide="ignore"):
        return _step_up(np.minimum(1 / e, 1.0).tolist(), lambda rank, m: m / rank)


def guardrail_power(power: float, guardrails: int) -> float:
    """The power that the goal and each guardrail need so that a good treatment is shipped with this power.

    A treatment ships if the goal has won and every guardrail holds. No single guardrail can ship it by error, so none
    needs a part of alpha; but each can stop it, so the chance to miss, 1 - power, is divided by the number of tests
    (Schultzberg, Ankargren and Franberg 2024, arXiv 2402.11609, section 4).
    """
    if not 0 < power < 1:
        raise ValueError(f"power: {power} is not between 0 and 1")
    if guardrails < 0:
        raise ValueError(f"guardrails: {guardrails} is negative")
    return 1 - (1 - power) / (guardrails + 1)


ADJUSTMENTS: dict[str, Callable[[Sequence[float]], Floats]] = {
    function.__name__: function
    for function in (
        bonferroni, sidak, holm, holm_sidak, hochberg, hommel, benjamini_hochberg, benjamini_yekutieli,
    )
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Simultaneous:
    """One of several comparisons: p-value corrected for their number, and intervals that exclude zero exactly where it
    is below alpha.

    All `difference` intervals hold together with the confidence asked for; so do all `lift`s. A bound just beyond zero
    means that only the sign is known. `single_step` is Bonferroni's interval, which says how far from zero: the
    single-step intervals hold together too, but not together with the others.
    """

    difference: Interval
    lift: Interval | None
    p_value: float
    single_step: Interval


def simultaneous(
    comparisons: Sequence[tuple[Effect, Reference]], *, confidence: float = 0.95
) -> tuple[Simultaneous, ...]:
    """The comparisons' corrected p-values and compatible intervals, in the same order.

    Each reference is two-sided and symmetric; a sequential one keeps its promise at every look. An effect without
    variation counts as one of the comparisons, with p = 1 and no bounds. Raises ValueError for a confidence not between
    0 and 1.
    """
    if not 0 < confidence < 1:
        raise ValueError(f"confidence: {confidence} is not between 0 and 1")
    upward, downward = _one_sided(comparisons, 1.0), _one_sided(comparisons, -1.0)
    alpha, single = 1 - confidence, _Bound(1 / max(len(comparisons), 1), False)
    return tuple(
        Simultaneous(
            difference=_difference(effect, reference, bounds, confidence),
            lift=_lift(effect, reference, bounds, confidence),
            p_value=min(2 * min(up, down), 1.0),
            single_step=_difference(effect, reference, (single, single), confidence),
        )
        for (effect, reference), up, down, bounds in zip(
            comparisons,
            upward,
            downward,
            zip(_bounds(upward, alpha), _bounds(downward, alpha), strict=True),
            strict=True,
        )
    )


def pairs(arms: Sequence[str]) -> list[tuple[str, str]]:
    """Every pair of arms once, the earlier one as the control."""
    return list(itertools.combinations(arms, 2))


def all_pairs(
    arms: Mapping[str, ArmEstimate],
    *,
    reference: Callable[[Effect], Reference] = welch_satterthwaite,
    confidence: float = 0.95,
) -> dict[tuple[str, str], Simultaneous]:
    """Every arm against every other, together; the key names control and treatment.

    `reference` says what an effect is held against. Each arm needs an estimate with a standard error above zero.
    """
    named = pairs(list(arms))
    effects = [Effect(arms[control], arms[treatment]) for control, treatment in named]
    found = simultaneous([(effect, reference(effect)) for effect in effects], confidence=confidence)
    return dict(zip(named, found, strict=True))


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


@dataclass(frozen=True, slots=True)
class _Bound:
    """One side's bound: at which share of alpha (0: nowhere), and whether it is known to be beyond zero."""

    share: float
    beyond_zero: bool


def _bounds(p_values: Sequence[float], alpha: float) -> list[_Bound]:
    """Strassburger and Bretz (2008), eq. 5: the kept share alpha; the rejected get none, unless all are rejected."""
    rejected = [p_value < alpha / 2 for p_value in p_values]
    left = rejected.count(False)
    return [
        _Bound(0.0 if left else 1 / len(rejected), True) if beyond else _Bound(1 / left, False) for beyond in rejected
    ]


def _one_sided(comparisons: Sequence[tuple[Effect, Reference]], sign: float) -> list[float]:
    """Holm's corrected p-values against "no change in this direction"."""
    found = []
    for effect, reference in comparisons:
        statistic = effect.difference / math.sqrt(effect.variance) if effect.variance > 0 else 0.0
        half = min(reference.p_value(statistic), 1.0) / 2 if statistic else 0.5
        found.append(half if statistic * sign > 0 else 1 - half)
    return [float(value) for value in holm(found)]


def _critical(reference: Reference, bound: _Bound, confidence: float) -> float:
    return reference.critical((1 - confidence) * bound.share) if bound.share else math.inf


def _difference(effect: Effect, reference: Reference, bounds: tuple[_Bound, _Bound], confidence: float) -> Interval:
    if not effect.variance > 0:
        return Interval(effect.difference, -math.inf, math.inf, confidence)
    error = math.sqrt(effect.variance)
    lower, upper = (_critical(reference, bound, confidence) * error for bound in bounds)
    return _beyond(
        Interval(effect.difference, effect.difference - lower, effect.difference + upper, confidence), bounds
    )


def _lift(effect: Effect, reference: Reference, bounds: tuple[_Bound, _Bound], confidence: float) -> Interval | None:
    if not effect.variance > 0:
        return None
    lower, upper = (
        fieller_lift(
            effect.control,
            effect.treatment,
            _critical(reference, bound, confidence),
            covariance=effect.covariance,
            confidence=confidence,
        )[0]
        for bound in bounds
    )
    if lower is None or upper is None:
        return None
    return _beyond(Interval(lower.estimate, lower.lower, upper.upper, confidence), bounds)


def _beyond(interval: Interval, bounds: tuple[_Bound, _Bound]) -> Interval:
    lower = max(interval.lower, BEYOND_ZERO) if bounds[0].beyond_zero else interval.lower
    upper = min(interval.upper, -BEYOND_ZERO) if bounds[1].beyond_zero else interval.upper
    return Interval(interval.estimate, lower, upper, interval.confidence)
