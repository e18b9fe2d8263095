"""Boundaries against published tables, laws of spending, and the repeated p-value as the inverse of the boundary."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from experiments.stats import spending
from experiments.stats.crossings import Inside, exits
from experiments.stats.group_sequential import (
    GroupSequential,
    classical_boundaries,
    futility_boundaries,
    spending_boundaries,
)
from experiments.stats.inference import Effect, Normal, Reading, Student, conclude
from experiments.stats.results import ArmEstimate
from tests.experiments.stats.test_inference import assert_coherent

FIFTHS = (0.2, 0.4, 0.6, 0.8, 1.0)
FAMILIES = sorted(spending.FAMILIES)
families = st.sampled_from(FAMILIES)
alphas = st.floats(-12, math.log10(0.5)).map(lambda power: 10.0**power)
arms = st.builds(ArmEstimate, n=st.integers(2, 10**7), value=st.floats(-100, 100), standard_error=st.floats(1e-6, 50))


@st.composite
def plans(draw: st.DrawFn, *, most: int = 8) -> GroupSequential:
    """Irregular looks, now and then a tiny first share, a last look that is full, overfull or neither."""
    least = draw(st.sampled_from([0.01, 1e-3, 1e-6]))
    shares = draw(st.lists(st.floats(least, 0.99), min_size=1, max_size=most, unique=True).map(sorted))
    last = draw(st.sampled_from([(), (1.0,), (1.3,)]))
    freedom = draw(st.sampled_from([None, 12.5, 400.0]))
    return GroupSequential((*shares, *last), draw(families), degrees_of_freedom=freedom)


@pytest.mark.parametrize(
    ("family", "parameter", "expected"),
    [
        # R rpact 3.3.4 to its own accuracy; the golden cases hold the digits beyond.
        ("obrien_fleming", None, [4.876885, 3.357012, 2.680280, 2.289817, 2.031032]),
        ("pocock", None, [2.437977, 2.426814, 2.410194, 2.396649, 2.386000]),
        ("hwang_shih_decani", -4.0, [3.252668, 2.986046, 2.691657, 2.373667, 2.025321]),
        ("kim_demets", 2.0, [3.090232, 2.714112, 2.472777, 2.279863, 2.114028]),
        ("kim_demets", 3.0, [3.540084, 2.974311, 2.604514, 2.306357, 2.045480]),
    ],
)
def test_five_looks_of_each_family(family: str, parameter: float | None, expected: list[float]) -> None:
    found = spending_boundaries(FIFTHS, spending=family, parameter=parameter)
    assert found == pytest.approx(expected, abs=2e-5)


def test_classical_designs() -> None:
    # O'Brien and Fleming (1979) and Pocock (1977) as R rpact has them.
    assert classical_boundaries((1, 2, 3, 4, 5)) == pytest.approx(
        (4.561742, 3.225639, 2.633723, 2.280871, 2.040073), abs=1e-6
    )
    for looks, final in ((2, 1.977431), (3, 2.004036), (4, 2.024295)):
        assert classical_boundaries(range(1, looks + 1))[-1] == pytest.approx(final, abs=1e-6)
    for looks, constant in ((2, 2.178272), (3, 2.289478), (4, 2.361298), (5, 2.413176)):
        found = classical_boundaries(range(1, looks + 1), design="pocock")
        assert found == pytest.approx([constant] * looks, abs=1e-6)
    one_sided = classical_boundaries(range(1, 6), alpha=0.025, design="pocock", sided=1)
    assert one_sided[0] == pytest.approx(2.413180, abs=1e-6)


def test_the_other_classical_designs_lie_where_they_must() -> None:
    middle = classical_boundaries(FIFTHS, design="wang_tsiatis", shape=0.25)
    # Jennison and Turnbull (2000), table 2.9: the constant of Delta = .25 at five looks is 2.136.
    assert middle[-1] == pytest.approx(2.136, abs=5e-4)
    peto = classical_boundaries(FIFTHS, design="haybittle_peto")
    assert peto[:4] == (3.0,) * 4
    assert 1.96 < peto[4] < 2.0


@pytest.mark.parametrize(
    ("looks", "error"),
    [(1, 0.05), (2, 0.083118), (5, 0.141689), (10, 0.193357), (20, 0.247911), (50, 0.320450), (100, 0.373619)],
)
def test_how_often_a_fixed_test_errs_when_it_is_peeked_at(looks: int, error: float) -> None:
    # Armitage, McPherson and Rowe (1969), table 2.
    bound = [Normal().critical(0.05)] * looks
    assert exits(range(1, looks + 1), [-value for value in bound], bound).total == pytest.approx(error, abs=1e-6)


@settings(max_examples=60)
@given(plan=plans(), alpha=alphas)
def test_what_is_spent_is_what_was_to_be_spent(plan: GroupSequential, alpha: float) -> None:
    bounds = plan.boundaries(alpha)
    found = exits(plan.information, [-bound for bound in bounds], bounds)
    wanted = [spending.two_sided(share, alpha, family=plan.spending) for share in plan.information]
    assert (found.upper + found.lower).cumsum() == pytest.approx(wanted, rel=2e-6, abs=1e-16)
    assert wanted[-1] == pytest.approx(alpha) if plan.is_final else wanted[-1] < alpha


@settings(max_examples=80)
@given(plan=plans(), statistic=st.floats(0, 12), alpha=alphas)
def test_the_p_value_is_below_alpha_exactly_beyond_the_boundary(
    plan: GroupSequential, statistic: float, alpha: float
) -> None:
    p_value = plan.p_value(statistic)
    assert 0 <= p_value <= 1
    assert p_value == plan.p_value(-statistic)
    assume(abs(p_value - alpha) > 1e-7 * alpha)
    assert (p_value < alpha) is (statistic > plan.critical(alpha))


@settings(max_examples=60)
@given(plan=plans(), one=alphas, other=alphas)
def test_a_larger_alpha_has_lower_boundaries(plan: GroupSequential, one: float, other: float) -> None:
    small, large = sorted((one, other))
    for strict, lax in zip(plan.boundaries(small), plan.boundaries(large), strict=True):
        assert strict >= lax * (1 - 1e-9)


@settings(max_examples=40)
@given(plan=plans(), statistic=st.floats(0.05, 8))
def test_the_p_value_gives_the_boundary_back(plan: GroupSequential, statistic: float) -> None:
    p_value = plan.p_value(statistic)
    assume(1e-250 < p_value < 0.99)
    assert plan.critical(p_value) == pytest.approx(statistic, rel=1e-7, abs=1e-9)


@settings(max_examples=150)
@given(
    control=arms,
    treatment=arms,
    plan=plans(most=4),
    confidence=st.sampled_from([0.8, 0.95, 0.999]),
    share=st.floats(-0.9, 0.9),
)
def test_a_comparison_says_one_thing(
    control: ArmEstimate, treatment: ArmEstimate, plan: GroupSequential, confidence: float, share: float
) -> None:
    effect = Effect(control, treatment, share * control.standard_error * treatment.standard_error)
    assert_coherent(conclude(effect, plan, method="group_sequential", reading=Reading(confidence)))


def test_looks_to_come_and_looks_passed_over_change_nothing() -> None:
    three, five = spending_boundaries(FIFTHS[:3]), spending_boundaries(FIFTHS)
    assert three == five[:3]
    # A look with nothing to spend is no look.
    assert spending_boundaries((1e-6, *FIFTHS))[1:] == pytest.approx(five, abs=1e-9)


def test_one_look_is_the_fixed_test() -> None:
    assert GroupSequential((1.0,)).critical(0.05) == pytest.approx(Normal().critical(0.05), rel=1e-13)
    assert GroupSequential((1.0,)).p_value(2.5) == pytest.approx(Normal().p_value(2.5), rel=1e-9)
    small = GroupSequential((1.0,), degrees_of_freedom=7.0)
    assert small.critical(0.05) == pytest.approx(Student(7.0).critical(0.05), rel=1e-10)
    assert small.p_value(2.5) == pytest.approx(Student(7.0).p_value(2.5), rel=1e-9)


def test_an_overfull_last_look_spends_all_that_is_left() -> None:
    plan = GroupSequential((0.5, 1.2))
    bounds = plan.boundaries(0.05)
    assert plan.is_final
    assert exits((0.5, 1.2), [-bound for bound in bounds], bounds).total == pytest.approx(0.05, abs=1e-12)


def test_a_look_too_early_for_any_boundary_keeps_silent() -> None:
    plan = GroupSequential((1e-6,))
    assert plan.critical(0.05) == math.inf
    assert plan.p_value(30.0) > 0.05
    effect = Effect(ArmEstimate(5, 1.0, 0.0), ArmEstimate(5, 3.0, 0.1))
    result = conclude(effect, plan, method="group_sequential")
    assert (result.difference.lower, result.difference.upper) == (-math.inf, math.inf)
    assert result.lift is not None
    assert (result.lift.lower, result.lift.upper) == (-math.inf, math.inf)


def test_a_hundred_looks_and_looks_side_by_side() -> None:
    hundred = [look / 100 for look in range(1, 101)]
    bounds = spending_boundaries(hundred)
    assert exits(hundred, [-bound for bound in bounds], bounds).total == pytest.approx(0.05, abs=1e-10)
    close = (0.5, 0.5 + 1e-9, 1.0)
    near = spending_boundaries(close, spending="pocock")
    apart = spending_boundaries((0.5, 1.0), spending="pocock")
    # A second look at the same data has nothing to spend, and costs the last one nothing that could be seen.
    assert near[1] > near[0]
    assert near[2] == pytest.approx(apart[1], abs=1e-6)


def test_the_grid_is_fine_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    from experiments.stats import crossings, group_sequential

    looks = (0.03, 0.2, 0.21, 0.5, 0.51, 0.8, 1.0)
    coarse = group_sequential._boundaries.__wrapped__(looks, 0.025, "pocock", None, 2)
    monkeypatch.setattr(crossings, "PANEL", 4.0)
    fine = group_sequential._boundaries.__wrapped__(looks, 0.025, "pocock", None, 2)
    assert coarse == pytest.approx(fine, abs=1e-10)


def test_the_recursion_by_brute_force() -> None:
    random = np.random.Generator(np.random.PCG64(5))
    times = np.array([0.2, 0.5, 1.0])
    steps = random.normal(size=(200_000, 3)) * np.sqrt(np.diff(times, prepend=0)) + 1.5 * np.diff(times, prepend=0)
    z = steps.cumsum(axis=1) / np.sqrt(times)
    bounds = (2.2, 2.0, 1.8)
    outside = np.abs(z) > bounds
    first = outside & (np.cumsum(outside, axis=1) == 1)
    found = exits(times.tolist(), [-bound for bound in bounds], bounds, drift=1.5)
    # Four standard errors of 200,000 runs are .0045.
    assert (first & (z > 0)).mean(axis=0) == pytest.approx(found.upper, abs=0.0045)
    assert (first & (z < 0)).mean(axis=0) == pytest.approx(found.lower, abs=0.0045)


def test_futility_spends_beta_and_leaves_success_alone() -> None:
    drift = 3.0
    upper = spending_boundaries(FIFTHS)
    lower = futility_boundaries(FIFTHS, drift=drift)
    assert all(low <= high for low, high in zip(lower, upper, strict=True))
    assert all(first < second for first, second in itertools.pairwise(lower))
    assert lower[-1] == upper[-1]
    down = [max(low, -high) for low, high in zip(lower, upper, strict=True)]
    missed = exits(FIFTHS, down, upper, drift=drift).lower.cumsum()
    wanted = [spending.spent(share, 0.2) for share in FIFTHS]
    assert missed[:4] == pytest.approx(wanted[:4], abs=1e-9)
    # Not binding: with futility ignored the error rate is alpha, with it obeyed less.
    assert exits(FIFTHS, down, upper).upper.sum() < 0.025
    assert futility_boundaries((1e-9, 0.5), drift=drift)[0] == -math.inf


def test_a_drift_that_cannot_be_missed_gives_up_at_the_boundary_of_success() -> None:
    looks = (0.5, 0.9, 1.0)
    assert futility_boundaries(looks, drift=40.0, beta=0.5) == spending_boundaries(looks)


@pytest.mark.parametrize(
    ("field", "call"),
    [
        ("information", lambda: GroupSequential(())),
        ("information", lambda: GroupSequential((0.5, 0.5))),
        ("information", lambda: GroupSequential((0.0, 0.5))),
        ("information", lambda: GroupSequential((0.5, math.nan))),
        ("information", lambda: GroupSequential((1.0, 1.2))),
        ("spending", lambda: GroupSequential((0.5,), "all_at_once")),
        ("parameter", lambda: GroupSequential((0.5,), parameter=2.0)),
        ("parameter", lambda: GroupSequential((0.5,), "kim_demets", -1.0)),
        ("degrees_of_freedom", lambda: GroupSequential((0.5,), degrees_of_freedom=0.0)),
        ("alpha", lambda: GroupSequential((0.5,)).critical(0.0)),
        ("alpha", lambda: GroupSequential((0.5,)).critical(1.1)),
        ("alpha", lambda: spending_boundaries((0.5,), alpha=2.0)),
        ("sided", lambda: spending_boundaries((0.5,), sided=3)),
        ("sided", lambda: classical_boundaries((0.5, 1), sided=0)),
        ("design", lambda: classical_boundaries((0.5, 1), design="own")),
        ("alpha", lambda: classical_boundaries((0.5, 1), alpha=1.0)),
        ("shape", lambda: classical_boundaries((1, 2, 3), design="haybittle_peto", shape=1.5)),
        ("drift", lambda: futility_boundaries((0.5,), drift=0.0)),
        ("information", lambda: spending.spent(0.0, 0.05)),
        ("alpha", lambda: spending.spent(0.5, 0.0)),
    ],
)
def test_what_cannot_be_is_refused_by_name(field: str, call: object) -> None:
    assert callable(call)
    with pytest.raises(ValueError, match=rf"^{field}: "):
        call()


def test_no_path_is_left_where_none_can_be() -> None:
    # A drift far beyond the corridor leaves nobody inside, and no error.
    gone = Inside.start().advanced(0.5, (-1.0, 1.0), 1.0, 60.0)
    assert gone.above(1.0, 0.0, 60.0) == 0.0
