"""Covariate adjustment from moments: what was known of the units before the experiment is taken out of the comparison.

CUPED (Deng, Xu, Kohavi and Walker 2013, WSDM, eq. 4 and section 3.2): a figure minus theta times its covariates, both
arms centred at the covariates of both arms together. Shares, means and ratios are one case: a ratio is linearised at
its own value (delta method), and so is a covariate that is a ratio itself. Which theta is a choice (`Slope`).

The result is an `Effect`, so p-value, interval, Fieller's lift and chance to win cohere; the base of a relative lift is
the control's *adjusted* value. Because both arms are centred at one shared mean that is itself an estimate, the arms'
adjusted values are correlated; the effect carries that covariance, and in the difference it cancels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from experiments.stats.inference import TWO_SIDED, Effect, Reading, Student, conclude, undefined, welch_satterthwaite
from experiments.stats.moments import Floats, Moments
from experiments.stats.ratios import arm_ratio
from experiments.stats.results import ArmEstimate, Comparison, Note

# A column, or a ratio of two columns (numerator, denominator).
Covariate = str | tuple[str, str]
# "joint": slopes over both arms taken as one sample (Deng et al.; tea-tasting, GrowthBook). "within": slopes from the
# spread within arms (analysis of covariance). "separate": each arm its own slopes (Lin 2013, Ann. Appl. Stat. 7:295).
Slope = Literal["joint", "within", "separate"]
SLOPES: tuple[Slope, ...] = ("joint", "within", "separate")
Reason = Literal["no_denominator", "no_variation", "collinear", "is_the_metric"]

# A covariate of which the others explain all but this share is no further one; below it slopes are rounding.
_COLLINEAR = 1e-8


@dataclass(frozen=True, slots=True)
class Dropped:
    """A covariate that was not used, and why."""

    covariate: Covariate
    reason: Reason


@dataclass(frozen=True, slots=True)
class Adjusted:
    """An adjusted effect and how it was made.

    `slopes` has one tuple for each arm, in the order of `covariates`. `spread` is the variance, in each arm, of the
    adjusted value about the shared centre (the two add up to the variance of the difference unless slopes are
    separate). `variance_reduction` is the share of the difference's variance that is gone; 0 where nothing was
    adjusted.
    """

    effect: Effect
    raw: Effect
    covariates: tuple[Covariate, ...] = ()
    slopes: tuple[tuple[float, ...], tuple[float, ...]] = ((), ())
    spread: tuple[float, float] = (math.nan, math.nan)
    dropped: tuple[Dropped, ...] = ()

    @property
    def variance_reduction(self) -> float:
        """1 - Var(adjusted difference) / Var(raw difference); negative where adjusting made it worse."""
        return variance_reduction(self.raw, self.effect)

    @property
    def reference(self) -> Student:
        """Welch's degrees of freedom of the two arms' own parts (Welch 1947, eq. 28)."""
        control, treatment = (
            replace(arm, standard_error=math.sqrt(part))
            for arm, part in zip((self.effect.control, self.effect.treatment), self.spread, strict=True)
        )
        return welch_satterthwaite(Effect(control, treatment))


def cuped_effect(
    control: Moments, treatment: Moments, numerator: str, denominator: str | None, covariates: Sequence[Covariate]
) -> Effect:
    """The adjusted effect with joint slopes; the raw one where no covariate can be used. See `adjust`."""
    return adjust(control, treatment, numerator, denominator, covariates).effect


def compare_adjusted(
    control: Moments,
    treatment: Moments,
    numerator: str,
    denominator: str | None,
    covariates: Sequence[Covariate],
    *,
    slope: Slope = "joint",
    reading: Reading = TWO_SIDED,
) -> Comparison:
    """Adjusted comparison at fixed horizon: Welch's test of the adjusted values, plain Welch where nothing adjusts."""
    found = adjust(control, treatment, numerator, denominator, covariates, slope=slope)
    method = {"joint": "cuped", "within": "ancova", "separate": "regression"}[slope] if found.covariates else "welch"
    if min(control.n, treatment.n) < 2:
        return undefined(found.effect, Note.TOO_FEW_UNITS, method=method, reading=reading)
    if math.isnan(found.effect.difference):
        return undefined(found.effect, Note.NO_DENOMINATOR, method=method, reading=reading)
    if not sum(found.spread) > 0:
        return undefined(found.effect, Note.NO_VARIATION, method=method, reading=reading)
    return conclude(found.effect, found.reference, method=method, reading=reading)


def adjust(
    control: Moments,
    treatment: Moments,
    numerator: str,
    denominator: str | None,
    covariates: Sequence[Covariate],
    *,
    slope: Slope = "joint",
) -> Adjusted:
    """Both arms' values adjusted by covariates, from moments that hold all the columns.

    A covariate without variation, without a denominator or explained by those before it is dropped and named; so are
    all where they leave no variance at all. Too few units, or a metric without denominator, give the raw effect. Raises
    ValueError for an unknown column or slope.
    """
    if slope not in SLOPES:
        raise ValueError(f"slope: {slope!r} is not one of {', '.join(SLOPES)}")
    before, after = (arm_ratio(side, numerator, denominator) for side in (control, treatment))
    raw = Effect(before, after)
    unadjusted = Adjusted(raw, raw, spread=(raw.control.variance, raw.treatment.variance))
    if min(control.n, treatment.n) < 2 or math.isnan(raw.difference):
        return unadjusted
    metric = (numerator, denominator)
    kept, dropped = _usable((control, treatment), covariates, slope=slope)
    if not kept:
        return Adjusted(raw, raw, spread=unadjusted.spread, dropped=dropped)
    sides = [_Linear.of(side, (metric, *map(_pair, kept))) for side in (control, treatment)]
    total = _Linear.of(_joined(control, treatment, metric, kept), (metric, *map(_pair, kept)))
    slopes = _slopes(slope, sides, total)
    effect, spread = _effect(sides, total, slopes, lost=len(kept) if slope == "separate" else 0)
    if sum(spread) <= _COLLINEAR * raw.variance:
        # What is left is rounding, and would be judged by rounding; a figure of the past cannot be the figure itself.
        same = tuple(Dropped(covariate, "is_the_metric") for covariate in kept)
        return Adjusted(raw, raw, spread=unadjusted.spread, dropped=(*dropped, *same))
    first, second = (tuple(map(float, one)) for one in slopes)
    return Adjusted(effect, raw, kept, (first, second), spread, dropped)


def variance_reduction(raw: Effect, adjusted: Effect) -> float:
    """The share of the variance of the difference that adjusting took away; 0 where the raw one has none."""
    return 1 - adjusted.variance / raw.variance if raw.variance > 0 else 0.0


def explained_share(
    moments: Moments, numerator: str, denominator: str | None, covariates: Sequence[Covariate]
) -> float:
    """The share of a metric's variance between units that covariates explain: rho squared of Deng et al. (eq. 5).

    Of both arms' joined moments it is what joint slopes save, of past units' what a planned test will save. 0 where
    nothing can be used.
    """
    if moments.n < 2 or moments.mean(denominator) == 0:
        return 0.0
    kept, _ = _usable((moments,), covariates, slope="joint")
    found = _Linear.of(moments, ((numerator, denominator), *map(_pair, kept)))
    whole = float(found.covariance[0, 0])
    if not (kept and whole > 0):
        return 0.0
    return 1 - found.residual(found.slopes)[0] / whole


@dataclass(frozen=True, slots=True)
class _Linear:
    """Values of some (numerator, denominator) quantities in one sample, and the covariance of a unit's shares in them.

    A unit's share in a ratio r is (numerator - r denominator) / mean denominator: Deng, Knoblich and Lu (2018, KDD,
    section 3.1). `weights` are the mean denominators times n: by them the arms make up the ratio of both together.
    """

    n: int
    values: Floats
    covariance: Floats
    weights: Floats

    @classmethod
    def of(cls, moments: Moments, quantities: Sequence[tuple[str, str | None]]) -> _Linear:
        columns = moments.columns
        bases = np.array([moments.mean(denominator) for _, denominator in quantities])
        values = np.array([moments.mean(numerator) for numerator, _ in quantities]) / bases
        shares = np.zeros((len(columns), len(quantities)))
        for place, (numerator, denominator) in enumerate(quantities):
            shares[columns.index(numerator), place] += 1 / bases[place]
            if denominator is not None:
                shares[columns.index(denominator), place] -= values[place] / bases[place]
        return cls(moments.n, values, shares.T @ (moments.cross / (moments.n - 1)) @ shares, bases * moments.n)

    @property
    def slopes(self) -> Floats:
        """Those of the first quantity on the others, by least squares."""
        return _solve(self.covariance[1:, 1:], self.covariance[1:, 0])

    def residual(self, slopes: Floats) -> tuple[float, Floats]:
        """Variance of a unit's first share less slopes times the others, and its covariances with the others."""
        contrast = np.concatenate(([1.0], -slopes))
        along = self.covariance @ contrast
        return max(float(contrast @ along), 0.0), along[1:]


def _effect(
    sides: Sequence[_Linear], total: _Linear, slopes: Sequence[Floats], *, lost: int
) -> tuple[Effect, tuple[float, float]]:
    """Each arm's value is A + slopes' c: A its own part, c the shared centre. First-order (co)variances of both."""
    centre = total.values[1:]
    weights = [side.weights[1:] / sum(one.weights[1:] for one in sides) for side in sides]
    shared = sum(
        np.outer(weight, weight) * side.covariance[1:, 1:] / side.n for side, weight in zip(sides, weights, strict=True)
    )
    values, own, ties = [], [], []
    for side, weight, slope in zip(sides, weights, slopes, strict=True):
        variance, along = side.residual(slope)
        values.append(float(side.values[0] - slope @ (side.values[1:] - centre)))
        own.append(variance * (side.n - 1) / max(side.n - 1 - lost, 1) / side.n)
        ties.append(weight * along / side.n)
    variances = [
        part + 2 * slope @ tie + slope @ shared @ slope for part, tie, slope in zip(own, ties, slopes, strict=True)
    ]
    covariance = slopes[1] @ ties[0] + slopes[0] @ ties[1] + slopes[0] @ shared @ slopes[1]
    arms = [
        ArmEstimate(side.n, value, math.sqrt(max(float(variance), 0.0)))
        for side, value, variance in zip(sides, values, variances, strict=True)
    ]
    return Effect(arms[0], arms[1], float(covariance)), (own[0], own[1])


def _slopes(slope: Slope, sides: Sequence[_Linear], total: _Linear) -> tuple[Floats, Floats]:
    match slope:
        case "joint":
            return total.slopes, total.slopes
        case "within":
            pooled = sides[0].covariance * (sides[0].n - 1) + sides[1].covariance * (sides[1].n - 1)
            found = _solve(pooled[1:, 1:], pooled[1:, 0])
            return found, found
        case "separate":
            return sides[0].slopes, sides[1].slopes


def _usable(
    sides: Sequence[Moments], covariates: Sequence[Covariate], *, slope: Slope
) -> tuple[tuple[Covariate, ...], tuple[Dropped, ...]]:
    """The covariates that can be used, in their order, and those that cannot."""
    kept: list[Covariate] = []
    dropped: list[Dropped] = []
    for covariate in dict.fromkeys(covariates):
        reason = _unusable(sides, (*kept, covariate), slope=slope)
        if reason is None:
            kept.append(covariate)
        else:
            dropped.append(Dropped(covariate, reason))
    return tuple(kept), tuple(dropped)


def _unusable(sides: Sequence[Moments], covariates: Sequence[Covariate], *, slope: Slope) -> Reason | None:
    """Why the last covariate cannot be used beside those before it; None where it can."""
    pairs = [_pair(one) for one in covariates]
    if any(side.mean(pairs[-1][1]) == 0 for side in sides):
        return "no_denominator"
    spreads = [_Linear.of(side, pairs).covariance * (side.n - 1) for side in sides]
    if slope != "separate":
        spreads = [sum(spreads[1:], start=spreads[0])]
    if any(not spread[-1, -1] > 0 for spread in spreads):
        return "no_variation"
    return "collinear" if any(_explained(spread) for spread in spreads) else None


def _explained(spread: Floats) -> bool:
    """Whether the last column's spread is, up to rounding, that of the columns before it."""
    if len(spread) == 1:
        return False
    before = spread[:-1, -1]
    left = spread[-1, -1] - before @ _solve(spread[:-1, :-1], before)
    return bool(left <= _COLLINEAR * spread[-1, -1])


def _solve(spread: Floats, with_metric: Floats) -> Floats:
    # On the scale of correlations, so that money in cents beside a share does not look collinear.
    scale = np.sqrt(np.diag(spread))
    solved: Floats = np.linalg.solve(spread / np.outer(scale, scale), with_metric / scale) / scale
    return solved


def _joined(
    control: Moments, treatment: Moments, metric: tuple[str, str | None], covariates: Sequence[Covariate]
) -> Moments:
    names = [name for pair in (metric, *map(_pair, covariates)) for name in pair if name is not None]
    columns = tuple(dict.fromkeys(names))
    return control.select(columns) + treatment.select(columns)


def _pair(covariate: Covariate) -> tuple[str, str | None]:
    return (covariate, None) if isinstance(covariate, str) else covariate
