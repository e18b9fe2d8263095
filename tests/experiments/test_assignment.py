"""Assignment: published vectors, the laws it must keep, and the fast path equal to the plain one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experiments.assignment import (
    AssignmentPlan,
    HeldOut,
    Namespace,
    Reason,
    assign,
    assign_many,
    bucket_ranges,
    choose_variation,
    equal_weights,
    fnv1a32,
    forced_variation,
    hash_value,
    is_held_out,
)
from experiments.javascript import unit_key

HALVES = AssignmentPlan("checkout-button", (0.5, 0.5))

# Any text, and more often what is awkward (lone surrogates, pairs, newlines, NUL): identifiers come from other systems.
units = st.text(st.characters(codec=None, exclude_categories=()), max_size=80) | st.text("a1\n\0\u00e9\ud83d\U0001f600")
weights = st.lists(st.integers(1, 100), min_size=1, max_size=6).map(lambda parts: tuple(p / sum(parts) for p in parts))
plans = st.builds(
    AssignmentPlan,
    seed=units,
    weights=weights,
    coverage=st.floats(0, 1),
    hash_version=st.sampled_from([1, 2]),
    namespace=st.none()
    | st.builds(
        lambda key, ends: Namespace(key, min(ends), max(ends)),
        units,
        st.tuples(st.floats(0, 1), st.floats(0, 1)),
    ),
    holdouts=st.lists(st.builds(HeldOut, units, st.floats(0, 1)), max_size=2),
    dropped=st.frozensets(st.integers(0, 5), max_size=3),
)


@pytest.mark.parametrize(("text", "expected"), [("", 0x811C9DC5), ("a", 0xE40C292C), ("foobar", 0xBF9CF968)])
def test_fnv_matches_its_authors_vectors(text: str, expected: int) -> None:
    # Noll's published FNV-1a test suite (isthe.com/chongo/tech/comp/fnv).
    assert fnv1a32(text) == expected


def test_fnv_takes_a_surrogate_pair_as_two_units_and_long_texts_as_short_ones() -> None:
    assert fnv1a32("\U0001f600") == fnv1a32("\ud83d\ude00")
    assert fnv1a32("x" * 200) == fnv1a32("x" * 150, fnv1a32("x" * 50)) == fnv1a32("x" * 40, fnv1a32("x" * 160))


def test_hash_of_an_unknown_version_is_none() -> None:
    assert hash_value("def", "abc", 99) is None


@settings(max_examples=150, deadline=None)
@given(plan=plans, column=st.lists(units, max_size=30))
def test_a_column_is_assigned_as_each_of_its_units(plan: AssignmentPlan, column: list[str]) -> None:
    assert assign_many(column, plan).tolist() == [assign(unit, plan).variation for unit in column]


def test_a_column_longer_than_a_chunk_and_as_an_array() -> None:
    column = [f"user_{index}" for index in range(40_000)]
    expected = [assign(unit, HALVES).variation for unit in column]
    assert assign_many(column, HALVES).tolist() == expected
    assert assign_many(np.array(column), HALVES).tolist() == expected
    assert assign_many([], HALVES).shape == (0,)


@pytest.mark.parametrize("column", [["a", 1], [b"a"], np.array([1, 2])])
def test_a_column_of_something_else_than_text_is_refused(column: list[str]) -> None:
    with pytest.raises(TypeError):
        assign_many(column, HALVES)


@settings(max_examples=100, deadline=None)
@given(unit=units.filter(bool), plan=plans, more=st.floats(0, 1))
def test_raising_the_coverage_moves_nobody(unit: str, plan: AssignmentPlan, more: float) -> None:
    low, high = sorted((plan.coverage, more))
    # Many units a plan, since a range that starts elsewhere takes few from their arm.
    column = [unit, *(f"{unit}-{index}" for index in range(200))]
    before, after = (assign_many(column, replace(plan, coverage=coverage)) for coverage in (low, high))
    assert (after[before >= 0] == before[before >= 0]).all()
    first, second = (assign(unit, replace(plan, coverage=coverage)) for coverage in (low, high))
    assert first.reason is not Reason.ARM_DROPPED or second.reason is Reason.ARM_DROPPED


@settings(max_examples=200, deadline=None)
@given(unit=units.filter(bool), plan=plans, arm=st.integers(0, 5))
def test_dropping_an_arm_moves_nobody_else(unit: str, plan: AssignmentPlan, arm: int) -> None:
    before, after = assign(unit, plan), assign(unit, replace(plan, dropped=plan.dropped | {arm}))
    if before.variation == arm:
        assert (after.variation, after.reason) == (-1, Reason.ARM_DROPPED)
    else:
        assert after == before


@settings(max_examples=100, deadline=None)
@given(unit=units.filter(bool), plan=plans, holdout=st.builds(HeldOut, units, st.floats(0, 1)))
def test_a_holdout_keeps_some_out_and_moves_nobody_else(unit: str, plan: AssignmentPlan, holdout: HeldOut) -> None:
    before, after = assign(unit, plan), assign(unit, replace(plan, holdouts=(*plan.holdouts, holdout)))
    assert after in {before, (-1, None, Reason.HELD_OUT)}


def test_a_holdout_keeps_its_share_out_of_every_arm_alike() -> None:
    column = [f"shopper-{index}" for index in range(100_000)]
    held = AssignmentPlan("any", (0.5, 0.5), holdouts=(HeldOut("season", 0.1),))
    # Four standard errors of a share of 100,000 are at most .0063.
    assert np.bincount(assign_many(column, held) + 1) / len(column) == pytest.approx([0.1, 0.45, 0.45], abs=0.0063)
    for seed in ("one", "two"):  # the same units for every experiment
        kept = assign_many(column, AssignmentPlan(seed, (1.0,), holdouts=(HeldOut("season", 0.1),))) == -1
        assert (kept == (assign_many(column, held) == -1)).all()


def test_a_holdout_is_a_filter_of_the_published_hash() -> None:
    # So that a payload can hold it as a filter of the range from the share to 1.
    for index in range(300):
        bucket = hash_value("season", f"u-{index}", 2)
        assert is_held_out(f"u-{index}", [HeldOut("season", 0.3)]) is (bucket is not None and bucket < 0.3)


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_a_holdout_of_no_share_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match=r"^share: "):
        HeldOut("season", share)


def test_arms_get_their_shares() -> None:
    arms = assign_many([f"shopper-{index}" for index in range(100_000)], AssignmentPlan("shares", (0.2, 0.3, 0.5)))
    # Four standard errors of a share of 100,000 are at most .0063.
    assert np.bincount(arms) / len(arms) == pytest.approx([0.2, 0.3, 0.5], abs=0.0063)


def test_two_seeds_assign_independently() -> None:
    column = [f"shopper-{index}" for index in range(100_000)]
    first, second = (assign_many(column, AssignmentPlan(seed, (0.5, 0.5))) for seed in ("one", "two"))
    assert float(np.mean(first == second)) == pytest.approx(0.5, abs=0.0063)


def test_namespaces_that_do_not_meet_share_no_unit() -> None:
    column = [f"shopper-{index}" for index in range(5_000)]
    left, right = (
        assign_many(column, AssignmentPlan("any", (1.0,), namespace=Namespace("circle", *ends)))
        for ends in ((0.0, 0.4), (0.4, 1.0))
    )
    assert ((left >= 0) ^ (right >= 0)).all()


def test_a_plan_is_a_value() -> None:
    stored = AssignmentPlan("seed", [0.5, 0.5])  # type: ignore[arg-type]
    assigned = AssignmentPlan("seed", (0.5, 0.5))
    assign("ann", assigned)  # what a plan has worked out is no part of what it says
    assert stored == assigned
    assert hash(stored) == hash(assigned)
    assert stored != AssignmentPlan("seed", (0.5, 0.5), hash_version=1)


def test_the_result_says_why() -> None:
    nobody = AssignmentPlan("seed", (0.5, 0.5), coverage=0.0)
    elsewhere = AssignmentPlan("seed", (0.5, 0.5), namespace=Namespace("circle", 0.0, 0.0))
    assert assign("", HALVES) == (-1, None, Reason.NO_UNIT)
    assert assign("ann", nobody).reason is Reason.OUTSIDE_COVERAGE
    assert assign("ann", elsewhere) == (-1, None, Reason.OUTSIDE_NAMESPACE)
    assert assign("ann", HALVES).reason is Reason.ASSIGNED


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1, "1"),
        (1.0, "1"),
        (100, "100"),
        (1.5, "1.5"),
        (-7, "-7"),
        (1e21, "1e+21"),
        (1e20, "100000000000000000000"),
        (1.25e-7, "1.25e-7"),
        (0.000001, "0.000001"),
        (123.456, "123.456"),
        (2**53 + 1, "9007199254740992"),
        pytest.param(10**400, "Infinity", id="too large"),
        pytest.param(-(10**400), "-Infinity", id="too small"),
        (0, ""),
        (-0.0, ""),
        (float("nan"), ""),
        (True, ""),
        (None, ""),
        (["a"], ""),
        ({}, ""),
    ],
)
def test_numbers_are_written_as_javascript_writes_them(value: object, text: str) -> None:
    # By the algorithm of ECMA-262, Number::toString.
    assert unit_key(value) == text
    assert assign(value, HALVES) == assign(text, HALVES)


@pytest.mark.parametrize(
    ("field", "arguments"),
    [
        ("weights", {"weights": ()}),
        ("weights", {"weights": (0.5, 0.6)}),
        ("weights", {"weights": (1.5, -0.5)}),
        ("weights", {"weights": (float("nan"), 1.0)}),
        ("coverage", {"weights": (1.0,), "coverage": 1.1}),
        ("coverage", {"weights": (1.0,), "coverage": float("nan")}),
        ("hash_version", {"weights": (1.0,), "hash_version": 3}),
    ],
)
def test_a_plan_that_cannot_be_is_refused_by_field(field: str, arguments: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=rf"^{field}: "):
        AssignmentPlan("seed", **arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize("ends", [(0.5, 0.4), (-0.1, 0.5), (0.5, 1.1)])
def test_a_namespace_outside_the_circle_is_refused(ends: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match=r"^namespace: "):
        Namespace("circle", *ends)


def test_coverage_shortens_each_arm_where_it_stands() -> None:
    # The SDKs' published example.
    assert bucket_ranges(2, coverage=0.5) == ((0.0, 0.25), (0.5, 0.75))
    column = [f"shopper-{index}" for index in range(100_000)]
    arms = assign_many(column, AssignmentPlan("cover", (0.5, 0.5), coverage=0.2))
    assert np.bincount(arms + 1) / len(arms) == pytest.approx([0.8, 0.1, 0.1], abs=0.0063)


def test_a_newline_in_a_unit_is_part_of_it() -> None:
    column = ["a\nb", "a", "b", "", "\n", "日本\n"]
    assert assign_many(column, HALVES).tolist() == [assign(unit, HALVES).variation for unit in column]


def test_ranges_and_weights_of_nothing() -> None:
    assert equal_weights(0) == equal_weights(-1) == ()
    assert bucket_ranges(0) == ()
    assert choose_variation(0.3, ()) == -1


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://shop.example/p?sale=1", 1),
        ("https://shop.example/p?a=b&sale=0#sale=1", 0),
        ("https://shop.example/p?sale=2", None),
        ("https://shop.example/p?sale=-1", None),
        ("https://shop.example/p?sale=", None),
        ("https://shop.example/p?sale=99999999999999999999", None),
        ("https://shop.example/sale=1", None),
        ("", None),
    ],
)
def test_a_query_forces_an_arm_that_exists(url: str, expected: int | None) -> None:
    assert forced_variation("sale", url, 2) == expected
