"""The gate: every line with its threshold and sentence, and nothing passes by being left out."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models_ml import gate, lifecycle
from models_ml.gate import THRESHOLDS, Sense
from models_ml.lifecycle import Kind, Move, Stage
from tests.models_ml.factory import GOOD

BY_NAME = {one.name: one for kind in THRESHOLDS for one in THRESHOLDS[kind]}


def test_good_figures_pass() -> None:
    lines = gate.judge(Kind.WRITER, GOOD)
    assert gate.passes(lines)
    assert [line.name for line in lines] == [one.name for one in THRESHOLDS[Kind.WRITER]]
    assert lines[0].sentence == "Follows the brief: 97.0 %, at least 90.0 % is asked."


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("follows_brief", 0.899, "Follows the brief: 89.9 %, at least 90.0 % is asked, so it fails."),
        ("fact_check", 0.94, "Facts hold: 94.0 %, at least 95.0 % is asked, so it fails."),
        ("forgetting", 0.2, "Forgets of what it knew: 20.0 %, at most 10.0 % is asked, so it fails."),
        ("robustness_drop", 0.11, "Drops under disturbance: 11.0 %, at most 10.0 % is asked, so it fails."),
        ("unsafe", 0.02, "Unsafe texts: 2.0 %, at most 1.0 % is asked, so it fails."),
        ("parity", False, "Same output loaded, merged and swapped: no."),
        ("hashes_verified", False, "Files are those that were trained: no."),
        (
            "loss_over_production", 0.05,
            "Validation loss beyond that of production: 0.05, at most 0 is asked, so it fails.",
        ),
    ],
)  # fmt: skip
def test_one_bad_figure_fails_its_line_alone(name: str, value: gate.Value, sentence: str) -> None:
    lines = gate.judge(Kind.WRITER, GOOD | {name: value})
    assert [(line.name, line.sentence) for line in gate.failing(lines)] == [(name, sentence)]
    assert not gate.passes(lines)


@pytest.mark.parametrize("name", list(GOOD))
@pytest.mark.parametrize("value", [None, math.nan, math.inf])
def test_what_was_not_measured_does_not_pass(name: str, value: float | None) -> None:
    lines = gate.judge(Kind.WRITER, GOOD | {name: value})
    assert [line.name for line in gate.failing(lines)] == [name]


def test_no_figures_pass_nothing() -> None:
    lines = gate.judge(Kind.WRITER, {})
    assert len(gate.failing(lines)) == len(lines) == 8
    assert lines[0].sentence == "Follows the brief: this was not measured, so it cannot pass."


def test_a_base_has_no_gate_and_so_never_passes() -> None:
    assert gate.judge(Kind.BASE, GOOD) == []
    assert not gate.passes([])


def test_a_number_is_no_yes_and_a_yes_is_no_number() -> None:
    lines = gate.judge(Kind.WRITER, GOOD | {"parity": 1.0, "follows_brief": True})
    assert {line.name for line in gate.failing(lines)} == {"parity", "follows_brief"}


def test_a_scorer_is_judged_by_its_own_figures() -> None:
    figures: dict[str, gate.Value] = {
        "pair_accuracy": 0.63,
        "log_loss": 0.655,
        "calibration_error": 0.02,
        "hashes_verified": True,
        "loss_over_production": 0.0,
    }
    assert gate.passes(gate.judge(Kind.SCORER, figures))
    assert not gate.passes(gate.judge(Kind.SCORER, figures | {"log_loss": math.log(2) + 0.001}))


@given(st.sampled_from(sorted(BY_NAME)), st.floats(-10, 10))
def test_better_than_what_passes_passes(name: str, value: float) -> None:
    threshold = BY_NAME[name]
    if threshold.sense is Sense.TRUE:
        return
    better = value + 1 if threshold.sense is Sense.AT_LEAST else value - 1
    if gate._holds(threshold, value):
        assert gate._holds(threshold, better)
    assert gate._holds(threshold, threshold.limit)


# --- the life of a version ----------------------------------------------------------------------------------------
def test_the_moves_of_each_stage() -> None:
    assert {stage: lifecycle.allowed(stage) for stage in Stage} == {
        Stage.CANDIDATE: (Move.STAGE, Move.RETIRE),
        Stage.STAGED: (Move.PROMOTE, Move.RETIRE),
        Stage.PRODUCTION: (Move.ROLL_BACK,),
        Stage.RETIRED: (Move.REOPEN,),
    }


def test_production_is_reached_by_a_promotion_only() -> None:
    assert [move for move in Move if lifecycle.target(move) is Stage.PRODUCTION] == [Move.PROMOTE]
    assert lifecycle.sources(Move.PROMOTE) == {Stage.STAGED}
    assert {stage for stage in Stage if not lifecycle.can_be_checked(stage)} == {Stage.RETIRED}
