"""The promise of a comparison: p-value, interval, lift and chance to win are one statement, for every method."""

from __future__ import annotations

import json
import math
from typing import get_args

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from experiments.stats import means, proportions, ratios, sequences
from experiments.stats.inference import ContinuityCorrected, Effect, Normal, Reading, Student, conclude
from experiments.stats.lifts import first_order_delta_lift
from experiments.stats.moments import Moments
from experiments.stats.proportions import Counts
from experiments.stats.results import Alternative, ArmEstimate, Comparison, Direction, Interval, Note

readings = st.builds(
    Reading, confidence=st.sampled_from([0.8, 0.9, 0.95, 0.99]), direction=st.sampled_from(get_args(Direction))
)
one_sided = st.builds(Reading, confidence=st.just(0.95), alternative=st.sampled_from(get_args(Alternative)[1:]))
arms = st.builds(ArmEstimate, n=st.integers(2, 10**7), value=st.floats(-100, 100), standard_error=st.floats(1e-6, 50))
counts = st.integers(1, 10_000).flatmap(lambda n: st.builds(Counts, successes=st.integers(0, n), n=st.just(n)))


def assert_coherent(result: Comparison) -> None:
    """Four readings, one verdict; ties within rounding of the level are left out."""
    alpha = 1 - result.difference.confidence
    assume(abs(result.p_value - alpha) > 1e-7 * alpha)
    verdict = result.p_value < alpha
    assert result.significant is verdict
    assert (0.0 not in result.difference) is verdict
    if result.lift is not None:
        assert (0.0 not in result.lift) is verdict
        assert result.lift.lower <= result.lift.estimate <= result.lift.upper
    if result.alternative == "two-sided":
        assert (not alpha / 2 <= result.chance_to_win <= 1 - alpha / 2) is verdict
        assert result.p_value == pytest.approx(2 * min(result.chance_to_win, 1 - result.chance_to_win), abs=1e-15)
    assert result.difference.lower <= result.difference.estimate <= result.difference.upper
    if result.difference.estimate:
        assert (result.chance_to_win >= 0.5) is (result.better or result.chance_to_win == 0.5)
    json.dumps(result.to_dict(), allow_nan=False)


@settings(max_examples=300)
@given(control=arms, treatment=arms, reading=readings | one_sided)
def test_two_estimates(control: ArmEstimate, treatment: ArmEstimate, reading: Reading) -> None:
    assert_coherent(means.compare_estimates(control, treatment, method="any", reading=reading))


@settings(max_examples=300)
@given(control=arms, treatment=arms, share=st.floats(-0.9, 0.9), reading=readings)
def test_estimates_that_covary(control: ArmEstimate, treatment: ArmEstimate, share: float, reading: Reading) -> None:
    effect = Effect(control, treatment, share * control.standard_error * treatment.standard_error)
    assert_coherent(conclude(effect, Normal(), method="any", reading=reading))


@settings(max_examples=200)
@given(control=arms, treatment=arms, planned=st.floats(10, 1e7), reading=readings)
def test_confidence_sequences(control: ArmEstimate, treatment: ArmEstimate, planned: float, reading: Reading) -> None:
    assert_coherent(sequences.watch(Effect(control, treatment), planned_n=planned, reading=reading))


@settings(max_examples=200)
@given(control=counts, treatment=counts, reading=readings)
def test_score(control: Counts, treatment: Counts, reading: Reading) -> None:
    result = proportions.score(control, treatment, reading=reading)
    assert_coherent(result)
    assert -1 <= result.difference.lower <= result.difference.upper <= 1
    assert result.difference.lower < result.difference.upper


@settings(max_examples=200)
@given(control=counts, treatment=counts, pooled=st.booleans(), yates=st.booleans(), reading=readings | one_sided)
def test_z(control: Counts, treatment: Counts, pooled: bool, yates: bool, reading: Reading) -> None:
    result = proportions.two_proportion_z(control, treatment, pooled=pooled, continuity=yates, reading=reading)
    # A bound closed at +-1 by a one-sided reading is the parameter's limit and not the test's.
    assume(abs(result.difference.estimate) < 1)
    assert_coherent(result)


def test_the_direction_turns_the_chance_and_nothing_else() -> None:
    arms_ = ArmEstimate(100, 1.0, 0.1), ArmEstimate(100, 1.3, 0.1)
    up, down = (
        means.compare_estimates(*arms_, method="any", reading=Reading(direction=d)) for d in get_args(Direction)
    )
    assert up.chance_to_win == 1 - down.chance_to_win > 0.97
    assert (up.better, down.better) == (True, False)
    assert (up.p_value, up.difference, up.lift) == (down.p_value, down.difference, down.lift)


def test_swapping_the_arms_turns_the_sign() -> None:
    one, other = ArmEstimate(100, 1.0, 0.1), ArmEstimate(80, 1.3, 0.2)
    forth, back = means.compare_estimates(one, other, method="any"), means.compare_estimates(other, one, method="any")
    assert forth.p_value == back.p_value
    assert forth.difference.lower == -back.difference.upper
    assert forth.chance_to_win == pytest.approx(1 - back.chance_to_win)


def test_growthbooks_default_contradicts_itself_and_ours_does_not() -> None:
    # Peers' defect: same data, absolute p .0202 and relative p .0619 (statistics reference, 2; gbstats' own test case).
    arms_ = (
        Moments.of_sums({"y": 1396.87}, {("y", "y"): 52377.9767}, n=3407),
        Moments.of_sums({"y": 2422.7}, {("y", "y"): 134698.29}, n=3461),
    )
    ours = means.welch(*arms_, "y")
    assert ours.p_value == pytest.approx(0.020158403, abs=5e-10)
    assert ours.lift is not None
    assert (ours.lift.lower, ours.lift.upper) == pytest.approx((0.094062, 1.708690), abs=5e-7)
    theirs, p_value = first_order_delta_lift(ours.control, ours.treatment)
    assert p_value == pytest.approx(0.061911827, abs=5e-10)
    assert 0.0 in theirs
    assert ours.significant
    assert 0.0 not in ours.difference
    assert 0.0 not in ours.lift


@pytest.mark.parametrize(
    ("control", "treatment", "note"),
    [
        (ArmEstimate(0, math.nan, math.nan), ArmEstimate(9, 1.0, 0.1), Note.TOO_FEW_UNITS),
        (ArmEstimate(1, 1.0, math.nan), ArmEstimate(9, 1.0, 0.1), Note.TOO_FEW_UNITS),
        (ArmEstimate(9, 1.0, 0.0), ArmEstimate(9, 1.0, 0.0), Note.NO_VARIATION),
        (ArmEstimate(9, 1.0, 0.0), ArmEstimate(9, 2.0, 0.0), Note.NO_VARIATION),
        (ArmEstimate(9, math.nan, math.nan), ArmEstimate(9, 2.0, 0.1), Note.NO_DENOMINATOR),
    ],
)
def test_what_cannot_be_judged_says_so_and_claims_nothing(
    control: ArmEstimate, treatment: ArmEstimate, note: Note
) -> None:
    result = means.compare_estimates(control, treatment, method="any")
    assert result.notes == (note,)
    assert (result.p_value, result.chance_to_win, result.significant) == (1.0, 0.5, False)
    assert (result.difference.lower, result.difference.upper) == (-math.inf, math.inf)
    json.dumps(result.to_dict(), allow_nan=False)


def test_one_constant_arm_is_judged_by_the_other() -> None:
    result = means.compare_estimates(ArmEstimate(50, 1.0, 0.0), ArmEstimate(20, 2.0, 0.25), method="any")
    assert result.degrees_of_freedom == 19
    assert result.statistic == 4


def test_a_control_at_or_below_zero_has_no_lift() -> None:
    for value in (0.0, -1.0):
        result = means.compare_estimates(ArmEstimate(9, value, 0.1), ArmEstimate(9, 2.0, 0.1), method="any")
        assert result.lift is None
        assert Note.CONTROL_NOT_POSITIVE in result.notes


@pytest.mark.parametrize(
    ("field", "arguments"),
    [
        ("confidence", {"confidence": 1.0}),
        ("confidence", {"confidence": 0.0}),
        ("confidence", {"confidence": math.nan}),
        ("direction", {"direction": "up"}),
        ("alternative", {"alternative": "both"}),
    ],
)
def test_a_reading_that_cannot_be_is_refused_by_field(field: str, arguments: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=rf"^{field}: "):
        Reading(**arguments)  # type: ignore[arg-type]


def test_tails_far_out_do_not_vanish() -> None:
    # 2 * (1 - cdf) is 0.0 here; the reference gives 3.6e-33 for t = 12 (style reference, 2) and p ~ 1e-89 for z = 20.
    assert Student(50_000).p_value(12.0) == pytest.approx(3.6e-33, rel=0.05)
    assert Normal().p_value(20.0) == pytest.approx(5.507248e-89, rel=1e-6)


@given(st.floats(1e-6, 0.5), st.floats(0, 3))
def test_references_invert_themselves(alpha: float, shift: float) -> None:
    for reference in (Normal(), Student(3.7), Student(1e6), ContinuityCorrected(Normal(), shift)):
        assert reference.p_value(reference.critical(alpha)) == pytest.approx(alpha, rel=1e-6)
    sequence = sequences.ConfidenceSequence(1000, 0.05)
    assert sequence.p_value(sequence.critical(alpha)) == pytest.approx(alpha, rel=1e-9)


def test_a_comparison_survives_json() -> None:
    for arms_ in (
        (ArmEstimate(9, 1.0, 0.3), ArmEstimate(9, 2.0, 0.25)),
        (ArmEstimate(0, math.nan, math.nan), ArmEstimate(9, 2.0, 0.25)),
        (ArmEstimate(9, 0.01, 0.3), ArmEstimate(9, 0.02, 0.25)),
    ):
        stored = means.compare_estimates(*arms_, method="any").to_dict()
        text = json.dumps(stored, allow_nan=False)
        assert Comparison.from_dict(json.loads(text)).to_dict() == stored


def test_an_open_interval_survives_json() -> None:
    interval = Interval(math.nan, -math.inf, 2.0, 0.9)
    again = Interval.from_dict(json.loads(json.dumps(interval.to_dict(), allow_nan=False)))
    assert (again.lower, again.upper, again.confidence) == (-math.inf, 2.0, 0.9)
    assert math.isnan(again.estimate)
    assert not again.bounded
    assert interval.shifted(1).upper == 3.0


def test_ratio_and_mean_are_one_formula() -> None:
    rows = Moments.from_rows(("num", "den"), [[1, 1], [4, 1], [2, 1], [2, 1]])
    assert ratios.arm_ratio(rows, "num", "den") == ratios.arm_ratio(rows, "num", None) == means.arm_mean(rows, "num")
