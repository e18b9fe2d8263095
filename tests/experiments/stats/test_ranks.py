"""Ranks: against scipy on any data, exact counts, symmetry, scale, coherence of the win shares."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from experiments.stats.ranks import mann_whitney, win_shares
from experiments.stats.results import Alternative, Note

VALUES = st.lists(st.integers(-20, 20), min_size=2, max_size=30)
DISTINCT = st.lists(st.integers(-1000, 1000), min_size=2, max_size=24, unique=True)


@given(control=VALUES, treatment=VALUES, alternative=st.sampled_from(["two-sided", "greater", "less"]))
def test_with_ties_it_is_what_scipy_says(control: list[int], treatment: list[int], alternative: Alternative) -> None:
    assume(len({*control, *treatment}) > 1)
    found = mann_whitney(control, treatment, alternative=alternative, exact=False)
    expected = stats.mannwhitneyu(treatment, control, alternative=alternative, method="asymptotic")
    assert found.u == expected.statistic
    assert found.p_value == pytest.approx(float(expected.pvalue), rel=1e-9)


@given(values=DISTINCT, data=st.data(), alternative=st.sampled_from(["two-sided", "greater", "less"]))
def test_exact_by_counting_is_what_scipy_says(values: list[int], data: st.DataObject, alternative: Alternative) -> None:
    cut = data.draw(st.integers(1, len(values) - 1))
    found = mann_whitney(values[:cut], values[cut:], alternative=alternative)
    expected = stats.mannwhitneyu(values[cut:], values[:cut], alternative=alternative, method="exact")
    assert found.exact
    assert found.p_value == pytest.approx(float(expected.pvalue), rel=1e-9)


@given(control=VALUES, treatment=VALUES)
def test_win_shares_are_coherent_and_mirror(control: list[int], treatment: list[int]) -> None:
    found, back = win_shares(control, treatment), win_shares(treatment, control)
    assert found.treatment.value == pytest.approx(mann_whitney(control, treatment).win_share)
    assert found.control.value == pytest.approx(back.treatment.value)
    assert found.p_value == pytest.approx(back.p_value, rel=1e-9)
    if Note.NO_VARIATION in found.notes:
        return
    assert found.significant == (0.0 not in found.difference)
    expected = stats.brunnermunzel(control, treatment)
    assert found.p_value == pytest.approx(float(expected.pvalue), rel=1e-7, abs=1e-12)
    grown = win_shares(*([math.exp(value / 5) for value in side] for side in (control, treatment)))
    assert grown.p_value == pytest.approx(found.p_value)


def test_win_odds() -> None:
    found = win_shares([1, 2, 3, 4], [2, 3, 4, 5])
    # 16 pairs: 10 won + 3 tied halves of them = 11.5 of 16.
    assert found.treatment.value == pytest.approx(11.5 / 16)
    assert found.difference.estimate == pytest.approx(7 / 16)
    assert found.lift is not None
    assert found.lift.estimate == pytest.approx(11.5 / 4.5 - 1)


def test_what_cannot_be_judged() -> None:
    assert mann_whitney([1.0, 1.0], [1.0]).p_value == 1.0
    apart = win_shares([1, 2], [3, 4])
    assert apart.notes == (Note.NO_VARIATION,)
    assert apart.treatment.value == 1.0
    assert mann_whitney([1, 2], [3, 4]).p_value == pytest.approx(1 / 3)
    assert win_shares([1], [0, 2]).notes == (Note.TOO_FEW_UNITS,)


def test_wrong_input_names_the_field() -> None:
    with pytest.raises(ValueError, match=r"^exact: there are ties"):
        mann_whitney([1, 2], [2, 3], exact=True)
    with pytest.raises(ValueError, match=r"^control: "):
        mann_whitney([], [1.0])
    with pytest.raises(ValueError, match=r"^treatment: "):
        win_shares([1.0], np.array([math.nan]))
    with pytest.raises(ValueError, match=r"^alternative: "):
        mann_whitney([1.0], [2.0], alternative="up")  # type: ignore[arg-type]
