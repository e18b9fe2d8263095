"""Guardrails: passed, failed or unclear, by the margin, in either direction, and what the verdict makes of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from experiments.analysis import AnalysisSettings, ArmData, Guardrail, Metric, analyse_arms
from experiments.stats import margins
from experiments.stats.metrics import CATALOGUE, effect_of
from tests.experiments.reading.arms import arm, shoppers

N = 40_000
CONTROL = arm("a", shoppers(N, buy=0.10))
FINAL = AnalysisSettings(mode="final", design="fixed", goal_metric="satisfaction")
CONVERSION = Metric.of(CATALOGUE["conversion"])


def judged(buy: float, margin: float, *, relative: bool = True, settings: AnalysisSettings = FINAL) -> dict[str, Any]:
    guard = Guardrail(CONVERSION, margin, relative)
    other = arm("b", shoppers(N, buy=buy, seed=2))
    return dict(analyse_arms([CONTROL, other], settings=replace(settings, guardrails=(guard,)))["guardrails"][0])


@pytest.mark.parametrize(
    ("buy", "margin", "status"),
    [
        (0.100, 0.05, "passed"),
        (0.097, 0.05, "unclear"),
        (0.088, 0.05, "failed"),
        (0.100, 0.0, "unclear"),
        (0.110, 0.0, "passed"),
        (0.092, 0.0, "failed"),
    ],
)
def test_a_relative_margin(buy: float, margin: float, status: str) -> None:
    found = judged(buy, margin)
    assert found["status"] == status
    assert found["change"]["estimate"] == pytest.approx(buy / 0.1 - 1)


def test_the_p_value_is_that_of_the_non_inferiority_test() -> None:
    effect = effect_of(CONVERSION.definition, CONTROL.moments, shoppers(N, buy=0.097, seed=2))
    assert judged(0.097, 0.05)["p_value"] == margins.non_inferiority(effect, margin=0.05, relative=True).p_value
    assert judged(0.097, 0.005, relative=False)["p_value"] == margins.non_inferiority(effect, margin=0.005).p_value


def test_a_metric_that_should_fall_fails_by_rising() -> None:
    falling = Metric(replace(CONVERSION.definition, direction="decrease"), "Returns", "share")
    for buy, status in ((0.112, "failed"), (0.100, "passed"), (0.104, "unclear")):
        settings = replace(FINAL, guardrails=(Guardrail(falling, 0.05),))
        found = analyse_arms([CONTROL, arm("b", shoppers(N, buy=buy, seed=2))], settings=settings)["guardrails"][0]
        assert found["status"] == status


def test_a_broken_guardrail_rolls_back_while_it_runs_and_keeps_the_control_at_the_end() -> None:
    def verdict(settings: AnalysisSettings, other: ArmData) -> dict[str, Any]:
        guard = replace(settings, goal_metric="ctr", guardrails=(Guardrail(CONVERSION, 0.05),))
        return dict(analyse_arms([CONTROL, other], settings=guard)["verdict"])

    harmful = arm("b", shoppers(N, buy=0.07, seed=2))
    running = replace(FINAL, mode="running", design="confidence_sequence", planned_units=4 * N)
    found = verdict(running, harmful)
    assert (found["code"], found["rule"], found["arm"]) == ("roll_back", "harm", "a")
    assert "Copy B makes conversion rate clearly worse than is allowed" in found["sentence"]
    assert verdict(FINAL, harmful)["code"] == "keep"
    assert verdict(running, arm("b", shoppers(N, buy=0.1, seed=4)))["code"] == "keep_running"


def test_before_a_look_no_guardrail_is_judged() -> None:
    settings = replace(FINAL, mode="running", design="group_sequential", planned_units=10 * N)
    guarded = replace(settings, guardrails=(Guardrail(CONVERSION, 0.05),))
    assert analyse_arms([CONTROL, arm("b", shoppers(N, buy=0.05))], settings=guarded)["guardrails"] == []


def test_a_negative_margin_is_refused() -> None:
    with pytest.raises(ValueError, match=r"margin: -0\.1 of the guardrail 'conversion' is negative"):
        Guardrail(CONVERSION, -0.1)
