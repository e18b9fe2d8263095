"""Capped and trimmed means: learning the cap, what the cap lowers, Yuen by hand, the untrimmed limit."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.stats.means import welch
from experiments.stats.moments import Moments
from experiments.stats.results import Note
from experiments.stats.robust import capped_mean, learn_cap, trimmed_mean

VALUES = st.lists(st.integers(0, 1000), min_size=2, max_size=40)


def test_the_cap_is_learned_from_both_arms() -> None:
    assert learn_cap([0, 0, 1, 2], [3, 4, 5], level=0.5) == 2.0
    assert learn_cap([0, 0, 1, 2], [3, 4, 5], level=0.5, ignore_zeros=True) == 3.0
    assert learn_cap([0.0], [0.0], level=0.9, ignore_zeros=True) == math.inf
    assert learn_cap([1.0, 9.0], [2.0], level=1.0) == 9.0


@given(control=VALUES, treatment=VALUES)
def test_no_cap_and_no_trim_are_welch(control: list[int], treatment: list[int]) -> None:
    before, after = (Moments.from_rows(("y",), np.array(side)[:, None]) for side in (control, treatment))
    plain = welch(before, after, "y")
    free = capped_mean(control, treatment, cap=math.inf)
    assert free.lowered == 0
    assert free.comparison.p_value == pytest.approx(plain.p_value)
    assert trimmed_mean(control, treatment, trim=0.0).p_value == pytest.approx(plain.p_value)


@given(control=VALUES, treatment=VALUES, level=st.floats(0.5, 1))
def test_a_cap_never_raises_a_mean_and_the_order_of_units_is_nothing(
    control: list[int], treatment: list[int], level: float
) -> None:
    cap = learn_cap(control, treatment, level=level)
    found = capped_mean(control, treatment, cap=cap)
    assert found.comparison.control.value <= np.mean(control) + 1e-9
    assert found.lowered == sum(value > cap for value in [*control, *treatment])
    assert found.comparison.significant == (0.0 not in found.comparison.difference)
    assert capped_mean(control[::-1], treatment[::-1], cap=cap).comparison.p_value == pytest.approx(
        found.comparison.p_value
    )


def test_yuen_by_hand() -> None:
    # One of each end cut from 1..10 and 100: mean of 2..10 is 6; winsorised squares around 6: 2 * 16 + (16 + 9 + 4 + 1)
    # * 2 = 92.
    values = [*range(1, 11), 100]
    found = trimmed_mean(values, [value + 5 for value in values], trim=0.1)
    assert (found.control.n, found.control.value) == (9, 6.0)
    assert found.control.standard_error == pytest.approx(math.sqrt(92 / (9 * 8)))
    assert found.difference.estimate == 5.0
    assert found.degrees_of_freedom == pytest.approx(16.0)


def test_what_cannot_be_judged() -> None:
    assert trimmed_mean([1.0, 2.0], [1.0, 2.0, 3.0], trim=0.4).notes == (Note.TOO_FEW_UNITS,)
    assert trimmed_mean([], [1.0, 2.0, 3.0]).notes == (Note.TOO_FEW_UNITS,)
    assert capped_mean([5.0, 6.0], [7.0, 8.0], cap=1.0).comparison.notes == (Note.NO_VARIATION,)


def test_wrong_input_names_the_field() -> None:
    with pytest.raises(ValueError, match=r"^level: "):
        learn_cap([1.0], [1.0], level=0.0)
    with pytest.raises(ValueError, match=r"^cap: "):
        capped_mean([1.0], [1.0], cap=math.nan)
    with pytest.raises(ValueError, match=r"^trim: "):
        trimmed_mean([1.0], [1.0], trim=0.5)
    with pytest.raises(ValueError, match=r"^control: "):
        trimmed_mean([math.inf], [1.0])
