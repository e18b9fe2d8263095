"""Sample ratio mismatch: published cases, weight zero, repeated looks."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.stats import sample_ratio


@pytest.mark.parametrize(
    ("counts", "weights", "p_value"),
    [
        ((821588, 815482), (1, 1), 1.821793e-06),  # Kohavi, Tang and Xu (2020), chapter 3, prints 1.8E-6
        ((4072, 2035), (0.8, 0.2), 2.402003e-149),  # PostHog issue 84351 prints 2.40e-149
        ((10030, 9905, 10065), (1, 1, 1), 0.492874846),
        ((9120, 6400), (1, 1), 1.115828e-105),  # Flagsmith's documentation
        ((5010, 4990), (1, 1), 0.841480581),
    ],
)
def test_published_splits(counts: tuple[int, ...], weights: tuple[float, ...], p_value: float) -> None:
    found = sample_ratio.chi_square(counts, weights)
    assert found.p_value == pytest.approx(p_value, rel=1e-6)
    assert found.mismatch is (p_value < 0.001)


def test_an_arm_of_weight_zero_has_no_degree_of_freedom() -> None:
    # Peers' defect: gbstats counts it and gets p .135335.
    found = sample_ratio.chi_square((5100, 4900, 0), (0.5, 0.5, 0))
    assert (found.degrees_of_freedom, round(found.p_value, 6)) == (1, 0.0455)
    for test in (sample_ratio.chi_square, sample_ratio.sequential):
        impossible: Any = test((50, 50, 1), (0.5, 0.5, 0))
        assert (impossible.p_value, impossible.mismatch) == (0.0, True)


def test_nobody_yet_and_one_arm_are_no_mismatch() -> None:
    assert sample_ratio.chi_square((0, 0), (1, 1)).p_value == 1.0
    assert sample_ratio.sequential((0, 0), (1, 1)).p_value == 1.0
    assert sample_ratio.chi_square((7,), (1,)).p_value == 1.0
    assert sample_ratio.sequential((7,), (1,)).p_value == 1.0
    assert sample_ratio.exact_binomial((0, 0), (1, 1)) == 1.0


def test_sequential_path_of_the_authors_package() -> None:
    # ssrm-test 0.1.5 (statistics reference, 5).
    batches = [[520, 480], [530, 470], [525, 475], [540, 460], [515, 485]]
    wide = sample_ratio.sequential_path(batches, (0.5, 0.5), concentration=10_000)
    assert [look.p_value for look in wide] == pytest.approx(
        [0.975235, 0.722136, 0.479850, 0.178840, 0.128625], abs=5e-7
    )
    assert [math.exp(look.statistic) for look in wide] == pytest.approx(
        [1.025394, 1.384780, 2.083986, 5.591583, 7.774550], abs=5e-7
    )
    tight = sample_ratio.sequential_path(batches, (0.5, 0.5), concentration=100)
    assert [look.p_value for look in tight] == pytest.approx([1, 0.423862, 0.147754, 0.010082, 0.009436], abs=5e-7)


def test_what_was_found_once_stays_found() -> None:
    first, second = sample_ratio.sequential_path([[700, 300], [300, 700]], (1, 1), concentration=100)
    assert first.mismatch
    assert second.statistic < first.statistic
    assert second.p_value == first.p_value


@given(
    st.lists(st.integers(0, 50), min_size=3, max_size=3),
    st.lists(st.integers(0, 50), min_size=3, max_size=3),
    st.floats(1, 1e5),
)
def test_the_bayes_factor_depends_on_the_totals_only(first: list[int], second: list[int], concentration: float) -> None:
    weights = (0.5, 0.3, 0.2)
    apart = sample_ratio.sequential_path([first, second], weights, concentration=concentration)[-1]
    total = [a + b for a, b in zip(first, second, strict=True)]
    together = sample_ratio.sequential(total, weights, concentration=concentration)
    assert apart.statistic == pytest.approx(together.statistic, abs=1e-6)
    assert apart.p_value <= together.p_value


def test_hundred_looks_at_healthy_splits_raise_few_flags() -> None:
    # At most 5 % ever reach p < .05, whatever the number of looks; chi-square at each look would flag 37 %.
    random = np.random.Generator(np.random.PCG64(3))
    paths = random.binomial(100, 0.5, (400, 100)).cumsum(axis=1)
    looks = np.arange(100, 10_001, 100)
    flagged = sum(
        any(
            sample_ratio.sequential((int(a), int(n - a)), (1, 1), concentration=100).p_value < 0.05
            for a, n in zip(path[::5], looks[::5], strict=True)
        )
        for path in paths
    )
    naive = (np.abs(paths - looks / 2) / np.sqrt(looks / 4) > 1.96).any(axis=1).sum()
    assert flagged / 400 <= 0.05
    assert naive / 400 > 0.25


def test_a_real_fault_is_found() -> None:
    assert sample_ratio.sequential((52_000, 48_000), (1, 1)).mismatch


@pytest.mark.parametrize(
    ("field", "counts", "weights"),
    [
        ("counts", (-1, 5), (1, 1)),
        ("counts", (1.5, 5), (1, 1)),
        ("counts", (math.nan, 5), (1, 1)),
        ("weights", (1, 5), (1,)),
        ("weights", (1, 5), (-1, 2)),
        ("weights", (1, 5), (0, 0)),
        ("weights", (1, 5), (math.nan, 1)),
        ("weights", (), ()),
    ],
)
def test_what_cannot_be_is_refused_by_name(field: str, counts: tuple[int, ...], weights: tuple[float, ...]) -> None:
    for test in (sample_ratio.chi_square, sample_ratio.sequential):
        with pytest.raises(ValueError, match=rf"^{field}: "):
            test(counts, weights)


def test_more_refusals() -> None:
    with pytest.raises(ValueError, match=r"^concentration: "):
        sample_ratio.sequential((1, 2), (1, 1), concentration=0)
    with pytest.raises(ValueError, match=r"^counts: "):
        sample_ratio.exact_binomial((1, 2, 3), (1, 1, 1))


@pytest.mark.parametrize("running", [True, False])
def test_a_fault_of_one_browser_is_found_within_it(running: bool) -> None:
    counts = {"chrome": (50_100, 49_900), "safari": (9_000, 8_000), "firefox": (2_010, 1_990)}
    whole = sample_ratio.chi_square([sum(arm) for arm in zip(*counts.values(), strict=True)], (1, 1))
    found = sample_ratio.by_value(counts, (1, 1), running=running)
    assert {value for value, one in found.items() if one.mismatch} == {"safari"}
    assert found["safari"].observed == (9_000, 8_000)
    alone = (sample_ratio.sequential if running else sample_ratio.chi_square)((9_000, 8_000), (1, 1))
    # Holm: the least of three is multiplied by three; and a fault of one browser shows more in it than in all.
    assert found["safari"].p_value == pytest.approx(3 * alone.p_value)
    assert found["safari"].p_value < whole.p_value
    assert sample_ratio.by_value({}, (1, 1), running=running) == {}


def test_glaring_faults_among_few_units_and_small_ones_among_many_are_both_found() -> None:
    # Chi-square puts the first at 4e-16; the prior for shifts of a percent alone has p = 0.009.
    assert sample_ratio.sequential([1000, 667], [0.5, 0.5]).mismatch
    assert not sample_ratio.sequential([1000, 667], [0.5, 0.5], concentration=10_000).mismatch
    assert sample_ratio.sequential([700, 500], [0.5, 0.5]).mismatch
    assert sample_ratio.sequential([821_588, 815_482], [0.5, 0.5]).p_value < 0.02
    assert not sample_ratio.sequential([5010, 4990], [0.5, 0.5]).mismatch


def test_the_mixture_cries_wolf_at_most_as_often_as_it_says() -> None:
    rng = np.random.default_rng(4)
    flagged = 0
    for _ in range(2000):
        new = rng.multinomial(200, [0.5, 0.5], 30)
        flagged += sample_ratio.sequential_path(new.tolist(), [0.5, 0.5])[-1].p_value < 0.05
    # At 5 % over 30 looks; three standard errors are 1.5 points.
    assert flagged / 2000 <= 0.05
