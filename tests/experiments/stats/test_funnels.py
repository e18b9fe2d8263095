"""Funnels: steps in order, shares of all and of those before, retention of those old enough, wrong counts."""

from __future__ import annotations

import math

import pytest

from experiments.stats.funnels import funnel, retention, steps_reached
from experiments.stats.proportions import Counts, score

NAMES = ("product", "basket", "order")
NEVER = math.nan


def test_each_step_is_compared_of_all_units_and_of_those_before() -> None:
    steps = funnel([600, 300, 100], [620, 340, 140], names=NAMES, units=(1000, 1000))
    assert [step.name for step in steps] == list(NAMES)
    assert steps[0].conditional is None
    assert steps[2].reached == score(Counts(100, 1000), Counts(140, 1000))
    assert steps[2].conditional == score(Counts(100, 300), Counts(140, 340))


def test_a_step_counts_in_its_order_only() -> None:
    times = [
        [1.0, 2.0, 3.0],
        [1.0, 2.0, 2.0],  # at the same moment is in order
        [1.0, 3.0, 2.0],  # ordered before the basket
        [NEVER, 1.0, 2.0],
        [1.0, NEVER, 2.0],
        [NEVER, NEVER, NEVER],
    ]
    assert steps_reached(times) == [4, 3, 2]


def test_nobody_reaches_the_end() -> None:
    steps = funnel([5, 0, 0], [7, 0, 0], names=NAMES, units=(50, 50))
    assert steps[1].reached.p_value == 1.0
    assert steps[2].conditional is not None
    assert steps[2].conditional.p_value == 1.0
    assert not steps[2].conditional.difference.bounded


def test_retention_counts_only_who_was_followed_long_enough() -> None:
    control = ([0.0, 8.0, 7.0, 2.0, 9.0], [30.0, 30.0, 30.0, 5.0, 10.0])
    treatment = ([0.0, 0.0, 7.0], [30.0, 7.0, 8.0])
    found = retention(control, treatment, day=7)
    assert (found.control.n, found.control.value) == (4, 0.75)
    assert (found.treatment.n, found.treatment.value) == (2, 0.5)


def test_wrong_counts_name_the_arm() -> None:
    with pytest.raises(ValueError, match=r"^treatment: 20 units at step 'basket', more than the 10 before it"):
        funnel([10, 5, 1], [10, 20, 1], names=NAMES, units=(50, 50))
    with pytest.raises(ValueError, match=r"^control: 60 units at step 'product'"):
        funnel([60, 5, 1], [10, 5, 1], names=NAMES, units=(50, 50))
    with pytest.raises(ValueError, match=r"^control: 2 counts for 3 steps"):
        funnel([10, 5], [10, 5, 1], names=NAMES, units=(50, 50))
    with pytest.raises(ValueError, match=r"^times: "):
        steps_reached([1.0, 2.0])
    with pytest.raises(ValueError, match=r"^day: "):
        retention(([1.0], [2.0]), ([1.0], [2.0]), day=0)
    with pytest.raises(ValueError, match=r"^treatment: "):
        retention(([1.0], [2.0]), ([1.0], [2.0, 3.0]), day=1)
