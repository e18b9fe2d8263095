"""Difference of two means, from moments: Welch's test and, for balanced small samples, Student's."""

from __future__ import annotations

import math

from experiments.stats.inference import TWO_SIDED, Effect, Reading, Student, conclude, undefined, welch_satterthwaite
from experiments.stats.moments import Moments
from experiments.stats.results import ArmEstimate, Comparison, Note


def arm_mean(moments: Moments, column: str) -> ArmEstimate:
    """Mean of a column with its standard error; NaN where there are too few units for either."""
    if moments.n < 2:
        return ArmEstimate(moments.n, moments.mean(column) if moments.n else math.nan, math.nan)
    return ArmEstimate(moments.n, moments.mean(column), math.sqrt(moments.variance(column) / moments.n))


def welch(control: Moments, treatment: Moments, column: str, *, reading: Reading = TWO_SIDED) -> Comparison:
    """Welch's unequal-variance t test (Welch 1947, Biometrika 34:28)."""
    return compare_estimates(arm_mean(control, column), arm_mean(treatment, column), method="welch", reading=reading)


def student(control: Moments, treatment: Moments, column: str, *, reading: Reading = TWO_SIDED) -> Comparison:
    """Student's t test with one variance for both arms (Student 1908, Biometrika 6:1); wrong where the variances
    differ.
    """
    arms = arm_mean(control, column), arm_mean(treatment, column)
    freedom = control.n + treatment.n - 2
    if min(control.n, treatment.n) < 2:
        return undefined(Effect(*arms), Note.TOO_FEW_UNITS, method="student", reading=reading)
    squares = sum(side.variance(column) * (side.n - 1) for side in (control, treatment))
    deviation = math.sqrt(squares / freedom)
    pooled = [ArmEstimate(arm.n, arm.value, deviation / math.sqrt(arm.n)) for arm in arms]
    return conclude(Effect(pooled[0], pooled[1]), Student(freedom), method="student", reading=reading)


def compare_estimates(
    control: ArmEstimate, treatment: ArmEstimate, *, method: str, reading: Reading = TWO_SIDED
) -> Comparison:
    """Welch's test on any two independent estimates whose variances have n - 1 degrees of freedom each."""
    effect = Effect(control, treatment)
    if min(control.n, treatment.n) < 2:
        return undefined(effect, Note.TOO_FEW_UNITS, method=method, reading=reading)
    if math.isnan(effect.difference):
        return undefined(effect, Note.NO_DENOMINATOR, method=method, reading=reading)
    if not effect.variance > 0:
        return undefined(effect, Note.NO_VARIATION, method=method, reading=reading)
    return conclude(effect, welch_satterthwaite(effect), method=method, reading=reading)
