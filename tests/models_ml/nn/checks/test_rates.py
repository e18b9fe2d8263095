"""Shares with Wilson's interval."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.proportion import proportion_confint

from models_ml.nn.checks import Rate


@pytest.mark.parametrize(("count", "total"), [(0, 100), (1, 100), (5, 10), (50, 50), (199, 200), (1, 1)])
def test_the_interval_is_that_of_an_independent_library(count: int, total: int) -> None:
    low, high = proportion_confint(count, total, method="wilson")
    assert Rate(count, total).interval == pytest.approx((low, high), abs=1e-12)


@given(st.integers(1, 500).flatmap(lambda total: st.tuples(st.integers(0, total), st.just(total))))
def test_the_interval_holds_the_share(pair: tuple[int, int]) -> None:
    rate = Rate(*pair)
    low, high = rate.interval
    assert rate.share is not None
    assert 0 <= low <= rate.share <= high <= 1


def test_of_nothing_nothing_is_known() -> None:
    assert Rate.of([]).share is None
    assert Rate.of([]).interval == (0.0, 1.0)
    assert Rate.of([True, False, False]).to_json() == {
        "count": 1,
        "total": 3,
        "share": 1 / 3,
        "low": pytest.approx(0.0614919, rel=1e-5),
        "high": pytest.approx(0.7923404, rel=1e-5),
    }
