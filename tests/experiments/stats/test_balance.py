"""The joint test of covariates before an experiment: Hotelling's by hand, its error rate, and what it leaves out."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from experiments.stats.balance import covariate_balance, standardised_difference
from experiments.stats.means import student
from experiments.stats.moments import Moments

COLUMNS = ("pre_orders", "pre_revenue")


def drawn(generator: np.random.Generator, n: int, *, shift: float = 0.0) -> Moments:
    orders = generator.poisson(1.0, n) + shift
    revenue = 20 * orders + generator.exponential(10.0, n)
    return Moments.from_rows(COLUMNS, np.column_stack([orders, revenue]))


def test_one_covariate_is_students_test_squared() -> None:
    generator = np.random.default_rng(1)
    control, treatment = drawn(generator, 40), drawn(generator, 55)
    found = covariate_balance([control, treatment], ["pre_orders"])
    plain = student(control, treatment, "pre_orders")
    assert found.statistic == pytest.approx(plain.statistic**2, rel=1e-12)
    assert found.p_value == pytest.approx(plain.p_value, rel=1e-10)
    assert found.degrees_of_freedom == 1


def test_two_covariates_are_hotellings_test() -> None:
    generator = np.random.default_rng(2)
    rows = [generator.normal(size=(n, 2)) for n in (30, 25)]
    step = rows[1].mean(axis=0) - rows[0].mean(axis=0)
    pooled = (29 * np.cov(rows[0].T) + 24 * np.cov(rows[1].T)) / 53
    found = covariate_balance([Moments.from_rows(COLUMNS, one) for one in rows], COLUMNS)
    assert found.statistic == pytest.approx(30 * 25 / 55 * step @ np.linalg.solve(pooled, step), rel=1e-12)


def test_it_calls_sound_splits_broken_at_the_rate_it_says() -> None:
    generator = np.random.default_rng(3)
    for arms in (2, 4):
        below = [
            covariate_balance([drawn(generator, 300) for _ in range(arms)], COLUMNS).p_value < 0.1 for _ in range(600)
        ]
        assert 0.07 < np.mean(below) < 0.13


def test_a_shift_in_one_arm_of_three_is_found_and_named() -> None:
    generator = np.random.default_rng(4)
    arms = [drawn(generator, 2000), drawn(generator, 2000), drawn(generator, 2000, shift=0.5)]
    found = covariate_balance(arms, COLUMNS)
    assert found.imbalanced
    assert abs(found.differences[0]["pre_orders"]) < 0.1
    assert found.differences[1]["pre_orders"] == pytest.approx(0.5, abs=0.1)
    assert found.largest == max(abs(value) for value in found.differences[1].values())


def test_constant_and_repeated_covariates_are_left_out_of_the_test() -> None:
    generator = np.random.default_rng(5)
    base = generator.normal(size=200)
    rows = np.column_stack([base, 3 * base + 1, np.zeros(200)])
    arms = [Moments.from_rows(("a", "b", "c"), half) for half in (rows[:100], rows[100:])]
    found = covariate_balance(arms, ("a", "b", "c"))
    assert found.covariates == ("a",)
    assert set(found.differences[0]) == {"a", "b", "c"}
    assert found.p_value == pytest.approx(covariate_balance(arms, ("a",)).p_value, rel=1e-12)


@pytest.mark.parametrize("arms", [[], [Moments.empty(COLUMNS)] * 2, [Moments.empty(COLUMNS)]])
def test_without_units_there_is_nothing_to_test(arms: list[Moments]) -> None:
    found = covariate_balance(arms, COLUMNS)
    assert (found.p_value, found.degrees_of_freedom, found.differences) == (1.0, 0, ())
    assert not found.imbalanced


def test_no_covariate_is_nothing_to_test() -> None:
    generator = np.random.default_rng(6)
    found = covariate_balance([drawn(generator, 10), drawn(generator, 10)], [])
    assert (found.p_value, found.degrees_of_freedom, found.largest) == (1.0, 0, 0.0)


def test_a_standardised_difference_has_the_average_spread_below_it() -> None:
    control = Moments.of_summary("x", n=100, mean=1.0, variance=4.0)
    treatment = Moments.of_summary("x", n=900, mean=2.0, variance=12.0)
    assert standardised_difference(control, treatment, "x") == pytest.approx(1 / math.sqrt(8), rel=1e-15)
    still = Moments.of_summary("x", n=10, mean=1.0, variance=0.0)
    assert standardised_difference(still, still, "x") == 0.0
    assert standardised_difference(still, Moments.of_summary("x", n=10, mean=2.0, variance=0.0), "x") == math.inf


def test_the_result_is_safe_for_json() -> None:
    still = [Moments.of_summary("x", n=10, mean=mean, variance=0.0) for mean in (1.0, 2.0)]
    found = json.loads(json.dumps(covariate_balance(still, ["x"]).to_dict(), allow_nan=False))
    assert found["differences"] == [{"x": None}]
    assert found["p_value"] == 1.0
