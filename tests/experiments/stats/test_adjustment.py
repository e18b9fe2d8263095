"""Covariate adjustment: known answers, what must not change it, its error rate, and covariates that cannot be used."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given
from hypothesis import strategies as st

from experiments.stats.adjustment import (
    SLOPES,
    Covariate,
    Dropped,
    Slope,
    adjust,
    compare_adjusted,
    cuped_effect,
    explained_share,
)
from experiments.stats.inference import Normal, Reading, conclude
from experiments.stats.means import welch
from experiments.stats.moments import Moments
from experiments.stats.ratios import arm_ratio
from experiments.stats.results import Note

COLUMNS = ("y", "x", "before", "visits", "still")


def shop(generator: np.random.Generator, n: int, *, effect: float = 0.0) -> np.ndarray:
    """Rows of COLUMNS: revenue, impressions, revenue before, visits before, a constant."""
    visits = generator.poisson(3.0, n)
    before = visits * generator.exponential(2.0, n)
    impressions = 1 + visits + generator.poisson(1.0, n)
    revenue = 2 + effect + 0.6 * before + 0.3 * visits + generator.exponential(1.0, n)
    return np.column_stack([revenue, impressions, before, visits, np.full(n, 7.0)]).astype(float)


def arms(seed: int, n: int = 400, **options: Any) -> tuple[Moments, Moments]:
    generator = np.random.default_rng(seed)
    rows = shop(generator, n), shop(generator, n + 50, **options)
    return Moments.from_rows(COLUMNS, rows[0]), Moments.from_rows(COLUMNS, rows[1])


def pair(columns: tuple[str, ...], rows: Sequence[np.ndarray]) -> tuple[Moments, Moments]:
    return Moments.from_rows(columns, rows[0]), Moments.from_rows(columns, rows[1])


# --- known answers --------------------------------------------------------------------------------------------------
def test_six_units_by_hand() -> None:
    control = Moments.from_rows(("y", "x"), np.column_stack([[2, 3, 5, 4, 6, 7], [1, 2, 3, 4, 5, 6]]))
    treatment = Moments.from_rows(("y", "x"), np.column_stack([[4, 3, 6, 6, 8, 8], [2, 1, 4, 3, 6, 5]]))
    found = adjust(control, treatment, "y", None, ["x"])
    result = compare_adjusted(control, treatment, "y", None, ["x"])
    assert [slopes[0] for slopes in found.slopes] == pytest.approx([1.0, 1.0])
    assert (result.control.value, result.treatment.value) == pytest.approx((4.5, 35 / 6))
    assert result.standard_error == pytest.approx(1 / 3)
    assert result.degrees_of_freedom == pytest.approx(9.615385, abs=1e-6)
    assert result.p_value == pytest.approx(0.002723364, abs=1e-9)
    assert (result.difference.lower, result.difference.upper) == pytest.approx((0.586574, 2.080093), abs=1e-6)
    assert result.method == "cuped"


def test_within_slopes_are_those_of_the_analysis_of_covariance() -> None:
    generator = np.random.default_rng(2)
    rows = shop(generator, 300), shop(generator, 200, effect=0.4)
    both, treated = np.vstack(rows), np.repeat([0.0, 1.0], [300, 200])
    fitted = sm.OLS(both[:, 0], np.column_stack([np.ones(500), treated, both[:, 2:4]])).fit()
    found = adjust(*pair(COLUMNS, rows), "y", None, ["before", "visits"], slope="within")
    assert found.slopes[0] == pytest.approx(tuple(fitted.params[2:]), rel=1e-10)
    assert found.effect.difference == pytest.approx(fitted.params[1], rel=1e-10)


def test_several_covariates_take_away_what_regression_explains() -> None:
    generator = np.random.default_rng(3)
    rows = shop(generator, 500)
    fitted = sm.OLS(rows[:, 0], sm.add_constant(rows[:, 2:4])).fit()
    moments = Moments.from_rows(COLUMNS, rows)
    assert explained_share(moments, "y", None, ["before", "visits"]) == pytest.approx(fitted.rsquared, rel=1e-10)
    assert explained_share(moments, "y", None, ["still"]) == 0.0
    assert explained_share(Moments.empty(COLUMNS), "y", None, ["before"]) == 0.0


def test_a_ratio_is_the_mean_of_its_linearised_units() -> None:
    generator = np.random.default_rng(4)
    rows = shop(generator, 400), shop(generator, 400, effect=1.0)
    sides = [Moments.from_rows(COLUMNS, one) for one in rows]
    found = adjust(sides[0], sides[1], "y", "x", ["before"], slope="separate")
    linear = []
    for one in rows:
        ratio = one[:, 0].sum() / one[:, 1].sum()
        linear.append(np.column_stack([ratio + (one[:, 0] - ratio * one[:, 1]) / one[:, 1].mean(), one[:, 2]]))
    plain = adjust(*pair(("y", "before"), linear), "y", None, ["before"], slope="separate")
    assert found.effect.control.value == pytest.approx(plain.effect.control.value, rel=1e-10)
    assert found.effect.variance == pytest.approx(plain.effect.variance, rel=1e-10)


def test_a_covariate_may_be_a_ratio_and_one_over_a_constant_is_the_plain_column() -> None:
    generator = np.random.default_rng(5)
    rows = shop(generator, 300), shop(generator, 300)
    ones = [np.column_stack([one, np.ones(300)]) for one in rows]
    sides = [Moments.from_rows((*COLUMNS, "one"), one) for one in ones]
    as_ratio = cuped_effect(sides[0], sides[1], "y", "x", [("before", "one")])
    plain = cuped_effect(sides[0], sides[1], "y", "x", ["before"])
    assert as_ratio.difference == pytest.approx(plain.difference, rel=1e-12)
    assert as_ratio.variance == pytest.approx(plain.variance, rel=1e-12)


# --- what must hold ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("slope", SLOPES)
@pytest.mark.parametrize("denominator", [None, "x"])
def test_the_difference_is_unbiased_and_its_intervals_cover(slope: Slope, denominator: str | None) -> None:
    covered, lifts, shrunk = [], [], []
    truth = {None: (0.5, 0.5 / 7.5), "x": (0.1, 0.5 / 7.5)}[denominator]
    for seed in range(300):
        control, treatment = arms(seed, 300, effect=0.5)
        result = compare_adjusted(control, treatment, "y", denominator, ["before", "visits"], slope=slope)
        assert result.lift is not None
        covered.append(truth[0] in result.difference)
        lifts.append(truth[1] in result.lift)
        shrunk.append(adjust(control, treatment, "y", denominator, ["before"], slope=slope).variance_reduction)
    assert 0.915 <= np.mean(covered) <= 0.985
    assert 0.915 <= np.mean(lifts) <= 0.985
    assert np.mean(shrunk) > 0.2


def test_the_values_of_the_arms_vary_as_they_say() -> None:
    """Both arms are centred at one mean that is itself drawn: their variances and covariance must own up to it."""
    drawn = []
    claimed = []
    for seed in range(1500):
        effect = cuped_effect(*arms(seed, 100), "y", None, ["before"])
        drawn.append((effect.control.value, effect.treatment.value))
        claimed.append((effect.control.variance, effect.treatment.variance, effect.covariance))
    spread = np.cov(np.array(drawn).T)
    expected = np.mean(claimed, axis=0)
    assert (spread[0, 0], spread[1, 1]) == pytest.approx(tuple(expected[:2]), rel=0.12)
    assert spread[0, 1] == pytest.approx(expected[2], rel=0.25)
    assert expected[2] > 0.2 * expected[0]


@given(st.floats(-1e3, 1e3), st.floats(0.01, 100), st.sampled_from(SLOPES), st.sampled_from([None, "x"]))
def test_shifting_or_scaling_a_covariate_changes_nothing(
    shift: float, scale: float, slope: Slope, denominator: str | None
) -> None:
    generator = np.random.default_rng(6)
    rows = shop(generator, 80), shop(generator, 90)
    moved = [one.copy() for one in rows]
    for one in moved:
        one[:, 2] = shift + scale * one[:, 2]
    plain, other = (
        adjust(*pair(COLUMNS, both), "y", denominator, ["before", "visits"], slope=slope) for both in (rows, moved)
    )
    assert other.effect.difference == pytest.approx(plain.effect.difference, rel=1e-7, abs=1e-9)
    assert other.effect.control.variance == pytest.approx(plain.effect.control.variance, rel=1e-7)


@given(st.integers(0, 10_000), st.sampled_from(SLOPES))
def test_swapping_the_arms_turns_the_sign(seed: int, slope: Slope) -> None:
    control, treatment = arms(seed, 60)
    there = adjust(control, treatment, "y", "x", ["before"], slope=slope).effect
    back = adjust(treatment, control, "y", "x", ["before"], slope=slope).effect
    assert back.difference == pytest.approx(-there.difference, rel=1e-9, abs=1e-12)
    assert back.variance == pytest.approx(there.variance, rel=1e-9)


@given(st.integers(0, 10_000))
def test_one_reading_of_one_statistic(seed: int) -> None:
    result = compare_adjusted(*arms(seed, 60, effect=0.3), "y", None, ["before"])
    assert result.lift is not None
    assert result.significant == (0.0 not in result.difference)
    assert result.significant == (0.0 not in result.lift)
    assert (result.chance_to_win > 0.5) == (result.difference.estimate > 0) == (result.lift.estimate > 0)


def test_the_relative_lift_is_over_the_adjusted_control() -> None:
    effect = cuped_effect(*arms(8), "y", None, ["before"])
    result = conclude(effect, Normal(), method="cuped")
    assert result.lift is not None
    assert result.lift.estimate == pytest.approx(effect.difference / effect.control.value, rel=1e-12)


# --- what cannot be adjusted by ---------------------------------------------------------------------------------------
@pytest.mark.parametrize("slope", SLOPES)
def test_covariates_that_say_nothing_are_dropped_and_named(slope: Slope) -> None:
    generator = np.random.default_rng(9)
    columns = (*COLUMNS, "double", "nothing")
    rows = [shop(generator, 200) for _ in range(2)]
    sides = [Moments.from_rows(columns, np.column_stack([one, 2 * one[:, 2] + 5, np.zeros(200)])) for one in rows]
    wanted: list[Covariate] = ["still", "before", "double", ("before", "nothing"), "before"]
    found = adjust(sides[0], sides[1], "y", None, wanted, slope=slope)
    assert found.covariates == ("before",)
    assert found.dropped == (
        Dropped("still", "no_variation"),
        Dropped("double", "collinear"),
        Dropped(("before", "nothing"), "no_denominator"),
    )
    alone = adjust(sides[0], sides[1], "y", None, ["before"], slope=slope)
    assert found.effect == alone.effect


@pytest.mark.parametrize("covariates", [[], ["still"]])
def test_without_a_covariate_it_is_the_plain_test(covariates: list[Covariate]) -> None:
    control, treatment = arms(10)
    result = compare_adjusted(control, treatment, "y", None, covariates, reading=Reading(0.9))
    plain = welch(control, treatment, "y", reading=Reading(0.9))
    assert result == plain
    found = adjust(control, treatment, "y", None, covariates)
    assert found.effect == found.raw
    assert found.variance_reduction == 0.0


def test_money_in_cents_beside_a_share_is_not_collinear() -> None:
    generator = np.random.default_rng(11)
    cents, share = generator.normal(1e9, 1e7, 400), generator.random(400) * 1e-6
    rows = np.column_stack([share * 1e6 + cents * 1e-7 + generator.normal(size=400), cents, share])
    sides = [Moments.from_rows(("y", "cents", "share"), half) for half in (rows[:200], rows[200:])]
    assert adjust(sides[0], sides[1], "y", None, ["cents", "share"]).covariates == ("cents", "share")


def test_too_few_units_and_empty_denominators_are_defined() -> None:
    control, treatment = arms(12)
    one = Moments.from_rows(COLUMNS, [[1.0, 0.0, 2.0, 3.0, 7.0]])
    few = compare_adjusted(one, treatment, "y", None, ["before"])
    assert few.notes == (Note.TOO_FEW_UNITS,)
    none = compare_adjusted(control, one + one, "y", "x", ["before"])
    assert none.notes == (Note.NO_DENOMINATOR,)
    assert math.isnan(none.treatment.value)
    still = compare_adjusted(control, treatment, "still", None, ["before"])
    assert still.notes == (Note.NO_VARIATION,)


def test_the_metric_itself_is_no_covariate() -> None:
    control, treatment = arms(15, effect=1.0)
    found = adjust(control, treatment, "y", None, ["before", "y"])
    assert found.effect == found.raw
    assert found.dropped == (Dropped("before", "is_the_metric"), Dropped("y", "is_the_metric"))
    assert compare_adjusted(control, treatment, "y", None, ["y"]) == welch(control, treatment, "y")


def test_what_is_wrong_is_named() -> None:
    control, treatment = arms(13)
    with pytest.raises(ValueError, match=r"^slope: 'best' is not one of joint, within, separate"):
        adjust(control, treatment, "y", None, ["before"], slope="best")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"^later: not among the columns"):
        adjust(control, treatment, "y", None, ["later"])


def test_a_share_is_adjusted_by_past_orders() -> None:
    generator = np.random.default_rng(14)
    sides = []
    for lift in (0.0, 0.05):
        orders = generator.poisson(1.5, 4000)
        converted = generator.random(4000) < 0.05 + 0.12 * np.minimum(orders, 4) + lift
        sides.append(Moments.from_rows(("converted", "pre_orders"), np.column_stack([converted, orders])))
    effect = cuped_effect(sides[0], sides[1], "converted", None, ["pre_orders"])
    raw = [arm_ratio(side, "converted", None) for side in sides]
    assert effect.variance < 0.95 * (raw[0].variance + raw[1].variance)
    assert effect.difference == pytest.approx(0.05, abs=3 * math.sqrt(effect.variance))
