"""Interaction of two experiments: by hand, against a linear model, sums of effects that add up, weights."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experiments.stats.interaction import interaction, main_effect
from experiments.stats.metrics import MetricDefinition
from experiments.stats.moments import Moments

REVENUE = MetricDefinition("revenue", "mean", "revenue")


def cell(mean: float, *, n: int = 400, variance: float = 4.0) -> Moments:
    return Moments.of_summary("revenue", n=n, mean=mean, variance=variance)


TWO_BY_TWO = {
    ("a", "x"): cell(10.0),
    ("a", "y"): cell(11.0),
    ("b", "x"): cell(10.5, n=100),
    ("b", "y"): cell(12.5),
}


def test_a_difference_of_differences() -> None:
    found = interaction(REVENUE, TWO_BY_TWO)
    (only,) = found.contrasts
    assert (only.first, only.second) == ("b", "y")
    assert only.comparison.difference.estimate == pytest.approx((12.5 - 11.0) - (10.5 - 10.0))
    assert only.comparison.standard_error == pytest.approx(math.sqrt(4 / 400 * 3 + 4 / 100))
    assert only.comparison.lift is None
    # One contrast: Wald's statistic is its square and says the same.
    assert found.statistic == pytest.approx(only.comparison.statistic**2)
    assert found.p_value == pytest.approx(only.comparison.p_value)
    assert only.adjusted_p == only.comparison.p_value


def test_main_effects_average_over_the_other_experiment() -> None:
    even = main_effect(REVENUE, TWO_BY_TWO, "b", weights="even")
    assert even.difference.estimate == pytest.approx((0.5 + 1.5) / 2)
    # Units of the second's arms: x 500, y 800.
    observed = main_effect(REVENUE, TWO_BY_TWO, "b")
    assert observed.difference.estimate == pytest.approx((500 * 0.5 + 800 * 1.5) / 1300)
    other = main_effect(REVENUE, TWO_BY_TWO, "y", second=True, weights="even")
    assert other.difference.estimate == pytest.approx((1.0 + 2.0) / 2)
    assert other.control.n == 500


@settings(max_examples=30)
@given(seed=st.integers(0, 2**32 - 1), first=st.integers(2, 4), second=st.integers(2, 4))
def test_effects_that_add_up_do_not_interact(seed: int, first: int, second: int) -> None:
    random = np.random.Generator(np.random.PCG64(seed))
    rows, columns = random.normal(size=first), random.normal(size=second)
    cells = {
        (f"a{i}", f"b{j}"): cell(10 + rows[i] + columns[j], n=int(random.integers(50, 500)))
        for i in range(first)
        for j in range(second)
    }
    found = interaction(REVENUE, cells)
    assert found.degrees_of_freedom == len(found.contrasts) == (first - 1) * (second - 1)
    assert found.statistic == pytest.approx(0.0, abs=1e-9)
    assert found.p_value == pytest.approx(1.0, abs=1e-6)
    assert all(contrast.adjusted_p > 0.999 for contrast in found.contrasts)


def test_which_arm_is_called_control_does_not_matter_to_the_joint_test() -> None:
    cells = {(i, j): cell(10 + 0.3 * (i == "c") * (j == "z"), n=200) for i in "abc" for j in "xyz"}
    turned = {(i, j): cells[i, j] for i in "cab" for j in "zxy"}
    assert interaction(REVENUE, turned).statistic == pytest.approx(interaction(REVENUE, cells).statistic)


def test_cells_that_cannot_speak() -> None:
    flat = TWO_BY_TWO | {("b", "y"): cell(12.5, variance=0.0)}
    assert interaction(REVENUE, flat).p_value == 1.0
    few = TWO_BY_TWO | {("b", "y"): Moments.empty(("revenue",))}
    found = interaction(REVENUE, few)
    assert math.isnan(found.statistic)
    assert found.contrasts[0].comparison.p_value == 1.0


def test_wrong_cells_are_named() -> None:
    missing = {key: value for key, value in TWO_BY_TWO.items() if key != ("b", "y")}
    with pytest.raises(ValueError, match=r"^cells: b, y is missing"):
        interaction(REVENUE, missing)
    with pytest.raises(ValueError, match=r"^cells: an interaction needs two arms"):
        interaction(REVENUE, {("a", "x"): cell(1.0), ("b", "x"): cell(1.0)})
    with pytest.raises(ValueError, match=r"^treatment: 'a' is none of b"):
        main_effect(REVENUE, TWO_BY_TWO, "a")
