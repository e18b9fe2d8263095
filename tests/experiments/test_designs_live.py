"""A live experiment by its design: rows at planned looks only, an overrun plan, bytes that come out again, and what the
platform does by itself.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from core import audit
from experiments import queries, services, tasks
from experiments.lifecycle import Status
from experiments.models import Analysis, Experiment, LearnedPrior
from experiments.services import analyses
from tests.experiments.shop import event, exposure, fold, now, running, send

pytestmark = pytest.mark.django_db


def visit(numbers: range, *, buy: dict[str, int], key: str = "welcome", **fields: Any) -> None:
    """Shoppers in turn in `a` and `b`; every `buy[arm]`-th of an arm buys (0: nobody)."""
    events = []
    for number in numbers:
        arm, place = "ab"[number % 2], number // 2
        events.append(exposure(f"u-{number}", arm, key, **fields))
        if buy[arm] and place % buy[arm] == 0:
            events.append(event("conversion", f"u-{number}", value=20, margin=8, **fields))
    send(*events)
    fold()


def fresh(experiment: Experiment) -> Experiment:
    return Experiment.objects.get(pk=experiment.pk)


def test_rows_are_made_when_a_look_is_due_and_not_between() -> None:
    experiment = running(planned_units=400, planned_looks=4)
    visit(range(60), buy={"a": 10, "b": 10})
    silent = services.analyse(experiment)
    assert (silent.look, silent.information, silent.verdict) == (None, None, "keep_running")
    assert silent.sentence == "Keep running: 60 of 400 planned shoppers; the first look is at 100."
    visit(range(60, 130), buy={"a": 10, "b": 10})
    first = services.analyse(experiment)
    assert (first.look, first.information) == (1, 130 / 400)
    assert services.analyse(experiment) == first
    visit(range(130, 190), buy={"a": 10, "b": 10})
    # Nothing is due: what is known of these sixty shoppers waits for the second look.
    assert services.analyse(experiment) == first
    visit(range(190, 330), buy={"a": 10, "b": 10})
    third = services.analyse(experiment)
    # The second look was passed over, and the boundary knows only of those that were taken.
    assert (third.look, third.information) == (3, 330 / 400)
    assert third.results["look"]["information"] == [130 / 400, 330 / 400]
    stopped = services.stop_experiment(fresh(experiment), actor="test")
    final = services.analyse(stopped)
    assert (final.is_final, final.look, final.results["design"]) == (True, None, "group_sequential")
    assert final.results["metrics"][1]["comparisons"][0]["adjusted"] is not None
    assert Analysis.objects.filter(look__isnull=False).count() == 2


def test_far_beyond_its_plan_it_is_read_by_a_confidence_sequence() -> None:
    experiment = running(planned_units=100, planned_looks=2)
    visit(range(130), buy={"a": 10, "b": 10})
    assert services.analyse(experiment).results["design"] == "confidence_sequence"
    open_ended = running("open")
    assert services.analyse(open_ended).results["design"] == "confidence_sequence"


def test_an_analysis_comes_out_of_its_own_row_with_the_same_bytes() -> None:
    LearnedPrior.objects.create(metric="conversion", experiments=12, mean=0.0, spread=0.07)
    experiment = running(
        planned_units=400,
        planned_looks=4,
        metrics=[{"key": "capped_revenue_per_shopper"}],
        guardrails=[{"metric": "revenue_per_shopper", "margin": 0.1}],
    )
    visit(range(220), buy={"a": 7, "b": 4})
    made = services.analyse(experiment)
    stored = Analysis.objects.get(pk=made.pk)
    assert analyses.canonical(analyses.recompute(stored)) == analyses.canonical(stored.results)
    goal = stored.results["metrics"][1]["comparisons"][0]
    assert goal["shrunk"]["prior"]["experiments"] == 12
    stored.settings.pop("information")
    with pytest.raises(ValueError, match="made by an older one"):
        analyses.recompute(stored)


def test_units_marked_as_bots_are_in_the_second_reading_only() -> None:
    experiment = running(planned_units=400, planned_looks=4)
    visit(range(120), buy={"a": 6, "b": 6})
    visit(range(200, 240), buy={"a": 0, "b": 0}, is_bot=True)
    made = services.analyse(experiment)
    both = analyses.second_reading(experiment)
    assert (made.results["units"], both["units"]) == (120, 160)
    assert Analysis.objects.count() == 1


def test_a_broken_guardrail_pauses_once_with_the_reason() -> None:
    experiment = running(
        goal_metric="ctr",
        design="confidence_sequence",
        planned_units=2000,
        guardrails=[{"metric": "conversion", "margin": 0.05}],
    )
    visit(range(1200), buy={"a": 2, "b": 0})
    tasks.refresh_analyses()
    paused = fresh(experiment)
    assert paused.status == Status.PAUSED
    assert paused.notice is not None
    assert paused.notice["sentence"] == (
        "Paused by itself, nobody new enters. B: conversion rate got worse by more than 5.0 %. "
        "Stop it, or resume it if that is acceptable."
    )
    services.resume_experiment(paused, actor="test")
    # Who resumes has decided: the same breach does not pause it again.
    tasks.refresh_analyses()
    assert fresh(experiment).status == Status.RUNNING
    assert audit.history(experiment).filter(action="experiment.guardrail_breach").count() == 1


def test_where_pausing_is_switched_off_only_the_notice_comes() -> None:
    experiment = running(
        goal_metric="ctr",
        design="confidence_sequence",
        planned_units=2000,
        guardrails=[{"metric": "conversion", "margin": 0.05}],
        pause_on_breach=False,
    )
    visit(range(1200), buy={"a": 2, "b": 0})
    tasks.refresh_analyses()
    told = fresh(experiment)
    assert (told.status, told.notice["code"]) == (Status.RUNNING, "guardrail_breach")  # type: ignore[index]


def test_wrong_shares_raise_a_notice_and_change_nothing_else() -> None:
    experiment = running(planned_units=4000, planned_looks=4)
    send(*(exposure(f"u-{number}", "a" if number % 4 else "b") for number in range(1000)))
    fold()
    tasks.refresh_analyses()
    told = fresh(experiment)
    assert (told.status, told.notice["code"]) == (Status.RUNNING, "sample_ratio")  # type: ignore[index]
    at = told.notice["at"]  # type: ignore[index]
    tasks.refresh_analyses()
    assert fresh(experiment).notice["at"] == at  # type: ignore[index]


def test_a_winner_waits_for_the_least_run_time() -> None:
    experiment = running(planned_units=4000, planned_looks=4, minimum_hours=24, design="confidence_sequence")
    visit(range(800), buy={"a": 0, "b": 2})
    found = services.analyse(experiment)
    assert found.verdict == "keep_running"
    assert found.sentence.endswith("but the test has run 0 of at least 24 hours.")
    Experiment.objects.update(started_at=now() - timedelta(hours=30), phase_started_at=now() - timedelta(hours=30))
    assert services.analyse(fresh(experiment)).verdict == "ship"


def test_two_workers_at_one_look_write_one_row(monkeypatch: pytest.MonkeyPatch) -> None:
    experiment = running(planned_units=400, planned_looks=4)
    visit(range(120), buy={"a": 6, "b": 6})
    first = services.analyse(experiment)
    # The second worker has read before the first one wrote.
    monkeypatch.setattr(analyses, "_looks_of", lambda _: [])
    monkeypatch.setattr(queries, "latest_analysis", lambda _: None)
    assert services.analyse(experiment) == first
    assert Analysis.objects.count() == 1
