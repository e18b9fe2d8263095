"""The exact comparison of small counts: its error rate by enumeration, coherence at any counts, mirrors and edges."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from experiments.stats import proportions
from experiments.stats.contingency import fisher_exact
from experiments.stats.exact_pairs import exact_pair
from experiments.stats.inference import Reading
from experiments.stats.proportions import Counts, small_counts
from experiments.stats.results import Note


def test_the_error_rate_is_kept_for_every_true_rate() -> None:
    """All tables of 9 and 14 units, all rates on a fine grid: the exact test never errs in more than 5 %; the z test
    does, and Fisher's wastes what this one uses.
    """
    sizes, rates = (9, 14), np.linspace(0.005, 0.995, 199)
    chances = [np.asarray(stats.binom.pmf(np.arange(size + 1)[:, None], size, rates)) for size in sizes]
    errors = {"exact": np.zeros_like(rates), "score": np.zeros_like(rates), "fisher": np.zeros_like(rates)}
    for first in range(sizes[0] + 1):
        for second in range(sizes[1] + 1):
            table = Counts(first, sizes[0]), Counts(second, sizes[1])
            chance = chances[0][first] * chances[1][second]
            found = {
                "exact": exact_pair((first, sizes[0]), (second, sizes[1]), alpha=0.05).two_sided,
                "score": proportions.score(*table).p_value,
                "fisher": fisher_exact(*table).p_value,
            }
            for name, p_value in found.items():
                errors[name] += chance * (p_value <= 0.05)
    assert errors["exact"].max() <= 0.05
    assert errors["score"].max() > 0.055
    assert errors["fisher"].max() < 0.035
    assert errors["exact"].max() > 0.039


ARM = st.integers(1, 60).flatmap(lambda n: st.builds(Counts, st.integers(0, n), st.just(n)))
LARGE = st.integers(200, 50_000).flatmap(
    lambda n: st.builds(lambda few, failures: Counts(n - few if failures else few, n), st.integers(0, 9), st.booleans())
)


@settings(max_examples=60)
@given(control=st.one_of(ARM, LARGE), treatment=st.one_of(ARM, LARGE), confidence=st.sampled_from([0.8, 0.95, 0.99]))
def test_the_p_value_and_both_intervals_say_the_same(control: Counts, treatment: Counts, confidence: float) -> None:
    found = small_counts(control, treatment, reading=Reading(confidence))
    assert found.significant == (0.0 not in found.difference)
    assert found.difference.lower <= found.difference.estimate <= found.difference.upper
    if found.lift is not None:
        assert found.significant == (0.0 not in found.lift)
        assert found.lift.lower <= found.lift.estimate <= found.lift.upper
    assert min(found.p_value / 2, 1 - found.p_value / 2) == pytest.approx(
        min(found.chance_to_win, 1 - found.chance_to_win)
    )


@settings(max_examples=40)
@given(control=ARM, treatment=ARM)
def test_exchanging_arms_or_outcomes_mirrors_the_result(control: Counts, treatment: Counts) -> None:
    found = small_counts(control, treatment)
    back = small_counts(treatment, control)
    failures = small_counts(*(Counts(side.n - side.successes, side.n) for side in (control, treatment)))
    for mirror in (back, failures):
        assert mirror.p_value == pytest.approx(found.p_value, rel=1e-9)
        assert mirror.difference.lower == pytest.approx(-found.difference.upper, abs=1e-9)
        assert mirror.difference.upper == pytest.approx(-found.difference.lower, abs=1e-9)


def test_a_known_table() -> None:
    # 7 of 15 against 12 of 15: Suissa and Shuster's unconditional z test (one-sided, maximised over all rates) has
    # .0341 by direct maximisation; Fisher's one-sided p is .064.
    pair = exact_pair((7, 15), (12, 15), alpha=0.05)
    rates = np.linspace(0.001, 0.999, 999)
    chances = np.asarray(stats.binom.pmf(np.arange(16)[:, None], 15, rates))
    observed = 5 / math.sqrt(19 * 11)
    reached = sum(
        chances[first] * chances[second]
        for first in range(16)
        for second in range(16)
        if first + second not in (0, 30)
        and (second - first) / math.sqrt((first + second) * (30 - first - second)) >= observed - 1e-12
    )
    assert pair.greater == pytest.approx(float(np.max(reached)), abs=2e-5)
    assert pair.greater < fisher_exact(Counts(7, 15), Counts(12, 15), alternative="greater").p_value


def test_the_exact_edge_stands_where_the_score_interval_would_contradict() -> None:
    control, treatment = Counts(10_000, 1_000_000), Counts(4, 100)
    assert proportions.score(control, treatment).p_value < 0.003
    found = small_counts(control, treatment)
    assert found.method == "exact"
    assert 0.01 < found.p_value < 0.05
    assert 0 < found.difference.lower < proportions.score(control, treatment).difference.lower
    assert Note.SMALL_COUNTS in found.notes


def test_no_success_at_all_and_one_sided_zero() -> None:
    none = small_counts(Counts(0, 50), Counts(0, 50))
    assert (none.p_value, none.chance_to_win) == (1.0, 0.5)
    assert none.difference == proportions.score(Counts(0, 50), Counts(0, 50)).difference
    first = small_counts(Counts(0, 1000), Counts(9, 1000))
    assert first.lift is None
    assert first.difference.lower > 0
    assert first.p_value < 0.01


def test_large_counts_stay_with_the_score_test() -> None:
    large = Counts(100, 1000), Counts(130, 1000)
    assert small_counts(*large) == proportions.score(*large)
    assert small_counts(Counts(0, 0), Counts(1, 3)).notes == (Note.TOO_FEW_UNITS,)
    with pytest.raises(ValueError, match=r"^alternative: "):
        small_counts(*large, reading=Reading(alternative="greater"))
