"""Does the effect differ between countries, devices, days? Comparisons by slice, and the tests that belong over them.

A slice that looks special among many usually is not: the p-values by slice are adjusted for their number, and whether
effects differ at all is asked first (Cochran's Q). The slices' weighted effect stands beside the pooled one, because
they part where the arms are mixed differently over the slices: Simpson's paradox, in a randomised test a sign that
assignment or counting is broken.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import special

from experiments.stats import multiplicity
from experiments.stats.contingency import chi_square
from experiments.stats.inference import Effect, Normal, Reading, undefined
from experiments.stats.metrics import MetricDefinition, compare, counts_of, effect_of, judge
from experiments.stats.moments import Moments
from experiments.stats.proportions import small_counts
from experiments.stats.results import ArmEstimate, Comparison, Note
from experiments.stats.stratified import stratified_effect

Slices = Mapping[str, tuple[Moments, Moments]]
Correction = Literal["holm", "benjamini_hochberg"]

# Below this p-value the arms' mix over the slices is not chance (the threshold of sample ratio checks).
MIX_ALPHA = 0.001


@dataclass(frozen=True, slots=True)
class SliceEffect:
    """The comparison within one slice, and its p-value adjusted for the number of slices."""

    value: str
    comparison: Comparison
    adjusted_p: float

    def significant(self, alpha: float) -> bool:
        """Whether the slice's effect stands after the correction."""
        return self.adjusted_p <= alpha


@dataclass(frozen=True, slots=True)
class Homogeneity:
    """Are the effects equal? Q is chi-square with `degrees_of_freedom` if so; `i_squared` is the share of their spread
    that is not noise. NaN, with p = 1, below two slices that have an effect.
    """

    q: float
    degrees_of_freedom: int
    p_value: float
    i_squared: float


@dataclass(frozen=True, slots=True)
class Mix:
    """Slices against the whole: the effect pooled over all units, the effect within slices weighted by their units, and
    whether the arms are mixed differently over the slices (chi-square).

    `reversed` is Simpson's paradox: pooled and weighted effects have different signs, each beyond noise.
    """

    pooled: Comparison
    weighted: Comparison
    p_value: float
    reversed: bool

    @property
    def uneven(self) -> bool:
        """Whether the mix differs beyond chance; then the weighted effect is the one to read, and the cause to find."""
        return self.p_value < MIX_ALPHA


@dataclass(frozen=True, slots=True)
class Heterogeneity:
    """All of it for one metric and one dimension."""

    slices: tuple[SliceEffect, ...]
    homogeneity: Homogeneity
    mix: Mix


def by_slice(
    metric: MetricDefinition,
    slices: Slices,
    *,
    confidence: float = 0.95,
    correction: Correction = "benjamini_hochberg",
) -> Heterogeneity:
    """Effects by dimension value, in the order given; proportions exactly where a slice's counts are small.

    Raises ValueError without a slice or for an unknown correction.
    """
    if not slices:
        raise ValueError("slices: there are none")
    if correction not in ("holm", "benjamini_hochberg"):
        raise ValueError(f"correction: {correction!r} is neither 'holm' nor 'benjamini_hochberg'")
    found = {value: _compared(metric, *arms, confidence) for value, arms in slices.items()}
    adjusted = multiplicity.ADJUSTMENTS[correction]([comparison.p_value for comparison in found.values()])
    effects = tuple(
        SliceEffect(value, comparison, float(p)) for (value, comparison), p in zip(found.items(), adjusted, strict=True)
    )
    return Heterogeneity(
        effects, homogeneity([effect_of(metric, *arms) for arms in slices.values()]), mix(metric, slices, confidence)
    )


def homogeneity(effects: list[Effect]) -> Homogeneity:
    """Cochran's Q (1954, Biometrics 10:101) on the differences, weighted by inverse variance, with I^2 = 1 - df/Q
    (Higgins and Thompson 2002, Stat. Med. 21:1539). Effects without a variance are left out.
    """
    usable = [effect for effect in effects if math.isfinite(effect.difference) and effect.variance > 0]
    freedom = len(usable) - 1
    if freedom < 1:
        return Homogeneity(math.nan, 0, 1.0, math.nan)
    weights = np.array([1 / effect.variance for effect in usable])
    differences = np.array([effect.difference for effect in usable])
    distance = differences - (weights @ differences) / weights.sum()
    q = float(weights @ distance**2)
    return Homogeneity(q, freedom, float(special.chdtrc(freedom, q)), max(1 - freedom / q, 0.0) if q > 0 else 0.0)


def mix(metric: MetricDefinition, slices: Slices, confidence: float = 0.95) -> Mix:
    """The pooled effect against the post-stratified one (see `stratified`), and the test of an even mix."""
    arms = list(slices.values())
    pooled = compare(metric, *(sum(side[1:], side[0]) for side in zip(*arms, strict=True)), confidence=confidence)
    weighted = _weighted(metric, slices, Reading(confidence, metric.direction))
    counts = [[control.n, treatment.n] for control, treatment in arms if control.n + treatment.n > 0]
    comparable = len(counts) > 1 and all(sum(side) > 0 for side in zip(*counts, strict=True))
    p_value = chi_square(counts).p_value if comparable else 1.0
    signs = pooled.difference.estimate * weighted.difference.estimate
    return Mix(pooled, weighted, p_value, bool(signs < 0 and pooled.significant and weighted.significant))


def _compared(metric: MetricDefinition, control: Moments, treatment: Moments, confidence: float) -> Comparison:
    if metric.kind != "proportion":
        return compare(metric, control, treatment, confidence=confidence)
    counted = (counts_of(side, metric.numerator) for side in (control, treatment))
    return small_counts(*counted, reading=Reading(confidence, metric.direction))


def _weighted(metric: MetricDefinition, slices: Slices, reading: Reading) -> Comparison:
    sides = [{value: arms[place] for value, arms in slices.items()} for place in (0, 1)]
    units = [sum(moments.n for moments in side.values()) for side in sides]
    if min(units) < 2:
        bare = [ArmEstimate(n, math.nan, math.nan) for n in units]
        return undefined(Effect(bare[0], bare[1]), Note.TOO_FEW_UNITS, method="post_stratified", reading=reading)
    effect = stratified_effect(sides[0], sides[1], metric.numerator, metric.denominator)
    return judge(effect, Normal(), method="post_stratified", reading=reading)
