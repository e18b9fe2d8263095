"""Sentences made for a reader: in English the very ones that are stored, in Chinese none of them, never an error."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from django.utils import translation

from experiments import health, sentences, verdicts, wording
from experiments.analysis import AnalysisSettings, ArmData, Guardrail, Metric, analyse_arms
from experiments.models import Analysis
from experiments.reading.settings import DEFAULT_METRICS
from experiments.sentences import figures
from tests.experiments.test_analysis import BETTER, CONTROL, FINAL, RUNNING, SAME, WORSE, arm, shoppers

REVENUE = next(metric for metric in DEFAULT_METRICS if metric.key == "revenue_per_shopper")
LOOSE, TIGHT = Guardrail(REVENUE, 0.9), Guardrail(REVENUE, 0.0)
FEWER = arm("b", shoppers(3500, buy=0.08))
DEAR = arm("b", shoppers(4000, buy=0.08, cost=30.0, seed=2))
THIRD = replace(SAME, key="c", name="Copy C")
WORSE_TOO = replace(WORSE, key="c", name="Copy C")
SEQUENTIAL = replace(RUNNING, planned_units=16_000, design="group_sequential", planned_looks=4)
OWN = Metric.from_dict({"key": "kept", "label": "Kept", "kind": "mean", "numerator": "orders", "format": "number"})

CASES: dict[str, tuple[list[ArmData], AnalysisSettings]] = {
    "shares off": ([CONTROL, FEWER], FINAL),
    "not measured, running": ([CONTROL, SAME], replace(RUNNING, goal_metric="other")),
    "not measured, over": ([CONTROL, SAME], replace(FINAL, goal_metric="other")),
    "read once": ([CONTROL, SAME], replace(RUNNING, design="fixed")),
    "read once, no plan": ([CONTROL, SAME], replace(RUNNING, design="fixed", planned_units=None)),
    "before the first look": ([CONTROL, SAME], replace(SEQUENTIAL, planned_units=900_000)),
    "worse at the end": ([CONTROL, WORSE], FINAL),
    "all worse at the end": ([CONTROL, WORSE, WORSE_TOO], FINAL),
    "worse while it runs": ([CONTROL, WORSE], RUNNING),
    "breaks a guardrail at the end": ([CONTROL, DEAR], replace(FINAL, guardrails=(Guardrail(OWN, 0.0, False),))),
    "ship": ([CONTROL, BETTER], replace(FINAL, two_arms=3)),
    "ship with an open guardrail": ([CONTROL, BETTER], replace(FINAL, guardrails=(TIGHT, LOOSE))),
    "ship of several": ([CONTROL, BETTER, THIRD], replace(FINAL, two_arms=1)),
    "too early": ([CONTROL, BETTER], replace(RUNNING, planned_units=90_000, hours=5.0, minimum_hours=1200)),
    "guardrail open": (
        [CONTROL, BETTER],
        replace(RUNNING, planned_units=90_000, guardrails=(Guardrail(DEFAULT_METRICS[3], 0.001),)),
    ),
    "too risky": ([CONTROL, BETTER], replace(RUNNING, planned_units=90_000, loss_threshold=0.0)),
    "little risk, ship": (
        [CONTROL, replace(SAME, moments=shoppers(4000, buy=0.052))],
        replace(FINAL, loss_threshold=0.5),
    ),
    "little risk, keep": (
        [CONTROL, replace(SAME, moments=shoppers(4000, buy=0.048))],
        replace(FINAL, loss_threshold=0.5),
    ),
    "more to come": ([CONTROL, SAME], replace(RUNNING, planned_units=20_000)),
    "more to come, open end": ([CONTROL, SAME], replace(RUNNING, planned_units=None)),
    "nothing found, full": ([CONTROL, SAME], RUNNING),
    "nothing found": ([CONTROL, SAME, THIRD], FINAL),
    "futile": ([CONTROL, SAME], replace(SEQUENTIAL, planned_units=8_500, information=(0.25, 0.94))),
    "stopped early": ([CONTROL, BETTER], replace(SEQUENTIAL, mode="final", information=(0.25, 0.5))),
    "a dropped arm": ([CONTROL, BETTER, replace(THIRD, dropped=True)], FINAL),
    "two dropped arms": (
        [CONTROL, BETTER, replace(THIRD, dropped=True), replace(THIRD, key="d", name="D", dropped=True)],
        FINAL,
    ),
    "adaptive": ([CONTROL, BETTER], replace(RUNNING, adaptive=True, design="confidence_sequence")),
    "it loses money": ([CONTROL, DEAR], FINAL),
    "its own metric": ([CONTROL, BETTER], replace(FINAL, metrics=(*DEFAULT_METRICS, OWN))),
    "hardly anybody": ([arm("a", shoppers(2, buy=0.5)), arm("b", shoppers(2, buy=0.5))], FINAL),
}


def analysed(name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    arms, settings = CASES[name]
    return analyse_arms(arms, settings=settings), settings.to_dict()


@pytest.mark.parametrize("name", CASES)
def test_in_english_a_reader_gets_the_stored_sentences(name: str) -> None:
    results, settings = analysed(name)
    with translation.override("en"):
        assert sentences.results_of(results, settings) == results
        made = sentences.sentence_of(Analysis(results=results, settings=settings, sentence="not this"))
    assert made == results["verdict"]["sentence"]


def test_the_cases_above_meet_every_rule_and_every_verdict() -> None:
    met = [analysed(name)[0]["verdict"] for name in CASES]
    assert {one["rule"] for one in met} == {rule.__name__.strip("_") for rule in verdicts.RULES}
    assert {one["code"] for one in met} == {"ship", "keep", "roll_back", "keep_running", "cannot_tell", "invalid"}
    told = " ".join(one["sentence"] + " ".join(one["reasons"]) for one in met)
    for words in ("has run 5 of at least 1,200", "holds cannot be told yet", "could cost", "you mind", "Unlikely to"):
        assert words in told


def test_every_metric_that_the_platform_names_is_marked_for_the_catalogue() -> None:
    assert set(wording.LABELS.values()) <= figures.LABELS


def test_what_cannot_be_read_is_shown_as_it_was_stored() -> None:
    results, settings = analysed("ship")
    old = {**results, "verdict": {"code": "ship", "sentence": "Ship it.", "reasons": ["So."]}}
    assert sentences.sentence_of(Analysis(results=old, settings=settings, sentence="Ship it.")) == "Ship it."
    assert sentences.sentence_of(Analysis(results={}, settings={}, sentence="Ship it.")) == "Ship it."
    assert sentences.results_of(old, settings)["verdict"] == old["verdict"]


def test_nothing_of_what_is_given_is_changed() -> None:
    results, settings = analysed("ship")
    before = repr(results)
    sentences.results_of(results, settings)
    assert repr(results) == before


CHECKS = [
    health.shares([0, 0], [1, 1], running=True),
    health.shares([500, 500], [1, 1], running=True),
    health.shares([500, 900], [1, 1], running=False),
    health.cause("device", {"phone": [900, 300], "desktop": [500, 500]}, [1, 1], running=False),
    health.cause("day", {f"2026-11-{day:02}": [900, 300] for day in range(1, 9)}, [1, 1], running=False),
    health.two_arms(1000, 0),
    health.two_arms(1000, 30),
    health.two_arms(1000, 300),
    health.bots([0, 0], [10, 10]),
    health.bots([3, 0], [0, 0]),
    health.bots([10, 11], [500, 500]),
    health.bots([100, 1], [500, 500]),
    health.freshness(None, running=True),
    health.freshness(2.0, running=True),
    health.freshness(1234.0, running=True),
    health.power(None, 0.03),
    health.power(0.2, 0.03),
    health.power(0.9, 0.03),
    health.alike_before([CONTROL.moments, SAME.moments]),
]


@pytest.mark.parametrize("check", CHECKS)
def test_a_health_check_says_in_english_what_is_stored(check: health.Check | None) -> None:
    assert check is not None
    with translation.override("en"):
        assert sentences.health_of({**check.to_dict()}) == check.to_dict()
        assert sentences.health.sentence(check.to_dict()) == check.sentence


def test_a_notice_is_made_anew_only_where_the_figures_still_say_it() -> None:
    results, settings = analysed("breaks a guardrail at the end")
    results["guardrails"][0] |= {"status": "failed"}
    analysis = Analysis(results=results, settings=settings, sentence="")
    reason = wording.guardrail("Copy B", "Kept", "failed", margin=0.0, relative=False)
    with translation.override("en"):
        for stored in (wording.paused([reason]), wording.breach([reason]), "Something of long ago."):
            assert sentences.notice_of({"sentence": stored}, analysis) == stored


def test_a_word_that_the_catalogue_lacks_stays_english_and_breaks_nothing() -> None:
    results, settings = analysed("ship of several")
    with translation.override("zh-hans"):
        made = sentences.results_of(results, settings)
    assert "Copy B" in made["verdict"]["sentence"]
    assert len(made["verdict"]["reasons"]) == len(results["verdict"]["reasons"])
