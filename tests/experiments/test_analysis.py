"""Results and verdicts from moments: coherent with the statistics beneath, and in words."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from experiments import wording
from experiments.analysis import AnalysisSettings, ArmData, Metric, analyse_arms
from experiments.stats import metrics, multiplicity, roi, sample_ratio
from experiments.stats.metrics import COUNTED_COLUMNS
from experiments.stats.moments import Moments
from experiments.stats.results import Interval

RUNNING = AnalysisSettings(mode="running", planned_units=8000)
FINAL = AnalysisSettings(mode="final", planned_units=8000)


def shoppers(n: int, *, buy: float, cost: float = 0.0, seed: int = 1) -> Moments:
    """Shoppers who see, click, buy and rate; exactly the share `buy` of them."""
    rng = np.random.default_rng(seed)
    seen = 1 + rng.poisson(2, n)
    clicks = rng.binomial(seen, 0.1)
    bought = (np.arange(n) < round(buy * n)).astype(float)
    revenue = bought * rng.gamma(4, 10, n)
    rated = bought * rng.binomial(1, 0.5, n)
    costs = np.where(cost, rng.exponential(cost or 1.0, n), 0.0)
    stars = rated * rng.integers(1, 6, n)
    return Moments.from_rows(
        COUNTED_COLUMNS, np.c_[seen, clicks, bought, bought, revenue, 0.4 * revenue, costs, stars, rated]
    )


def arm(key: str, moments: Moments, *, weight: float = 0.5) -> ArmData:
    return ArmData(key, f"Copy {key.upper()}", key == "a", weight, moments)


CONTROL = arm("a", shoppers(4000, buy=0.05))
BETTER = arm("b", shoppers(4000, buy=0.08, cost=0.05, seed=2))
SAME = arm("b", shoppers(4000, buy=0.05, seed=3))
WORSE = arm("b", shoppers(4000, buy=0.02, seed=4))


def verdict(*arms: ArmData, settings: AnalysisSettings = FINAL) -> dict[str, Any]:
    return dict(analyse_arms(arms, settings=settings)["verdict"])


def test_the_shape_of_the_results() -> None:
    found = analyse_arms([CONTROL, BETTER], settings=replace(FINAL, two_arms=3, as_of="2026-11-24T03:00:00+00:00"))
    assert list(found) == [
        "version", "mode", "design", "confidence", "as_of", "currency", "units", "planned_units", "two_arms",
        "with_marked", "look", "arms", "sample_ratio", "metrics", "guardrails", "roi", "verdict",
    ]  # fmt: skip
    assert (found["version"], found["mode"], found["units"], found["two_arms"]) == (2, "final", 8000, 3)
    assert found["arms"][1] == {
        "key": "b", "name": "Copy B", "is_control": False, "units": 4000, "share": 0.5, "dropped": False,
    }  # fmt: skip
    assert [(one["key"], one["format"], one["is_goal"]) for one in found["metrics"]] == [
        ("ctr", "share", False),
        ("conversion", "share", True),
        ("revenue_per_shopper", "money", False),
        ("satisfaction", "rating", False),
    ]
    comparison = found["metrics"][1]["comparisons"][0]
    assert set(comparison) >= {
        "arm", "difference", "lift", "p_value", "chance_to_win", "method", "verdict", "sentence",
    }  # fmt: skip
    json.dumps(found, allow_nan=False)


@pytest.mark.parametrize("settings", [RUNNING, FINAL])
def test_each_figure_is_that_of_the_statistics(settings: AnalysisSettings) -> None:
    found = analyse_arms([CONTROL, BETTER], settings=settings)
    for one, definition in zip(found["metrics"], metrics.DEFAULT_METRICS, strict=True):
        sequence = 8000.0 if settings.mode == "running" else None
        expected = metrics.compare(definition, CONTROL.moments, BETTER.moments, sequence=sequence)
        comparison = one["comparisons"][0]
        assert comparison["p_value"] == comparison["p_value_corrected"] == expected.p_value
        assert comparison["method"] == expected.method
        assert comparison["chance_to_win"] == expected.chance_to_win
        assert comparison["difference"]["lower"] == expected.difference.lower
        assert expected.lift is not None
        assert comparison["lift"]["upper"] == expected.lift.upper
        assert one["arms"][1]["value"]["estimate"] == pytest.approx(expected.treatment.value, rel=1e-12)
        assert one["arms"][1]["value"]["lower"] < expected.treatment.value < one["arms"][1]["value"]["upper"]


def test_a_plan_of_several_arms_is_shared_out_to_each_pair() -> None:
    third = arm("c", shoppers(4000, buy=0.05, seed=9), weight=1.0)
    found = analyse_arms([CONTROL, BETTER, third], settings=replace(RUNNING, planned_units=16_000))
    definition = metrics.DEFAULT_METRICS[1]
    for place, (other, planned) in enumerate([(BETTER, 8_000), (third, 12_000)]):
        expected = metrics.compare(definition, CONTROL.moments, other.moments, sequence=planned)
        assert found["metrics"][1]["comparisons"][place]["p_value"] == expected.p_value


def test_sample_ratio_is_tested_for_one_look_or_for_many() -> None:
    counts, weights = [4000, 4000], [0.5, 0.5]
    final = analyse_arms([CONTROL, SAME], settings=FINAL)["sample_ratio"]
    running = analyse_arms([CONTROL, SAME], settings=RUNNING)["sample_ratio"]
    assert final["statistic"] == sample_ratio.chi_square(counts, weights).statistic
    assert running["statistic"] == sample_ratio.sequential(counts, weights).statistic
    assert final["arms"] == [{"key": key, "observed": 4000, "expected": 4000.0} for key in "ab"]


# --- verdicts -------------------------------------------------------------------------------------------------------
def test_a_clear_winner_is_shipped_while_it_runs_and_at_the_end() -> None:
    for settings in (RUNNING, FINAL):
        found = verdict(CONTROL, BETTER, settings=settings)
        assert (found["code"], found["arm"]) == ("ship", "b")
        assert found["sentence"].startswith("Ship Copy B: its conversion rate beats that of Copy A, +60.0 % (+")
        assert any(reason.startswith("Copy B pays: after its extra cost") for reason in found["reasons"])


def test_a_clear_loser_keeps_the_control() -> None:
    found = verdict(CONTROL, WORSE)
    assert (found["code"], found["arm"]) == ("keep", "a")
    assert found["sentence"] == "Keep Copy A: the other arm is clearly worse on conversion rate."


def test_no_difference_runs_on_until_the_plan_is_full() -> None:
    open_ended = verdict(CONTROL, SAME, settings=replace(RUNNING, planned_units=None))
    assert open_ended["code"] == "keep_running"
    begun = verdict(CONTROL, SAME, settings=replace(RUNNING, planned_units=20_000))
    assert (begun["code"], begun["arm"]) == ("keep_running", None)
    assert begun["sentence"] == (
        "Keep running: after 8,000 of 20,000 planned shoppers no arm is clearly better than the control "
        "on conversion rate."
    )
    full = verdict(CONTROL, SAME, settings=RUNNING)
    assert full["code"] == "cannot_tell"
    assert full["sentence"].endswith("the planned number is reached, so stop it.")
    assert verdict(CONTROL, SAME)["code"] == "cannot_tell"


def test_wrong_shares_make_every_other_figure_void() -> None:
    fewer = arm("b", shoppers(3500, buy=0.08))
    found = analyse_arms([CONTROL, fewer], settings=FINAL)
    assert found["sample_ratio"]["flagged"]
    assert found["verdict"]["code"] == "invalid"
    assert "(planned 50.0 % / 50.0 %, seen 53.3 % / 46.7 %)" in found["verdict"]["sentence"]


def test_with_several_arms_the_goal_is_corrected_and_the_sentence_says_so() -> None:
    slight = arm("b", shoppers(4000, buy=0.061, seed=2))
    alone = analyse_arms([CONTROL, slight], settings=FINAL)["metrics"][1]["comparisons"][0]
    assert (alone["p_value"] < 0.05, alone["verdict"]) == (True, "better")
    others = [replace(SAME, key=key, name=key) for key in "cd"]
    found = analyse_arms([CONTROL, slight, *others], settings=FINAL)
    goal = found["metrics"][1]["comparisons"]
    p_values = [one["p_value"] for one in goal]
    corrected = [one["p_value_corrected"] for one in goal]
    # Holm's factors on the statistics that the intervals shown invert; the plain p-values are of the score test.
    assert corrected == pytest.approx(multiplicity.holm(p_values).tolist(), rel=0.01)
    for one, p_value in zip(goal, corrected, strict=True):
        assert (one["difference"]["lower"] <= 0 <= one["difference"]["upper"]) == (p_value >= 0.05)
        assert (one["lift"]["lower"] <= 0 <= one["lift"]["upper"]) == (p_value >= 0.05)
    assert p_values[0] == alone["p_value"]
    assert goal[0]["verdict"] == "unclear"
    assert "after allowing for 3 comparisons" in goal[0]["sentence"]
    assert found["verdict"]["code"] == "cannot_tell"
    assert wording.several_arms(3) in found["verdict"]["reasons"]


def test_of_two_winners_the_larger_is_shipped() -> None:
    most = replace(arm("c", shoppers(4000, buy=0.12, seed=5)), name="Copy C")
    assert verdict(CONTROL, BETTER, most)["arm"] == "c"
    assert verdict(CONTROL, most, BETTER)["arm"] == "c"


def test_without_a_control_the_first_arm_is_the_one_compared_with() -> None:
    arms = [replace(CONTROL, is_control=False), BETTER]
    assert [one["is_control"] for one in analyse_arms(arms, settings=FINAL)["arms"]] == [True, False]


@pytest.mark.parametrize("mode", ["running", "final"])
@pytest.mark.parametrize("n", [0, 1, 2, 3])
def test_a_few_units_say_nothing_and_break_nothing(mode: Any, n: int) -> None:
    few = (
        Moments.from_rows(COUNTED_COLUMNS, [[1, 0, 0, 0, 0, 0, 0.5, 0, 0]] * n) if n else Moments.empty(COUNTED_COLUMNS)
    )
    found = analyse_arms([arm("a", few), arm("b", few)], settings=AnalysisSettings(mode=mode))
    assert found["verdict"]["code"] == {"running": "keep_running", "final": "cannot_tell"}[mode]
    json.dumps(found, allow_nan=False)


def test_fewer_than_two_arms_are_no_experiment() -> None:
    with pytest.raises(ValueError, match="arms: 1 of them cannot be compared"):
        analyse_arms([CONTROL], settings=FINAL)


# --- return ---------------------------------------------------------------------------------------------------------
def test_return_is_that_of_the_statistics_and_wider_while_it_runs() -> None:
    expected = roi.return_on_cost(CONTROL.moments, BETTER.moments)
    assert expected.net is not None
    final = analyse_arms([CONTROL, BETTER], settings=FINAL)["roi"][0]
    assert final["roi"] == {
        "estimate": expected.net.estimate, "lower": expected.net.lower, "upper": expected.net.upper,
    }  # fmt: skip
    assert final["verdict"] == "pays"
    running = analyse_arms([CONTROL, BETTER], settings=RUNNING)["roi"][0]
    assert running["profit"]["lower"] < final["profit"]["lower"]
    sequence = metrics.compare(metrics.DEFAULT_METRICS[2], CONTROL.moments, BETTER.moments, sequence=8000)
    wide = (sequence.difference.upper - sequence.difference.lower) / sequence.standard_error
    plain = (running["incremental_margin"]["upper"] - running["incremental_margin"]["lower"]) / (
        expected.margin.standard_error
    )
    assert plain == pytest.approx(wide, rel=0.01)


def test_return_without_any_cost_is_left_out_and_with_a_dear_arm_loses() -> None:
    assert analyse_arms([CONTROL, SAME], settings=FINAL)["roi"] == []
    dear = arm("b", shoppers(4000, buy=0.05, cost=3.0, seed=3))
    found = analyse_arms([CONTROL, dear], settings=FINAL)["roi"][0]
    assert found["verdict"] == "loses"
    assert found["sentence"].startswith("Copy B loses money: after its extra cost it stands at −")


# --- imports --------------------------------------------------------------------------------------------------------
def test_an_import_shows_the_metrics_its_columns_allow() -> None:
    arms = [replace(one, moments=one.moments.select(("converted",))) for one in (CONTROL, BETTER)]
    found = analyse_arms(arms, settings=FINAL)
    assert [one["key"] for one in found["metrics"]] == ["conversion"]
    assert found["roi"] == []
    named = Metric.from_dict({"key": "kept", "label": "Kept", "kind": "proportion", "numerator": "converted"})
    own = analyse_arms(arms, settings=replace(FINAL, metrics=(named,), goal_metric="kept"))
    assert own["metrics"][0]["comparisons"] == [
        one
        | {
            "sentence": one["sentence"].replace("conversion rate", "kept"),
            "shrunk": one["shrunk"] | {"sentence": one["shrunk"]["sentence"].replace("conversion rate", "kept")},
        }
        for one in found["metrics"][0]["comparisons"]
    ]
    missing = analyse_arms(arms, settings=replace(FINAL, goal_metric="satisfaction"))
    assert missing["verdict"]["sentence"] == "Nothing can be said: satisfaction was not measured in enough shoppers."


UNCLEAR = (
    "B: no difference in conversion rate can be told; all from −0.20 percentage points to +2.00 percentage points "
    "fits the data."
)


# --- words ----------------------------------------------------------------------------------------------------------
def interval(values: tuple[float, float, float]) -> Interval:
    estimate, lower, upper = values
    return Interval(estimate, lower, upper, 0.95)


@pytest.mark.parametrize(
    ("lift", "difference", "verdict", "sentence"),
    [
        (
            (0.124, 0.031, 0.22),
            (0.01, 0.002, 0.02),
            "better",
            "B: conversion rate is higher than with A: +12.4 % (+3.1 % to +22.0 %).",
        ),
        (
            (-0.2, -0.3, -0.1),
            (-0.01, -0.02, -0.005),
            "worse",
            "B: conversion rate is lower than with A: −20.0 % (−30.0 % to −10.0 %).",
        ),
        (
            None,
            (0.01, -0.002, 0.02),
            "unclear",
            UNCLEAR,
        ),
        (
            None,
            (0.0, float("-inf"), float("inf")),
            "unclear",
            "B: nothing can be said of the conversion rate; there are too few data, or all are alike.",
        ),
    ],
)
def test_sentences(lift: Any, difference: Any, verdict: str, sentence: str) -> None:
    change = wording.Change(
        arm="B",
        control="A",
        metric="Conversion rate",
        format="share",
        currency="USD",
        lift=None if lift is None else interval(lift),
        difference=interval(difference),
        verdict=verdict,
    )
    assert wording.comparison(change) == sentence
