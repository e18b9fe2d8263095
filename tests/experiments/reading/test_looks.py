"""When a look is due, when the next one is, and what the last one knows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.reading import looks


@pytest.mark.parametrize(
    ("units", "taken", "due", "next_at"),
    [
        (0, 0, None, 250),
        (249, 0, None, 250),
        (250, 0, 1, 500),
        (499, 1, None, 500),
        (760, 1, 3, 1000),
        (1000, 3, 4, None),
        (1400, 4, None, None),
    ],
)
def test_four_looks_at_a_thousand_units(units: int, taken: int, due: int | None, next_at: int | None) -> None:
    assert looks.due(units, planned=1000, looks=4, taken=taken) == due
    assert looks.next_at(units, planned=1000, looks=4) == next_at


@given(planned=st.integers(1, 10**9), count=st.integers(1, 50), units=st.integers(0, 2 * 10**9))
def test_the_next_look_is_due_exactly_when_it_says(planned: int, count: int, units: int) -> None:
    taken = min(units * count // planned, count)
    at = looks.next_at(units, planned=planned, looks=count)
    if at is None:
        assert taken == count
    else:
        assert looks.due(at, planned=planned, looks=count, taken=taken) is not None
        assert looks.due(at - 1, planned=planned, looks=count, taken=taken) is None


def test_only_far_beyond_the_plan_is_it_overrun() -> None:
    assert not looks.overrun(1100, planned=1000)
    assert looks.overrun(1101, planned=1000)


def test_late_units_count_with_the_look_that_was_full() -> None:
    assert looks.final_information([0.25, 0.5], 900, planned=1000) == (0.25, 0.5, 0.9)
    assert looks.final_information([0.25, 1.0], 1040, planned=1000) == (0.25, 1.04)
    with pytest.raises(ValueError, match="units: there are none"):
        looks.final_information([], 0, planned=1000)
