"""Resampling: same seed, same numbers; the plain resample as witness; known intervals; what cannot be resampled."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experiments.stats import bootstrap
from experiments.stats.bootstrap import METHODS, Floats, bootstrap_means, lift_of_means, return_of_arm, summarise

RANDOM = np.random.Generator(np.random.PCG64(3))
CONTROL = np.column_stack([RANDOM.gamma(2.0, 5.0, 300), RANDOM.gamma(3.0, 1.0, 300)])
TREATMENT = np.column_stack([RANDOM.gamma(2.2, 5.0, 320), RANDOM.gamma(3.1, 1.0, 320)])


def difference(before: Floats, after: Floats) -> Floats:
    return np.asarray(after[:, 0] - before[:, 0])


@pytest.mark.parametrize("method", METHODS)
def test_the_same_seed_gives_the_same_numbers(method: bootstrap.Method) -> None:
    first, again, other = (
        bootstrap_means(CONTROL, TREATMENT, lift_of_means, method=method, resamples=500, seed=seed)
        for seed in (4, 4, 5)
    )
    assert first == again
    assert first.interval != other.interval
    assert (first.method, first.resamples, first.seed) == (method, 500, 4)


def test_blocks_do_not_change_what_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = bootstrap_means(CONTROL, TREATMENT, lift_of_means, resamples=700)
    monkeypatch.setattr(bootstrap, "_BLOCK", 4_000)
    assert bootstrap_means(CONTROL, TREATMENT, lift_of_means, resamples=700).interval.lower == pytest.approx(
        whole.interval.lower, rel=1e-12
    )


def test_a_mean_has_its_known_standard_error_and_interval() -> None:
    found = bootstrap_means(CONTROL, TREATMENT, difference, method="percentile", resamples=20_000)
    error = math.sqrt(CONTROL[:, 0].var() / 300 + TREATMENT[:, 0].var() / 320)
    assert found.standard_error == pytest.approx(error, rel=0.02)
    assert found.interval.lower == pytest.approx(found.interval.estimate - 1.96 * error, abs=0.06 * error)
    assert found.interval.upper == pytest.approx(found.interval.estimate + 1.96 * error, abs=0.06 * error)


def test_counting_distinct_rows_is_the_plain_resample() -> None:
    values = np.array([0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 5.0])[:, None]
    found = bootstrap_means(values, values, difference, method="percentile", resamples=20_000, seed=1)
    random = np.random.Generator(np.random.PCG64(9))
    plain = [values[random.integers(0, 7, (20_000, 7)), 0].mean(axis=1) for _ in range(2)]
    # Means of seven whole numbers: a quantile may lie one seventh beside the other's.
    expected = np.quantile(plain[1] - plain[0], [0.025, 0.975])
    assert (found.interval.lower, found.interval.upper) == pytest.approx(tuple(expected), abs=0.15)
    assert found.standard_error == pytest.approx(float((plain[1] - plain[0]).std()), rel=0.03)


def test_bca_moves_with_the_skew_as_its_formula_says() -> None:
    # Efron's acceleration of a mean is its skewness over 6 sqrt(n); here only the treatment arm has any spread.
    skewed = np.array([1.0] * 30 + [2.0] * 8 + [9.0] * 2)[:, None]
    still = np.ones((5, 1))
    found = bootstrap_means(still, skewed, difference, method="bca", resamples=40_000, seed=2)
    plain = bootstrap_means(still, skewed, difference, method="percentile", resamples=40_000, seed=2)
    assert found.interval.lower > plain.interval.lower
    assert found.interval.upper > plain.interval.upper


@settings(max_examples=25)
@given(shift=st.floats(-1e3, 1e3), scale=st.floats(0.1, 100))
def test_intervals_move_with_the_data(shift: float, scale: float) -> None:
    base = bootstrap_means(CONTROL[:40], TREATMENT[:40], difference, resamples=200)
    moved = bootstrap_means(CONTROL[:40] * scale, TREATMENT[:40] * scale + shift, difference, resamples=200)
    assert moved.interval.lower == pytest.approx(base.interval.lower * scale + shift, abs=1e-7 * (scale + abs(shift)))
    assert moved.standard_error == pytest.approx(base.standard_error * scale, rel=1e-6)


def test_resamples_without_a_denominator_are_told() -> None:
    costs = np.array([[1.0, 0.0], [2.0, 0.0], [3.0, 4.0]])
    found = bootstrap_means(costs, costs, return_of_arm, method="percentile", resamples=2_000)
    assert found.undefined == pytest.approx((2 / 3) ** 3, abs=0.04)
    assert math.isfinite(found.interval.upper)


def test_wrong_input_names_the_field() -> None:
    rows = np.ones((3, 2))
    with pytest.raises(ValueError, match=r"^control: "):
        bootstrap_means(np.empty((0, 2)), rows, difference)
    with pytest.raises(ValueError, match=r"^treatment: "):
        bootstrap_means(rows, [[math.nan, 1.0]], difference)
    with pytest.raises(ValueError, match=r"^resamples: "):
        bootstrap_means(rows, rows, difference, resamples=0)
    with pytest.raises(ValueError, match=r"^method: 'normal'"):
        bootstrap_means(rows, rows, difference, method="normal")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"^confidence: "):
        bootstrap_means(rows, rows, difference, confidence=1.0)
    with pytest.raises(ValueError, match=r"^statistic: "):
        bootstrap_means(rows, rows * 0, return_of_arm)
    with pytest.raises(ValueError, match=r"^method: BCa"):
        summarise(0.0, np.array([0.0, 1.0]), method="bca")
