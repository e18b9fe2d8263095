"""Bins: full, exact, in an order that seed and step alone decide."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models_ml.nn.tuning.packing import Order, best_fit, fitting_capacity, micro_batches

LENGTHS = st.lists(st.integers(1, 50), min_size=1, max_size=80)


def test_best_fit_fills_the_fullest_bin_that_takes_the_row() -> None:
    lengths = np.array([6, 5, 4, 3, 2, 10])
    assert best_fit(lengths, range(6), capacity=10) == [(5,), (0, 2), (1, 3, 4)]


@given(LENGTHS, st.integers(50, 120))
def test_every_row_is_in_one_bin_and_no_bin_is_over_full(values: list[int], capacity: int) -> None:
    lengths = np.array(values)
    bins = best_fit(lengths, range(len(values)), capacity=capacity)
    assert sorted(row for one in bins for row in one) == list(range(len(values)))
    assert max(sum(lengths[list(one)]) for one in bins) <= capacity
    # any two bins together would overflow, else the second's rows had gone into the first
    fills = sorted(int(sum(lengths[list(one)])) for one in bins)
    assert len(fills) < 2 or fills[0] + fills[1] > capacity
    assert len(bins) <= 11 / 9 * -(-sum(values) // capacity) + 2 + len(values) * 0.5


def test_a_row_longer_than_the_capacity_gets_a_bin_of_its_own() -> None:
    assert best_fit(np.array([12, 3, 3]), range(3), capacity=10) == [(0,), (1, 2)]


def test_bins_are_shortened_while_short_rows_still_fill_them() -> None:
    short = np.random.default_rng(0).integers(5, 60, 2000)
    assert fitting_capacity(short, most=512) == 64
    assert fitting_capacity(np.full(500, 42), most=512) == 128  # three fill 98 % of 128, one but 66 % of 64
    assert fitting_capacity(np.array([300, 10, 10]), most=512) == 512


def test_packing_skewed_lengths_leaves_less_than_three_percent_empty() -> None:
    lengths = np.clip(np.random.default_rng(0).lognormal(4, 0.8, 3000).astype(np.int64), 5, 512)
    order = Order(lengths, seed=1, bins_a_step=4, capacity=512)
    assert lengths.sum() / (len(order.bins) * 512) > 0.97


@settings(max_examples=40)
@given(LENGTHS, st.integers(1, 7), st.integers(0, 5), st.booleans())
def test_an_epoch_reads_each_row_once_in_any_order(values: list[int], step: int, seed: int, packed: bool) -> None:
    order = Order(np.array(values), seed=seed, bins_a_step=step, capacity=60 if packed else None)
    count = len(order.bins)
    places = [order._at(place) for place in range(2 * count)]
    for epoch in (places[:count], places[count:]):
        assert sorted(row for one in epoch for row in one) == list(range(len(values)))
    assert order.steps(2) == -(-2 * count // step)


def test_steps_do_not_depend_on_what_was_asked_before() -> None:
    lengths = np.arange(1, 60)
    fresh, used = (Order(lengths, seed=3, bins_a_step=5) for _ in range(2))
    for index in range(30):
        used.step(index)
    assert fresh.step(25) == used.step(25)
    assert fresh.step(2) == used.step(2)
    assert Order(lengths, seed=4, bins_a_step=5).step(2) != fresh.step(2)


def test_unpacked_steps_hold_rows_of_like_length() -> None:
    lengths = np.random.default_rng(1).integers(5, 200, 400)
    order = Order(lengths, seed=1, bins_a_step=8)
    padded = sum(8 * max(lengths[row] for (row,) in order.step(index)) for index in range(50))
    assert lengths.sum() / padded > 0.9
    mean = [float(np.mean([lengths[row] for (row,) in order.step(index)])) for index in range(50)]
    assert abs(np.corrcoef(mean, range(50))[0, 1]) < 0.5  # the steps themselves are mixed


def test_pairs_stay_together() -> None:
    order = Order(np.array([3, 4, 9, 9, 1, 2]), seed=1, bins_a_step=2, rows_a_bin=2)
    assert sorted(order.bins) == [(0, 1), (2, 3), (4, 5)]
    assert set(order.step(0)) <= {(0, 1), (2, 3), (4, 5)}


@pytest.mark.parametrize(("count", "parts", "sizes"), [(8, 2, [4, 4]), (7, 3, [2, 2, 3]), (4, 4, [1, 1, 1, 1])])
def test_micro_batches_share_a_step_evenly(count: int, parts: int, sizes: list[int]) -> None:
    bins = [(row,) for row in range(count)]
    cut = micro_batches(bins, parts=parts)
    assert [len(part) for part in cut] == sizes
    assert [one for part in cut for one in part] == bins


def test_the_epoch_of_a_step_counts_bins() -> None:
    order = Order(np.ones(10, dtype=np.int64), seed=1, bins_a_step=4)
    assert [order.epoch_of(step) for step in range(6)] == [0, 0, 0, 1, 1, 2]
