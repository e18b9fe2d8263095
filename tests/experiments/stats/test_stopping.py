"""After a stop: one order behind estimate, interval and p-value, and medians that are where they should be."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from experiments.stats import stopping
from experiments.stats.crossings import exits
from experiments.stats.group_sequential import GroupSequential, classical_boundaries
from experiments.stats.inference import Effect, Normal
from experiments.stats.results import ArmEstimate
from tests.experiments.stats.test_group_sequential import arms, plans

FIFTHS = (0.2, 0.4, 0.6, 0.8, 1.0)


def test_one_look_is_the_fixed_test() -> None:
    found = stopping.adjusted(2.5, (1.0,), (1.96,))
    assert (found.estimate, found.lower, found.upper) == pytest.approx((2.5, 2.5 - 1.959964, 2.5 + 1.959964), abs=1e-6)
    assert found.p_value == pytest.approx(Normal().p_value(2.5), rel=1e-9)


def test_the_order_of_outcomes_by_hand() -> None:
    # Two looks by Pocock: stopping at the second with z is "first look beyond, or inside and then at least z".
    looks, bounds = (0.5, 1.0), classical_boundaries((0.5, 1.0), design="pocock")
    first = exits(looks, (-bounds[0], -9.0), (bounds[0], 2.4)).upper
    found = stopping.adjusted(2.4, looks, bounds)
    assert found.p_value == pytest.approx(2 * float(first.sum()), rel=1e-9)
    # At the first look nothing else can be more extreme than the tail itself.
    assert stopping.adjusted(3.0, (0.5,), bounds[:1]).p_value == pytest.approx(Normal().p_value(3.0), rel=1e-9)


def test_a_win_just_at_the_last_boundary_has_p_alpha() -> None:
    # The upper exits then sum to alpha/2: the order and the spending meet.
    bounds = GroupSequential(FIFTHS).boundaries(0.05)
    assert stopping.adjusted(bounds[-1], FIFTHS, bounds).p_value == pytest.approx(0.05, rel=1e-8)


@settings(max_examples=60)
@given(plan=plans(most=5), statistic=st.floats(-9, 9), confidence=st.sampled_from([0.8, 0.95, 0.99]))
def test_p_value_and_interval_are_one_statement(plan: GroupSequential, statistic: float, confidence: float) -> None:
    alpha = 1 - confidence
    found = stopping.adjusted(statistic, plan.information, plan.boundaries(alpha), confidence=confidence)
    assert found.lower < found.estimate < found.upper
    assume(abs(found.p_value - alpha) > 1e-6 * alpha)
    assert (found.p_value < alpha) is (found.lower > 0 or found.upper < 0)
    if found.crossed or plan.is_final:
        assert (found.p_value < alpha) is found.crossed


@settings(max_examples=30)
@given(plan=plans(most=5), statistic=st.floats(-6, 6))
def test_mirrored_data_have_the_mirrored_reading(plan: GroupSequential, statistic: float) -> None:
    one, other = (stopping.adjusted(z, plan.information, plan.boundaries(0.05)) for z in (statistic, -statistic))
    assert one.p_value == other.p_value
    assert one.lower == pytest.approx(-other.upper, abs=1e-7)
    assert one.estimate == pytest.approx(-other.estimate, abs=1e-7)


@settings(max_examples=60)
@given(control=arms, treatment=arms, plan=plans(most=4))
def test_difference_lift_and_p_value_of_a_stop_agree(
    control: ArmEstimate, treatment: ArmEstimate, plan: GroupSequential
) -> None:
    effect = Effect(control, treatment)
    assume(abs(effect.difference) < 30 * math.sqrt(effect.variance))
    found = stopping.stopped(effect, plan)
    assert found is not None
    assume(abs(found.p_value - 0.05) > 1e-6)
    clear = found.p_value < 0.05
    assert (0.0 not in found.difference) is clear
    if found.lift is not None:
        assert (0.0 not in found.lift) is clear
    if found.crossed or not plan.is_final:
        assume(abs(plan.p_value(effect.difference / math.sqrt(effect.variance)) - 0.05) > 1e-6)
        assert found.crossed is (plan.p_value(effect.difference / math.sqrt(effect.variance)) < 0.05)


def test_a_stop_for_success_is_drawn_in() -> None:
    bounds = GroupSequential(FIFTHS).boundaries(0.05)
    found = stopping.adjusted(3.0, FIFTHS[:3], bounds[:3])
    assert found.crossed
    assert 0 < found.lower < found.estimate < 3.0
    naive = 3.0 - Normal().critical(0.05)
    assert found.lower < naive


def test_given_up_halfway_is_no_win_by_another_door() -> None:
    # z = 2.5 at half the plan is short of the boundary 2.96; the plain stage-wise p would be about .012.
    effect = Effect(ArmEstimate(1_000, 10.0, 0.2), ArmEstimate(1_000, 10.0 + 2.5 * math.hypot(0.2, 0.2), 0.2))
    plan = GroupSequential((0.25, 0.5))
    found = stopping.stopped(effect, plan)
    assert found is not None
    assert not found.crossed
    assert found.p_value == pytest.approx(plan.p_value(2.5), rel=1e-9)
    assert found.p_value > 0.05
    assert 0.0 in found.difference
    assert found.lift is not None
    assert 0.0 in found.lift
    assert stopping.adjusted(2.5, plan.information, plan.boundaries(0.05)).p_value < 0.05


def test_a_statistic_beyond_all_reason_has_a_reading() -> None:
    bounds = GroupSequential(FIFTHS).boundaries(0.05)
    for look in (1, 3, 5):
        found = stopping.adjusted(1e6, FIFTHS[:look], bounds[:look], confidence=1 - 1e-13)
        assert -math.inf < found.lower < found.estimate < found.upper < math.inf
        assert found.p_value < 0.05


def test_without_variation_there_is_nothing_to_adjust() -> None:
    flat = ArmEstimate(50, 1.0, 0.0)
    assert stopping.stopped(Effect(flat, flat), GroupSequential((1.0,))) is None


def test_medians_are_unbiased_and_intervals_cover() -> None:
    assert_medians(runs=4_000, error=0.035)


@pytest.mark.slow
def test_medians_are_unbiased_and_intervals_cover_over_many_runs() -> None:
    assert_medians(runs=400_000, error=0.0035)


def assert_medians(*, runs: int, error: float) -> None:
    """Simulated tests that stop by their boundaries: half of the estimates lie below the truth, 95 % of the intervals
    hold it, while the naive estimate is too high. `error` is a little over four standard errors of a half.
    """
    bounds = GroupSequential(FIFTHS).boundaries(0.05)
    times = np.array(FIFTHS)
    for drift in (0.0, 1.0, 2.8, 4.0):
        random = np.random.Generator(np.random.PCG64(11))
        z = (random.normal(size=(runs, 5)) * np.sqrt(0.2) + drift * 0.2).cumsum(axis=1) / np.sqrt(times)
        outside = np.abs(z) > bounds
        outside[:, -1] = True
        stop = outside.argmax(axis=1)
        last = z[np.arange(runs), stop]
        # In every look the readings rise with z, so the z whose bound is the truth tells all runs apart.
        low, middle, high = (limits(drift, bounds, chance) for chance in (0.025, 0.5, 0.975))
        assert (last < middle[stop]).mean() == pytest.approx(0.5, abs=error)
        covered = ((last >= high[stop]) & (last <= low[stop])).mean()
        assert covered == pytest.approx(0.95, abs=error)
        if drift == 2.8:
            assert (last / np.sqrt(times[stop]) > drift).mean() > 0.55


def limits(drift: float, bounds: tuple[float, ...], chance: float) -> np.ndarray:
    """For every look the z at which the stage-wise chance under the drift is `chance`; infinite where none is."""
    return np.array([limit(look, drift, bounds[: look + 1], chance) for look in range(len(bounds))])


@cache
def limit(look: int, drift: float, bounds: tuple[float, ...], chance: float) -> float:
    grid = np.linspace(-9, 15, 2_401)
    curve = np.array([stopping.chance_beyond(z, FIFTHS[: look + 1], bounds, drift=drift) for z in (grid[0], grid[-1])])
    if not curve[1] < chance < curve[0]:
        return math.inf if curve[1] >= chance else -math.inf
    low, high = float(grid[0]), float(grid[-1])
    for _ in range(60):
        middle = (low + high) / 2
        above = stopping.chance_beyond(middle, FIFTHS[: look + 1], bounds, drift=drift)
        low, high = (middle, high) if above > chance else (low, middle)
    return (low + high) / 2


def test_the_limits_used_above_are_those_of_the_reading() -> None:
    bounds = GroupSequential(FIFTHS).boundaries(0.05)
    z = limit(2, 2.8, bounds[:3], 0.5)
    assert stopping.adjusted(z, FIFTHS[:3], bounds[:3]).estimate == pytest.approx(2.8 * math.sqrt(0.6), abs=1e-7)


@pytest.mark.parametrize(
    ("field", "call"),
    [
        ("statistic", lambda: stopping.adjusted(math.nan, (1.0,), (1.96,))),
        ("confidence", lambda: stopping.adjusted(2.0, (1.0,), (1.96,), confidence=1.0)),
        ("boundaries", lambda: stopping.adjusted(2.0, (0.5, 1.0), (1.96,))),
        ("information", lambda: stopping.adjusted(2.0, (0.5, 0.4), (1.96, 1.96))),
    ],
)
def test_what_cannot_be_is_refused_by_name(field: str, call: object) -> None:
    assert callable(call)
    with pytest.raises(ValueError, match=rf"^{field}: "):
        call()
