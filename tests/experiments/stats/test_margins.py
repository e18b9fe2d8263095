"""Margins: the relative test and Fieller's bound are one statement, and a margin is what it says."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from experiments.stats import margins
from experiments.stats.group_sequential import GroupSequential
from experiments.stats.inference import Effect, Normal, Reading, conclude
from experiments.stats.proportions import Counts
from experiments.stats.results import ArmEstimate, Direction, Note

values = st.builds(ArmEstimate, n=st.integers(2, 10**6), value=st.floats(0.1, 100), standard_error=st.floats(1e-4, 20))
directions = st.sampled_from(["increase", "decrease"])


def proportions(successes: tuple[int, int], units: tuple[int, int]) -> Effect:
    control, treatment = (Counts(x, n).estimate() for x, n in zip(successes, units, strict=True))
    return Effect(control, treatment)


def test_a_proportion_against_an_absolute_margin() -> None:
    # z = (d + margin) / sqrt(p q / n + p q / n), by hand.
    found = margins.non_inferiority(proportions((1_000, 1_010), (20_000, 20_000)), Normal(), margin=0.005)
    assert found.statistic == pytest.approx(2.5176206362207845)
    assert found.p_value == pytest.approx(0.005907525063200124)
    assert found.holds
    assert found.threshold == -0.005 < found.change.lower < 0 < found.change.upper == math.inf


def test_a_metric_that_should_fall_is_the_mirror() -> None:
    effect = proportions((1_000, 1_005), (20_000, 20_000))
    mirrored = Effect(effect.treatment, effect.control)
    falls = margins.non_inferiority(effect, Normal(), margin=0.005, direction="decrease")
    rises = margins.non_inferiority(mirrored, Normal(), margin=0.005)
    assert falls.p_value == pytest.approx(rises.p_value, rel=1e-12)
    assert falls.threshold == 0.005 > falls.change.upper
    assert falls.change.lower == -math.inf


@settings(max_examples=300)
@given(
    control=values,
    treatment=values,
    share=st.floats(-0.9, 0.9),
    margin=st.floats(0.001, 0.9),
    relative=st.booleans(),
    direction=directions,
    confidence=st.sampled_from([0.8, 0.95, 0.99]),
    reference=st.sampled_from([None, Normal(), GroupSequential((0.3, 0.7)), GroupSequential((0.5, 1.0))]),
)
def test_the_margin_is_passed_exactly_where_the_bound_clears_it(
    *,
    control: ArmEstimate,
    treatment: ArmEstimate,
    share: float,
    margin: float,
    relative: bool,
    direction: Direction,
    confidence: float,
    reference: Normal | GroupSequential | None,
) -> None:
    covariance = share * control.standard_error * treatment.standard_error
    found = margins.non_inferiority(
        Effect(control, treatment, covariance),
        reference,
        margin=margin,
        relative=relative,
        direction=direction,
        confidence=confidence,
    )
    assume(abs(found.p_value - (1 - confidence)) > 1e-7)
    assert found.holds is (found.p_value < 1 - confidence)
    bound = found.change.lower if direction == "increase" else -found.change.upper
    # A lift that cannot be bounded from noise in the control says nothing against the test.
    assume(math.isfinite(bound))
    assert found.holds is (bound > -margin)


def test_a_relative_margin_is_that_share_of_the_control() -> None:
    # 2 % with a margin of 10 % of it: the same as 1.8 % compared without any.
    effect = proportions((400, 395), (20_000, 20_000))
    found = margins.non_inferiority(effect, Normal(), margin=0.1, relative=True)
    lowered = Effect(ArmEstimate(20_000, 0.018, effect.control.standard_error * 0.9), effect.treatment)
    plain = conclude(lowered, Normal(), method="z", reading=Reading(alternative="greater"))
    assert found.p_value == pytest.approx(plain.p_value, rel=1e-12)


def test_where_nothing_can_be_said_it_does_not_hold() -> None:
    flat = ArmEstimate(50, 1.0, 0.0)
    constant = margins.non_inferiority(Effect(flat, flat), margin=0.1)
    assert (constant.holds, constant.p_value, constant.notes) == (False, 1.0, (Note.NO_VARIATION,))
    below = ArmEstimate(50, -1.0, 0.1)
    negative = margins.non_inferiority(Effect(below, below), margin=0.1, relative=True)
    assert (negative.holds, negative.notes) == (False, (Note.CONTROL_NOT_POSITIVE,))
    assert margins.non_inferiority(Effect(below, below), margin=1.0).holds
    assert margins.equivalence(Effect(flat, flat), low=-1.0, high=1.0).p_value == 1.0


@settings(max_examples=200)
@given(control=values, treatment=values, low=st.floats(-0.9, 0.4), width=st.floats(0.01, 1), relative=st.booleans())
def test_equivalence_holds_exactly_where_the_interval_is_inside(
    control: ArmEstimate, treatment: ArmEstimate, low: float, width: float, relative: bool
) -> None:
    high = low + width
    found = margins.equivalence(Effect(control, treatment), Normal(), low=low, high=high, relative=relative)
    assert found.p_value == max(found.p_lower, found.p_upper)
    assume(min(abs(found.p_lower - 0.05), abs(found.p_upper - 0.05)) > 1e-7)
    assume(found.change.bounded)
    assert found.holds is (low < found.change.lower and found.change.upper < high)


def test_a_bad_treatment_passes_a_guardrail_as_often_as_it_may() -> None:
    # At the margin itself, relative, with an unequal split: one-sided error 5 %, by simulation.
    random = np.random.Generator(np.random.PCG64(6))
    runs, sizes, rates = 4_000, (6_000, 2_000), (0.2, 0.18)
    draws = [random.binomial(n, rate, runs) for n, rate in zip(sizes, rates, strict=True)]
    passed = sum(
        margins.non_inferiority(proportions((int(x), int(y)), sizes), margin=0.1, relative=True).holds
        for x, y in zip(*draws, strict=True)
    )
    # Four standard errors of 4,000 runs are .014.
    assert passed / runs == pytest.approx(0.05, abs=0.014)


@pytest.mark.parametrize("margin", [0.0, -0.1, math.nan, math.inf])
def test_a_margin_is_positive(margin: float) -> None:
    with pytest.raises(ValueError, match=r"^margin: "):
        margins.non_inferiority(proportions((1, 2), (10, 10)), margin=margin)


def test_thresholds_are_in_order() -> None:
    with pytest.raises(ValueError, match=r"^low: "):
        margins.equivalence(proportions((1, 2), (10, 10)), low=0.1, high=0.1)
