"""One experiment read by each design: what is hidden until a look is due, and that all figures say the same."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from experiments.analysis import AnalysisSettings, ArmData, Prior, analyse_arms
from experiments.stats import shrinkage, stopping
from experiments.stats.group_sequential import GroupSequential
from experiments.stats.metrics import CATALOGUE, effect_of
from tests.experiments.reading.arms import arm, shoppers

CONTROL = arm("a", shoppers(4000, buy=0.05))
BETTER = arm("b", shoppers(4000, buy=0.08, seed=2))
SAME = arm("b", shoppers(4000, buy=0.05, seed=3))
PLANNED = AnalysisSettings(mode="running", planned_units=16_000, planned_looks=4, design="group_sequential")
AT_TWO = replace(PLANNED, information=(0.25, 0.5))


def goal(found: dict[str, Any], place: int = 0) -> dict[str, Any]:
    """The comparison of the goal."""
    metric = next(metric for metric in found["metrics"] if metric["is_goal"])
    return dict(metric["comparisons"][place])


def holds_zero(interval: dict[str, float | None]) -> bool:
    """Whether an interval has zero in it; an open end is null."""
    lower, upper = interval["lower"], interval["upper"]
    return (lower is None or lower <= 0) and (upper is None or upper >= 0)


def test_before_the_first_look_nothing_is_concluded_and_no_difference_shown() -> None:
    found = analyse_arms([CONTROL, BETTER], settings=PLANNED)
    assert found["verdict"]["code"] == "keep_running"
    assert found["look"] == {"taken": 0, "of": 4, "information": [], "next_at": 12_000}
    for metric in found["metrics"]:
        for one in metric["comparisons"]:
            assert one["difference"] == {"estimate": None, "lower": None, "upper": None}
            assert (one["lift"], one["p_value"], one["verdict"], one["shrunk"]) == (None, 1.0, "unclear", None)
    assert found["roi"] == []


def test_at_a_look_the_boundary_decides_and_figures_agree() -> None:
    found = goal(analyse_arms([CONTROL, BETTER], settings=AT_TWO))
    effect = effect_of(CATALOGUE["conversion"], CONTROL.moments, BETTER.moments)
    plan = GroupSequential((0.25, 0.5))
    statistic = effect.difference / math.sqrt(effect.variance)
    half = plan.critical(0.05) * math.sqrt(effect.variance)
    assert found["p_value"] == pytest.approx(plan.p_value(statistic), rel=1e-12)
    assert found["difference"]["lower"] == pytest.approx(effect.difference - half, rel=1e-12)
    assert found["method"] == "group_sequential"
    assert found["verdict"] == "better"


@pytest.mark.parametrize(
    "settings",
    [
        AT_TWO,
        replace(PLANNED, design="confidence_sequence"),
        AnalysisSettings(mode="final", design="fixed"),
    ],
)
@pytest.mark.parametrize("share", np.linspace(0.05, 0.075, 11))
def test_p_value_interval_lift_and_chance_never_contradict_each_other(settings: AnalysisSettings, share: float) -> None:
    found = analyse_arms([CONTROL, arm("b", shoppers(4000, buy=share, seed=5))], settings=settings)
    for metric in found["metrics"]:
        for one in metric["comparisons"]:
            clear = one["p_value"] < 0.05
            assert clear == (not holds_zero(one["difference"]))
            assert one["lift"] is None or clear == (not holds_zero(one["lift"]))
            assert clear == (max(one["chance_to_win"], 1 - one["chance_to_win"]) > 0.975)
            assert clear == (one["verdict"] != "unclear")


def test_a_stopped_test_has_the_stage_wise_reading_beside_the_plain_one() -> None:
    settings = replace(AT_TWO, mode="final")
    found = goal(analyse_arms([CONTROL, BETTER], settings=settings))
    effect = effect_of(CATALOGUE["conversion"], CONTROL.moments, BETTER.moments)
    expected = stopping.stopped(effect, GroupSequential((0.25, 0.5)))
    assert expected is not None
    assert found["adjusted"]["difference"]["estimate"] == expected.difference.estimate
    assert found["adjusted"]["p_value"] == expected.p_value
    # A stop at a boundary overstates: what allows for it is nearer to zero.
    assert 0 < found["adjusted"]["difference"]["estimate"] < found["difference"]["estimate"]
    assert goal(analyse_arms([CONTROL, BETTER], settings=replace(settings, information=(0.5,))))["adjusted"] is None


def test_what_is_unlikely_to_get_there_is_said_and_decides_nothing() -> None:
    worse = arm("b", shoppers(4000, buy=0.0485, seed=3))
    found = analyse_arms([CONTROL, worse], settings=AT_TWO)["verdict"]
    assert (found["code"], found["rule"]) == ("keep_running", "more_to_come")
    assert found["reasons"][0].startswith("Unlikely to get there: if it goes on as it went, Copy B turns out")
    assert 0 <= found["numbers"]["arms"][0]["chance_to_get_there"] < 0.1
    assert "Unlikely" not in json.dumps(analyse_arms([CONTROL, BETTER], settings=AT_TWO)["verdict"])


def test_the_shrunk_lift_is_that_of_the_prior_that_is_known() -> None:
    own = Prior("conversion", 0.0, 0.05, 31)
    found = goal(analyse_arms([CONTROL, BETTER], settings=replace(AT_TWO, priors=(own,))))
    effect = effect_of(CATALOGUE["conversion"], CONTROL.moments, BETTER.moments)
    expected = shrinkage.shrink_effect(effect, shrinkage.Prior(0.0, 0.05, 31))
    assert expected is not None
    assert found["shrunk"]["estimate"] == expected.estimate
    assert 0 < found["shrunk"]["estimate"] < found["lift"]["estimate"] / 2
    assert found["shrunk"]["sentence"] == (
        f"Copy B: expect about +{100 * expected.estimate:.1f} % in conversion rate, not +60.0 %; "
        "that is what 31 past experiments make of such a figure."
    )
    without = goal(analyse_arms([CONTROL, BETTER], settings=AT_TWO))["shrunk"]
    assert without["prior"] == {"mean": 0.0, "spread": 0.3, "experiments": 0}
    assert "public headline tests" in without["sentence"]


def test_history_that_explains_revenue_narrows_its_interval() -> None:
    arms = [arm(key, shoppers(4000, buy=0.6, seed=seed, history=3.0)) for key, seed in (("a", 1), ("b", 2))]
    found = analyse_arms(arms, settings=AnalysisSettings(mode="final", design="fixed"))
    revenue = next(metric for metric in found["metrics"] if metric["key"] == "revenue_per_shopper")["comparisons"][0]
    assert revenue["adjusted_by"] == ["pre_revenue"]
    assert 0.1 < revenue["variance_reduction"] < 0.9
    widths = [one["difference"]["upper"] - one["difference"]["lower"] for one in (revenue, revenue["raw"])]
    assert widths[0] == pytest.approx(widths[1] * math.sqrt(1 - revenue["variance_reduction"]), rel=1e-3)


def test_a_dropped_arm_is_shown_and_compared_with_nothing() -> None:
    gone = arm("c", shoppers(900, buy=0.2, seed=7), dropped=True)
    found = analyse_arms([CONTROL, BETTER, gone], settings=AT_TWO)
    alone = analyse_arms([CONTROL, BETTER], settings=AT_TWO)
    assert found["metrics"] == alone["metrics"]
    assert [one["dropped"] for one in found["arms"]] == [False, False, True]
    assert found["units"] == 8000
    assert any("Copy C was taken out" in reason for reason in found["verdict"]["reasons"])


def test_bots_are_in_only_where_they_are_asked_for() -> None:
    bots = replace(BETTER, marked=shoppers(1000, buy=0.0, seed=9))
    without, within = (
        analyse_arms([CONTROL, bots], settings=replace(AT_TWO, include_marked=marked)) for marked in (False, True)
    )
    assert (without["units"], within["units"], within["with_marked"]) == (8000, 9000, True)
    assert goal(within)["difference"]["estimate"] == pytest.approx(0.064 - 0.05)


def test_inputs_come_back_from_json_as_they_were() -> None:
    settings = replace(AT_TWO, priors=(Prior("conversion", 0.0, 0.05, 31),))
    assert AnalysisSettings.from_dict(json.loads(json.dumps(settings.to_dict()))) == settings
    back = ArmData.from_dict("b", json.loads(json.dumps(BETTER.to_dict())))
    first, second = (analyse_arms([CONTROL, one], settings=settings) for one in (BETTER, back))
    assert first == second
