"""An adaptive experiment's reading: batch by batch, always by a sequence, with propensities in the sample ratio."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from experiments.analysis import AnalysisSettings, ArmData, Batch, analyse_arms
from experiments.stats import batched, sequences
from tests.experiments.reading.arms import shoppers

SETTINGS = AnalysisSettings(mode="running", adaptive=True, design="confidence_sequence", planned_units=4000)


def adaptive_arm(key: str, *batches: tuple[float, int, float]) -> ArmData:
    """Batches are (propensity, units, share that buys)."""
    made = tuple(
        Batch(number, propensity, shoppers(units, buy=buy, seed=number))
        for number, (propensity, units, buy) in enumerate(batches, start=1)
    )
    total = sum((one.moments for one in made[1:]), made[0].moments)
    return ArmData(key, f"Copy {key.upper()}", key == "a", 0.5, total, batches=made)


# Both arms sell 10 % in the first batch and 30 % in the second, where `b` has most of the units.
CONTROL = adaptive_arm("a", (0.5, 500, 0.1), (0.2, 200, 0.3))
SAME = adaptive_arm("b", (0.5, 500, 0.1), (0.8, 800, 0.3))


def goal(found: dict[str, Any]) -> dict[str, Any]:
    return dict(next(metric for metric in found["metrics"] if metric["is_goal"]))


def test_arms_that_are_alike_in_every_batch_are_alike() -> None:
    found = goal(analyse_arms([CONTROL, SAME], settings=SETTINGS))
    comparison = found["comparisons"][0]
    assert comparison["difference"]["estimate"] == pytest.approx(0.0, abs=1e-12)
    assert comparison["method"] == "adaptive_sequence"
    naive = SAME.moments.mean("converted") - CONTROL.moments.mean("converted")
    assert naive > 0.06
    values = [one["value"]["estimate"] for one in found["arms"]]
    assert all(0.1 < value < 0.3 for value in values)


def test_figures_are_those_of_the_batched_statistic_under_a_sequence() -> None:
    better = adaptive_arm("b", (0.5, 500, 0.2), (0.8, 800, 0.4))
    found = goal(analyse_arms([CONTROL, better], settings=SETTINGS))["comparisons"][0]
    pairs = [(one.moments, other.moments) for one, other in zip(CONTROL.batches, better.batches, strict=True)]
    effect = batched.effect(pairs, "converted")
    reference = sequences.ConfidenceSequence(2000, sequences.exact_rho(4000, alpha=0.05))
    assert found["difference"]["estimate"] == pytest.approx(0.1)
    assert found["p_value"] == pytest.approx(reference.p_value(effect.difference / math.sqrt(effect.variance)))
    assert (found["p_value"] < 0.05) == (found["difference"]["lower"] > 0)


def test_shares_that_moved_are_no_broken_split() -> None:
    found = analyse_arms([CONTROL, SAME], settings=SETTINGS)["sample_ratio"]
    assert not found["flagged"]
    assert [one["expected"] for one in found["arms"]] == pytest.approx([700.0, 1300.0])
    lost = replace(SAME, batches=(SAME.batches[0], replace(SAME.batches[1], propensity=0.5)))
    unfair = replace(CONTROL, batches=(CONTROL.batches[0], replace(CONTROL.batches[1], propensity=0.5)))
    assert analyse_arms([unfair, lost], settings=SETTINGS)["sample_ratio"]["flagged"]


def test_the_estimators_stand_beside_it_for_the_page() -> None:
    found = analyse_arms([CONTROL, SAME], settings=SETTINGS)
    estimators = goal(found)["estimators"]
    assert [one["arm"] for one in estimators] == ["a", "b"]
    expected = (50 / 0.5 + 60 / 0.2) / 2000
    assert estimators[0]["ips"]["estimate"] == pytest.approx(expected)
    assert all(one[name]["lower"] < one[name]["estimate"] for one in estimators for name in ("ips", "snips", "dr"))
    ctr = next(metric for metric in found["metrics"] if metric["key"] == "ctr")
    assert ctr["estimators"] == []
    assert found["roi"] == []
    assert found["design"] == "adaptive"
    assert any("plain averages would mislead" in reason for reason in found["verdict"]["reasons"])


def test_before_the_first_batch_nothing_is_said() -> None:
    empty = [ArmData(key, key, key == "a", 0.5, shoppers(0, buy=0.0)) for key in "ab"]
    found = analyse_arms(empty, settings=SETTINGS)
    assert found["verdict"]["code"] == "keep_running"
    assert goal(found)["comparisons"][0]["p_value"] == 1.0


def test_at_its_end_it_is_still_read_by_the_sequence() -> None:
    found = goal(analyse_arms([CONTROL, SAME], settings=replace(SETTINGS, mode="final")))
    assert found["comparisons"][0]["method"] == "adaptive_sequence"


def test_the_share_of_a_dropped_arm_breaks_no_split_and_inflates_no_estimate() -> None:
    """Shares of 50, 25 and 25 %, then 20 and 80 % once the third arm is dropped; units came exactly so."""
    control = adaptive_arm("a", (0.5, 500, 0.1), (0.2, 200, 0.1))
    kept = adaptive_arm("b", (0.25, 250, 0.1), (0.8, 800, 0.1))
    gone = replace(adaptive_arm("c", (0.25, 250, 0.1)), dropped=True)
    found = analyse_arms([control, kept, gone], settings=SETTINGS)
    assert not found["sample_ratio"]["flagged"]
    assert [one["expected"] for one in found["sample_ratio"]["arms"]] == pytest.approx([700.0, 1050.0])
    for one in goal(found)["estimators"]:
        assert one["ips"]["estimate"] == pytest.approx(0.1)


def test_an_arm_that_was_lost_in_a_batch_is_missed_there() -> None:
    lost = replace(SAME, batches=SAME.batches[:1], moments=SAME.batches[0].moments)
    found = analyse_arms([CONTROL, lost], settings=replace(SETTINGS, mode="final"))
    # The second batch has the control's 200 units alone, of which 160 should have been the other arm's.
    assert [one["expected"] for one in found["sample_ratio"]["arms"]] == pytest.approx([540.0, 660.0])
    assert found["sample_ratio"]["flagged"]
    # 50 buyers of the first batch at a share of one half, over the 1,200 units of both batches.
    assert goal(found)["estimators"][1]["ips"]["estimate"] == pytest.approx(50 / 0.5 / 1200)
