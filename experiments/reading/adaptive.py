"""An adaptive experiment: figures that hold although the shares followed the results (`stats.batched`).

Always read by a confidence sequence: who watches shares that move stops when they like. Until the first batch has units
nothing is known, and nothing is said.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

from experiments.reading import comparing
from experiments.reading.comparing import Compared
from experiments.reading.settings import AnalysisSettings, ArmData, Metric
from experiments.reading.shapes import bounds
from experiments.stats import batched, metrics, sequences
from experiments.stats.inference import Reading, Reference
from experiments.stats.moments import Moments
from experiments.stats.results import Interval

METHOD = "adaptive_sequence"


def compare(settings: AnalysisSettings, metric: Metric, control: ArmData, arm: ArmData) -> Compared:
    """An arm against the control, batch by batch."""
    definition = metric.definition
    mine = {one.number: one.moments for one in arm.batches}
    pairs = [(one.moments, mine[one.number]) for one in control.batches if one.number in mine]
    effect = batched.effect(pairs, definition.numerator, definition.denominator)
    reference = _reference(settings, effect.control.n + effect.treatment.n)
    reading = Reading(settings.confidence, definition.direction)
    comparison = metrics.judge(effect, reference, method=METHOD, reading=reading)
    return Compared(comparison, effect, reference=reference)


def arm_value(settings: AnalysisSettings, metric: Metric, arm: ArmData) -> Interval:
    """An arm's own value, each batch of it with the weight that its units give."""
    definition = metric.definition
    found = batched.arm_value([one.moments for one in arm.batches], definition.numerator, definition.denominator)
    reference = _reference(settings, found.n)
    if reference is None:
        return Interval(found.value, -math.inf, math.inf, settings.confidence)
    half = reference.critical(settings.alpha) * found.standard_error
    lower = found.value - half if metric.format == "money" else max(found.value - half, 0.0)
    upper = min(found.value + half, 1.0) if definition.kind == "proportion" else found.value + half
    return Interval(found.value, lower, upper, settings.confidence)


def expected_weights(active: Sequence[ArmData]) -> list[float]:
    """How many units each arm should have, relative to the others: its weight, or what its batches gave it."""
    if not any(arm.batches for arm in active):
        return [arm.weight for arm in active]
    sizes, shares = _batch_units(active), _shares(active)
    expected = [math.fsum(sizes[number] * shares[number][place] for number in sizes) for place in range(len(active))]
    return expected if math.fsum(expected) > 0 else [arm.weight for arm in active]


def estimators(settings: AnalysisSettings, metric: Metric, active: Sequence[ArmData]) -> list[dict[str, Any]]:
    """By arm, what the estimators of off-policy evaluation say of its value; none for a ratio, which has two sums."""
    definition = metric.definition
    if definition.denominator is not None:
        return []
    column = definition.numerator
    return [_estimates(settings, column, arm, _seen_by(arm, place, active)) for place, arm in enumerate(active)]


def _seen_by(arm: ArmData, place: int, active: Sequence[ArmData]) -> list[batched.BatchArm]:
    """Every batch as the arm saw it, also one in which it had no unit: its units count below the line all the same."""
    sizes, shares = _batch_units(active), _shares(active)
    mine = {one.number: one.moments for one in arm.batches}
    nothing = Moments.empty(arm.moments.columns)
    return [
        batched.BatchArm(mine.get(number, nothing), shares[number][place], sizes[number]) for number in sorted(sizes)
    ]


def _estimates(
    settings: AnalysisSettings, column: str, arm: ArmData, mine: Sequence[batched.BatchArm]
) -> dict[str, Any]:
    reference = _reference(settings, sum(one.batch_units for one in mine))
    critical = math.inf if reference is None else reference.critical(settings.alpha)
    found = {
        "ips": batched.inverse_propensity(mine, column),
        "snips": batched.self_normalised(mine, column),
        "dr": batched.doubly_robust(mine, column),
    }
    return {"arm": arm.key} | {
        name: bounds(_interval(value, critical, settings.confidence)) for name, value in found.items()
    }


def _interval(value: batched.Value, critical: float, confidence: float) -> Interval:
    half = critical * value.standard_error
    return Interval(value.estimate, value.estimate - half, value.estimate + half, confidence)


def _batch_units(active: Sequence[ArmData]) -> Counter[int]:
    sizes: Counter[int] = Counter()
    for arm in active:
        for one in arm.batches:
            sizes[one.number] += one.moments.n
    return sizes


def _shares(active: Sequence[ArmData]) -> dict[int, list[float]]:
    """By batch, the share that each active arm had among the active ones, which a dropped arm's share is not part of.

    An arm without a unit in a batch does not say its share: the arms that lack one divide what the others leave.
    """
    return {number: _batch_shares(number, active) for number in _batch_units(active)}


def _batch_shares(number: int, active: Sequence[ArmData]) -> list[float]:
    found = [next((one.propensity for one in arm.batches if one.number == number), None) for arm in active]
    known = math.fsum(one for one in found if one is not None)
    left = max(1 - known, 0.0) / max(found.count(None), 1)
    shares = [left if one is None else one for one in found]
    total = math.fsum(shares)
    return [one / total for one in shares] if total > 0 else [0.0 for _ in shares]


def _reference(settings: AnalysisSettings, units: int) -> Reference | None:
    if units < 2:
        return None
    rho = sequences.exact_rho(comparing.planned_for(settings, 1.0), alpha=settings.alpha)
    return sequences.ConfidenceSequence(units, rho)
