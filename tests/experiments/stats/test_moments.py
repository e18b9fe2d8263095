"""Moments: merging is joining, removing undoes it, order does not matter, and a huge mean keeps its variance."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.stats.moments import Floats, Moments

COLUMNS = ("clicks", "revenue")
number = st.floats(-1e6, 1e6)
samples = st.lists(st.tuples(number, number), min_size=0, max_size=30)


def of(rows: list[tuple[float, float]]) -> Moments:
    return Moments.from_rows(COLUMNS, np.array(rows, dtype=np.float64).reshape(-1, 2))


def assert_close(got: Moments, expected: Moments, whole: Floats) -> None:
    """Equal up to the rounding that the largest numbers involved (those of `whole`, shape (n, 2)) allow."""
    assert (got.columns, got.n) == (expected.columns, expected.n)
    scale = float(np.abs(whole).max(initial=1.0))
    assert got.mean_vector == pytest.approx(expected.mean_vector, rel=1e-9, abs=1e-12 * scale)
    assert got.cross == pytest.approx(expected.cross, rel=1e-9, abs=1e-12 * scale**2 * max(len(whole), 1))


@given(samples, samples)
def test_merging_is_joining(left: list[tuple[float, float]], right: list[tuple[float, float]]) -> None:
    assert_close(of(left) + of(right), of(left + right), np.array([*left, *right]).reshape(-1, 2))


@given(samples, samples)
def test_removing_undoes_merging(left: list[tuple[float, float]], right: list[tuple[float, float]]) -> None:
    assert_close((of(left) + of(right)) - of(right), of(left), np.array([*left, *right]).reshape(-1, 2))


@given(st.lists(samples, min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_order_and_grouping_do_not_matter(parts: list[list[tuple[float, float]]], random: Any) -> None:
    shuffled = random.sample(parts, len(parts))
    whole = [row for part in parts for row in part]
    forward, backward = Moments.empty(COLUMNS), Moments.empty(COLUMNS)
    for part in parts:
        forward = forward + of(part)
    for part in shuffled:
        backward = of(part) + backward
    assert_close(forward, backward, np.array(whole).reshape(-1, 2))


def test_a_mean_of_1e8_keeps_its_variance() -> None:
    values = np.random.Generator(np.random.PCG64(1)).normal(1e8, 1.0, (10_000, 1))
    merged = Moments.empty(("y",))
    for part in np.array_split(values, 100):
        merged = merged + Moments.from_rows(("y",), part)
    expected = float(np.var(values - 1e8, ddof=1))
    assert merged.variance("y") == pytest.approx(expected, rel=1e-9)
    raw = (float((values**2).sum()) - float(values.sum()) ** 2 / 10_000) / 9_999
    assert abs(raw - expected) > 0.01, "the sum-of-squares form would have done: this test shows nothing"


def test_folding_out_and_in_ten_thousand_times_stays_true() -> None:
    random = np.random.Generator(np.random.PCG64(2))
    rows = random.lognormal(3, 1, (500, 2))
    moments = Moments.from_rows(COLUMNS, rows)
    for _ in range(10_000):
        at, fresh = random.integers(500), random.lognormal(3, 1, (1, 2))
        moments = moments - Moments.from_rows(COLUMNS, rows[at : at + 1]) + Moments.from_rows(COLUMNS, fresh)
        rows[at] = fresh[0]
    expected = Moments.from_rows(COLUMNS, rows)
    assert moments.n == 500
    assert moments.mean_vector == pytest.approx(expected.mean_vector, rel=1e-9)
    assert moments.cross == pytest.approx(expected.cross, rel=1e-9)


def test_figures_of_a_small_sample_by_hand() -> None:
    moments = of([(1, 10), (2, 30), (3, 20)])
    assert (moments.mean("clicks"), moments.mean("revenue"), moments.mean(None)) == (2, 20, 1)
    assert (moments.variance("clicks"), moments.variance("revenue"), moments.variance(None)) == (1, 100, 0)
    assert (moments.covariance("clicks", "revenue"), moments.covariance("clicks", None)) == (5, 0)
    assert moments.total("revenue") == 60
    assert moments.select(["revenue"]) == Moments.from_rows(("revenue",), [[10], [30], [20]])


@pytest.mark.parametrize("moments", [of([]), of([(0.1, 1 / 3)]), of([(0.1, -1e140), (1 / 3, 1e-300), (7, 5)])])
def test_json_gives_back_the_same_value(moments: Moments) -> None:
    again = Moments.from_dict(json.loads(json.dumps(moments.to_dict(), allow_nan=False)))
    assert again == moments
    assert hash(again) == hash(moments)


def test_json_gives_back_moments_of_no_column() -> None:
    assert Moments.from_dict(Moments.empty(()).to_dict()) == Moments.empty(())


def test_equality_sees_every_part() -> None:
    base = of([(1, 2), (3, 5)])
    assert base == of([(1, 2), (3, 5)])
    assert base != of([(1, 2), (3, 6)])
    assert base != base.select(["revenue", "clicks"])
    assert base != "moments"


def test_a_value_cannot_be_changed() -> None:
    moments = of([(1, 2), (3, 5)])
    with pytest.raises(ValueError, match="read-only"):
        moments.mean_vector[0] = 9
    with pytest.raises(AttributeError):
        moments.n = 9  # type: ignore[misc]


def test_from_known_figures() -> None:
    ones_and_zeros = Moments.from_rows(("y",), [[1], [0], [0], [1], [1]])
    assert Moments.of_proportion("y", successes=3, n=5).mean("y") == ones_and_zeros.mean("y")
    assert Moments.of_proportion("y", successes=3, n=5).variance("y") == pytest.approx(ones_and_zeros.variance("y"))
    assert Moments.of_proportion("y", successes=0, n=0) == Moments.empty(("y",))
    assert Moments.of_summary("y", n=8, mean=2.0, variance=3.0).variance("y") == 3.0
    sums = Moments.of_sums({"clicks": 6, "revenue": 60}, _SQUARES, n=3)
    assert sums.cross == pytest.approx(of([(1, 10), (2, 30), (3, 20)]).cross)


def test_a_constant_metric_is_never_refused_for_its_rounding() -> None:
    # Peers' defect: PostHog checks sum of squares >= sum^2/n exactly, and refuses the constant 0.7 at most sample
    # sizes.
    total = squares = 0.0
    refused = 0
    for n in range(1, 2_000):
        total, squares = total + 0.7, squares + 0.7 * 0.7
        refused += squares < total**2 / n
        found = Moments.of_sums({"y": total}, {("y", "y"): squares}, n=n)
        assert 0 <= float(found.cross[0, 0]) < 1e-8
    assert refused > 500, "rounding never went below zero: this test shows nothing"


def test_removing_a_constant_leaves_no_negative_variance() -> None:
    part = Moments.from_rows(("y",), np.full((3, 1), 0.1))
    noisy = Moments.from_rows(("y",), np.full((7, 1), 0.7))
    for count in range(1, 200):
        noisy = noisy + part
        assert (noisy - Moments.from_rows(("y",), np.full((count, 1), 0.1))).variance("y") >= 0


_SQUARES = {("clicks", "clicks"): 14, ("revenue", "revenue"): 1400, ("revenue", "clicks"): 130}


@pytest.mark.parametrize(
    ("field", "make"),
    [
        ("n", lambda: of([(1, 2)]) - of([(1, 2), (3, 4)])),
        ("clicks", lambda: of([(1, 2), (1, 2), (1, 2)]) - of([(0, 2), (9, 2)])),
        ("columns", lambda: of([(1, 2)]) + Moments.from_rows(("clicks",), [[1]])),
        ("columns", lambda: of([(1, 2)]) - of([(1, 2)]).select(["revenue", "clicks"])),
        ("columns", lambda: Moments.empty(("a", "a"))),
        ("matrix", lambda: Moments.from_rows(COLUMNS, [[1.0, math.nan]])),
        ("matrix", lambda: Moments.from_rows(COLUMNS, [[1.0, math.inf]])),
        ("matrix", lambda: Moments.from_rows(COLUMNS, [[1.0, 1e200]])),
        ("matrix", lambda: Moments.from_rows(COLUMNS, [[1.0]])),
        ("successes", lambda: Moments.of_proportion("y", successes=6, n=5)),
        ("successes", lambda: Moments.of_proportion("y", successes=-1, n=5)),
        ("n", lambda: Moments.of_proportion("y", successes=0, n=-1)),
        ("variance", lambda: Moments.of_summary("y", n=5, mean=1.0, variance=-1.0)),
        ("mean", lambda: Moments.of_summary("y", n=5, mean=math.nan, variance=1.0)),
        ("n", lambda: Moments.of_summary("y", n=-5, mean=1.0, variance=1.0)),
        ("squares", lambda: Moments.of_sums({"clicks": 6}, {("clicks", "clicks"): 11}, n=3)),
        ("squares", lambda: Moments.of_sums({"clicks": 6}, {}, n=3)),
        ("cross", lambda: Moments.from_dict({"columns": ["y"], "n": 1, "mean": [1.0]})),
        ("mean_vector", lambda: Moments.from_dict({"columns": ["y"], "n": 1, "mean": [1.0, 2.0], "cross": [[0.0]]})),
        ("cost", lambda: of([(1, 2)]).mean("cost")),
        ("clicks", lambda: of([]).mean("clicks")),
        ("clicks", lambda: of([(1, 2)]).variance("clicks")),
    ],
)
def test_what_cannot_be_is_refused_by_name(field: str, make: Any) -> None:
    with pytest.raises(ValueError, match=rf"^{field}\b"):
        make()


def test_refusing_leaves_the_value_as_it_was() -> None:
    moments, before = of([(1, 2)]), of([(1, 2)])
    with pytest.raises(ValueError, match="cannot take 2 units from 1"):
        moments - of([(1, 2), (3, 4)])
    assert moments == before


def test_one_unit_left_has_no_spread() -> None:
    left = of([(0.1, 1e6), (0.3, 7.0)]) - of([(0.3, 7.0)])
    assert left.n == 1
    assert (left.cross == 0).all()


def test_what_is_known_to_be_in_can_be_taken_out_when_only_rounding_is_left() -> None:
    # Units that come to have all the same clicks: their spread is rounding, and a share of it says nothing.
    rng = np.random.default_rng(3)
    value, rows = Moments.empty(COLUMNS), [[float(clicks), 0.1 * clicks] for clicks in rng.integers(0, 4, 500)]
    for row in rows:
        value = value + Moments.from_rows(COLUMNS, [row])
    for row in rows:
        value = (value + Moments.from_rows(COLUMNS, [[3.0, 0.3]])).without(Moments.from_rows(COLUMNS, [row]))
    assert value.n == 500
    assert value.mean_vector == pytest.approx([3.0, 0.3], abs=1e-12)
    assert (np.diag(value.cross) >= 0).all()
    assert value.cross == pytest.approx(np.zeros((2, 2)), abs=1e-10)
    for _ in range(499):
        value = value.without(Moments.from_rows(COLUMNS, [[3.0, 0.3]]))
    assert value.n == 1
    assert (value.cross == 0).all()
    with pytest.raises(ValueError, match="cannot take 2 units from 1"):
        value.without(Moments.from_rows(COLUMNS, [[3.0, 0.3]] * 2))


def test_taking_out_with_the_check_refuses_that_rounding() -> None:
    # Three times 0.1, with a mean that is one rounding off.
    near = Moments(("x",), 3, np.array([0.1 + 1e-16]), np.zeros((1, 1)))
    part = Moments.from_rows(("x",), [[0.1]])
    with pytest.raises(ValueError, match="x: the part holds more spread than the whole"):
        near - part
    assert near.without(part).n == 2
