"""Estimates that stay valid when shares were changed on the way: adaptive allocation in batches.

Within a batch the shares are fixed, so its arms compare fairly; between batches they follow the results, so plain
averages are biased (an arm with early bad luck is shown less and keeps its bad average). Here each batch gives its own
difference, and batches are combined with weights that give each the same variance: batched least squares (Zhang,
Janson and Murphy 2020, "Inference for Batched Bandits", NeurIPS, eq. 4), normal in the limit also where arms are alike,
and right when the level moves from batch to batch. Beside it the estimators of off-policy evaluation, from moments.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from experiments.stats.inference import Effect
from experiments.stats.moments import Moments
from experiments.stats.ratios import arm_ratio
from experiments.stats.results import ArmEstimate


@dataclass(frozen=True, slots=True)
class BatchArm:
    """One arm in one batch: its units, the share it had (0 to 1), and the units of all arms in the batch."""

    moments: Moments
    propensity: float
    batch_units: int


@dataclass(frozen=True, slots=True)
class Value:
    """An arm's value over all units of all batches, and its standard error (NaN where it cannot be known)."""

    estimate: float
    standard_error: float


def effect(pairs: Sequence[tuple[Moments, Moments]], numerator: str, denominator: str | None = None) -> Effect:
    """Treatment against control from (control, treatment) of each batch; the arms' values share the pair's weights.

    The weight of a batch is 1 over the standard error that its counts give: with it each batch adds the same variance,
    whatever the shares were. An arm's spread is taken from all batches: that of one batch goes with its luck, and
    without spreads the luck of earlier batches would tell where one arm varies more. A batch in which an arm has fewer
    than two units, or no denominator, is left out.
    """
    sides = [tuple(arm_ratio(one, numerator, denominator) for one in pair) for pair in pairs if _both(pair)]
    known = [(control, treatment) for control, treatment in sides if _known(control) and _known(treatment)]
    controls, treatments = [control for control, _ in known], [treatment for _, treatment in known]
    weights = _weights(controls, treatments)
    return Effect(_combined(controls, weights), _combined(treatments, weights))


def arm_value(batches: Sequence[Moments], numerator: str, denominator: str | None = None) -> ArmEstimate:
    """One arm's value by itself: batches weighted by the root of their units in it (Hadad et al. 2021, PNAS 118,
    e2014602118: weights that keep the variance of every batch alike).
    """
    found = [arm_ratio(one, numerator, denominator) for one in batches if one.n >= 2]
    known = [one for one in found if _known(one)]
    return _combined(known, np.sqrt([one.n for one in known]))


def inverse_propensity(batches: Sequence[BatchArm], column: str) -> Value:
    """IPS: each unit of the arm counts 1/propensity times, over all units (Horvitz and Thompson 1952, JASA 47:663)."""
    return _weighted(batches, column, [0.0] * len(batches))


def doubly_robust(batches: Sequence[BatchArm], column: str) -> Value:
    """DR with the arm's mean over earlier batches as the model (Dudik, Langford and Li 2011, ICML, eq. 1).

    A model from earlier batches is known before the batch begins, which keeps the estimate unbiased.
    """
    models, past = [], Moments.empty((column,))
    for one in batches:
        models.append(past.mean(column) if past.n else 0.0)
        past = past + one.moments.select((column,))
    return _weighted(batches, column, models)


def self_normalised(batches: Sequence[BatchArm], column: str) -> Value:
    """SNIPS: IPS over the sum of the weights (Swaminathan and Joachims 2015, NIPS, eq. 7); error by linearisation."""
    shown = [one for one in batches if one.moments.n and one.propensity > 0]
    total = math.fsum(one.moments.n / one.propensity for one in shown)
    if not total:
        return Value(math.nan, math.nan)
    estimate = math.fsum(one.moments.total(column) / one.propensity for one in shown) / total
    spread = math.fsum(_squares(one.moments, column, estimate) / one.propensity**2 for one in shown)
    return Value(estimate, math.sqrt(spread) / total)


def _weighted(batches: Sequence[BatchArm], column: str, models: Sequence[float]) -> Value:
    units = sum(one.batch_units for one in batches)
    if not units or any(one.moments.n and not one.propensity > 0 for one in batches):
        return Value(math.nan, math.nan)
    total, variance = 0.0, 0.0
    for one, model in zip(batches, models, strict=True):
        if not one.batch_units:
            continue
        shift = (one.moments.total(column) - one.moments.n * model) / one.propensity if one.moments.n else 0.0
        squares = _squares(one.moments, column, model) / one.propensity**2 if one.moments.n else 0.0
        total += one.batch_units * model + shift
        variance += squares - shift**2 / one.batch_units
    return Value(total / units, math.sqrt(max(variance, 0.0)) / units)


def _squares(moments: Moments, column: str, about: float) -> float:
    """The sum of squared distances of the units' values from a number."""
    spread = moments.variance(column) * (moments.n - 1) if moments.n > 1 else 0.0
    return spread + moments.n * (moments.mean(column) - about) ** 2


def _both(pair: tuple[Moments, Moments]) -> bool:
    return min(one.n for one in pair) >= 2


def _known(estimate: ArmEstimate) -> bool:
    return math.isfinite(estimate.value) and math.isfinite(estimate.standard_error)


def _weights(controls: Sequence[ArmEstimate], treatments: Sequence[ArmEstimate]) -> np.ndarray:
    spreads = (_unit_variance(controls), _unit_variance(treatments))
    # Where nobody varies there is no test, and any weights that counts give will do.
    before, after = spreads if sum(spreads) > 0 else (1.0, 1.0)
    return np.array([1 / math.sqrt(before / c.n + after / t.n) for c, t in zip(controls, treatments, strict=True)])


def _unit_variance(batches: Sequence[ArmEstimate]) -> float:
    """The variance of one unit within batches, pooled over them."""
    freedom = sum(one.n - 1 for one in batches)
    return math.fsum((one.n - 1) * one.n * one.variance for one in batches) / freedom if freedom else 0.0


def _combined(estimates: Sequence[ArmEstimate], weights: np.ndarray) -> ArmEstimate:
    if not estimates:
        return ArmEstimate(0, math.nan, math.nan)
    shares = weights / weights.sum()
    value = float(shares @ np.array([one.value for one in estimates]))
    variance = float(shares**2 @ np.array([one.variance for one in estimates]))
    return ArmEstimate(sum(one.n for one in estimates), value, math.sqrt(variance))
