"""Quantiles: published figures, shifts, the design effect of clusters, bootstraps against numpy, small samples."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experiments.stats import quantiles
from experiments.stats.means import compare_estimates
from experiments.stats.quantiles import OrderStatistics, Sample, arm_quantile, bootstrap_quantiles, compare_quantiles
from experiments.stats.results import Note
from tests.experiments.stats.golden_rows import arms


def test_a_thousand_whole_numbers() -> None:
    # Statistics reference, 14: gbstats' standard error and t p-value; 1..1000 against 1.1 times that.
    values = np.arange(1.0, 1001.0)
    found = compare_quantiles(Sample(values), Sample(1.1 * values), level=0.5)
    assert found.difference.estimate == pytest.approx(50.05)
    assert found.standard_error == pytest.approx(23.470069, abs=5e-7)
    assert found.p_value == pytest.approx(0.033088203, abs=5e-10)
    high = compare_quantiles(Sample(values), Sample(1.1 * values), level=0.9)
    assert high.difference.estimate == pytest.approx(90.01)
    assert high.standard_error == pytest.approx(14.089088 * math.sqrt(0.999), abs=5e-7)
    assert high.lift is not None
    assert (0 in high.lift) is False


def test_published_bounds() -> None:
    # Statistics reference, 14: gbstats' p90 case.
    control = OrderStatistics(11054, 7.157988, 7.098780, 7.217195).estimate()
    treatment = OrderStatistics(10861, 7.694500, 7.641806, 7.747194).estimate()
    found = compare_estimates(control, treatment, method="quantile")
    assert found.standard_error == pytest.approx(0.040437722, abs=2e-7)
    assert found.difference.estimate == pytest.approx(0.536512, abs=5e-7)


def test_clusters_widen_as_the_bootstrap_of_units_says() -> None:
    control, treatment = (Sample(rows[:, 0], rows[:, 1]) for rows in arms("latency_events", "latency_ms", "user"))
    formula = compare_quantiles(control, treatment, level=0.9)
    resampled = bootstrap_quantiles(control, treatment, level=0.9, resamples=2_000)
    alone = compare_quantiles(Sample(control.values), Sample(treatment.values), level=0.9)
    assert formula.standard_error == pytest.approx(resampled.standard_error, rel=0.1)
    assert alone.standard_error < 0.85 * formula.standard_error
    assert formula.control.n == 300


def test_one_value_a_unit_has_no_design_effect() -> None:
    values = np.random.Generator(np.random.PCG64(1)).normal(size=400)
    alone, clustered = arm_quantile(Sample(values), 0.3), arm_quantile(Sample(values, np.arange(400)), 0.3)
    # n/(n - 1) and the share below at the interpolated quantile.
    assert clustered.standard_error == pytest.approx(alone.standard_error, rel=0.01)


FINITE = st.lists(st.integers(-1000, 1000), min_size=30, max_size=80)


@settings(max_examples=60)
@given(control=FINITE, treatment=FINITE, shift=st.integers(-100, 100), level=st.sampled_from([0.3, 0.5, 0.7]))
def test_shifting_an_arm_shifts_the_difference_and_nothing_else(
    control: list[int], treatment: list[int], shift: int, level: float
) -> None:
    base = compare_quantiles(Sample(control), Sample(treatment), level=level)
    moved = compare_quantiles(Sample(control), Sample([value + shift for value in treatment]), level=level)
    if base.notes == (Note.NO_VARIATION,):
        assert moved.p_value == 1.0
        return
    assert moved.difference.estimate == pytest.approx(base.difference.estimate + shift, abs=1e-9)
    assert moved.difference.lower == pytest.approx(base.difference.lower + shift, abs=1e-8)
    assert moved.standard_error == pytest.approx(base.standard_error)
    assert moved.significant == (0.0 not in moved.difference)


@settings(max_examples=40)
@given(values=st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=12), level=st.floats(0.01, 0.99), data=st.data())
def test_weighted_quantiles_are_those_of_the_repeated_values(
    values: list[float], level: float, data: st.DataObject
) -> None:
    ranked = np.sort(np.array(values))
    times = np.array(data.draw(st.lists(st.integers(0, 3), min_size=len(values), max_size=len(values))))
    times[data.draw(st.integers(0, len(values) - 1))] += 1
    found = quantiles._weighted_quantiles(ranked, times.cumsum()[None, :], level)
    assert found[0] == pytest.approx(float(np.quantile(np.repeat(ranked, times), level)), rel=1e-9, abs=1e-6)


def test_seeds_and_methods_of_the_bootstrap() -> None:
    sides = Sample(np.arange(50.0)), Sample(np.arange(60.0))
    first, again, other = (bootstrap_quantiles(*sides, level=0.5, resamples=300, seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert first.interval != other.interval
    basic = bootstrap_quantiles(*sides, level=0.5, resamples=300, seed=1, method="basic")
    assert basic.interval.lower == pytest.approx(2 * first.interval.estimate - first.interval.upper)
    with pytest.raises(ValueError, match=r"^method: BCa"):
        bootstrap_quantiles(*sides, level=0.5, resamples=10, method="bca")


def test_samples_that_cannot_speak() -> None:
    few = compare_quantiles(Sample([1.0, 2.0, 3.0]), Sample(np.arange(100.0)), level=0.9)
    assert few.notes == (Note.TOO_FEW_UNITS,)
    assert few.p_value == 1.0
    assert compare_quantiles(Sample([]), Sample([1.0]), level=0.5).notes == (Note.TOO_FEW_UNITS,)
    flat = compare_quantiles(Sample(np.zeros(200)), Sample(np.ones(200)), level=0.5)
    assert flat.notes == (Note.NO_VARIATION,)
    lonely = compare_quantiles(Sample(np.arange(100.0), np.zeros(100)), Sample(np.arange(100.0)), level=0.5)
    assert lonely.notes == (Note.TOO_FEW_UNITS,)


def test_wrong_input_names_the_field() -> None:
    good = Sample([1.0, 2.0])
    with pytest.raises(ValueError, match=r"^level: "):
        compare_quantiles(good, good, level=1.0)
    with pytest.raises(ValueError, match=r"^values: "):
        compare_quantiles(good, Sample([math.nan]), level=0.5)
    with pytest.raises(ValueError, match=r"^units: "):
        compare_quantiles(good, Sample([1.0, 2.0], [1]), level=0.5)
    with pytest.raises(ValueError, match=r"^treatment: "):
        bootstrap_quantiles(good, Sample([]), level=0.5)
