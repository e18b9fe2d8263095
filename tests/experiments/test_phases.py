"""Changing an experiment while it is on: what moves nobody, what begins a phase, and two people at once."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from core import audit, errors
from experiments import queries, services
from experiments.models import AllocationBatch, Arm, Experiment, Phase, UnitTotals
from tests.experiments.shop import draft, exposure, fold, running, send

pytestmark = pytest.mark.django_db
UNITS = [f"u-{number}" for number in range(300)]


def arms_now(experiment: str = "welcome") -> dict[str, tuple[str | None, str]]:
    return {one.unit: (one.arm, one.reason) for one in queries.decide(experiment, UNITS)}


def test_the_first_phase_is_that_of_the_start_and_ends_with_the_stop() -> None:
    experiment = draft(coverage=0.5)
    assert not Phase.objects.exists()
    started = services.start_experiment(experiment, actor="test")
    first = Phase.objects.get()
    assert (first.number, first.seed, first.weights, first.coverage) == (1, "welcome", {"a": 0.5, "b": 0.5}, 0.5)
    assert first.started_at == started.started_at == started.phase_started_at
    assert first.ended_at is None
    stopped = services.stop_experiment(started, actor="test")
    first.refresh_from_db()
    assert first.ended_at == stopped.stopped_at


def test_a_phase_hashes_anew_with_its_weights_and_closes_the_one_before() -> None:
    experiment = running()
    before = arms_now()
    changed = services.start_phase(experiment, weights={"a": 1, "b": 3}, coverage=0.8, reason="b is safe", actor="test")
    assert (changed.phase, changed.seed, changed.coverage, changed.version) == (2, "welcome#2", 0.8, 3)
    assert [arm.weight for arm in queries.arms_of(changed)] == [0.25, 0.75]
    first, second = Phase.objects.all()
    assert first.ended_at == second.started_at == changed.phase_started_at
    assert (second.number, second.weights, second.reason) == (2, {"a": 0.25, "b": 0.75}, "b is safe")
    after = arms_now()
    moved = [unit for unit in UNITS if before[unit][0] != after[unit][0]]
    assert len(moved) > len(UNITS) / 4
    entry = audit.history(changed)[0]
    assert (entry.action, entry.data["reason"]) == ("experiment.start_phase", "b is safe")


def test_the_figures_of_a_phase_begin_at_nothing() -> None:
    experiment = running()
    send(exposure("u-1", "a"), exposure("u-2", "b"))
    fold()
    assert [arm.moments.n for arm in queries.arms_of(experiment)] == [1, 1]
    services.start_phase(experiment, actor="test")
    assert [arm.moments.n for arm in queries.arms_of(experiment)] == [0, 0]
    assert not UnitTotals.objects.exists()
    send(exposure("u-1", "b"))
    fold()
    assert [arm.moments.n for arm in queries.arms_of(experiment)] == [0, 1]


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"weights": {"a": 1}}, "weights"),
        ({"weights": {"a": 1, "b": -1}}, "weights.b"),
        ({"weights": {"a": 0, "b": 0}}, "weights"),
        ({"coverage": 1.5}, "coverage"),
    ],
)
def test_a_phase_that_cannot_be(options: dict[str, Any], field: str) -> None:
    experiment = running()
    with pytest.raises(errors.InvalidInput) as caught:
        services.start_phase(experiment, actor="test", **options)
    assert [problem.field for problem in caught.value.problems] == [field]
    experiment.refresh_from_db()
    assert (experiment.phase, experiment.version, Phase.objects.count()) == (1, 2, 1)


def test_raising_the_coverage_moves_nobody() -> None:
    experiment = running(coverage=0.3)
    before = arms_now()
    raised = services.raise_coverage(experiment, to=0.7, actor="test")
    after = arms_now()
    entered = [unit for unit in UNITS if before[unit][1] != "assigned" and after[unit][1] == "assigned"]
    assert len(entered) > len(UNITS) / 4
    assert all(after[unit] == found for unit, found in before.items() if found[1] == "assigned")
    assert Phase.objects.count() == 1
    for lower in (0.7, 0.2):
        with pytest.raises(errors.Conflict, match="only be raised"):
            services.raise_coverage(raised, to=lower, actor="test")
    with pytest.raises(errors.InvalidInput):
        services.raise_coverage(raised, to=1.1, actor="test")
    assert arms_now() == after


def test_dropping_an_arm_moves_nobody_else() -> None:
    experiment = running("welcome", "b", "c")
    before = arms_now()
    changed = services.drop_arm(experiment, arm="b", reason="It is worse", actor="test")
    after = arms_now()
    for unit, (arm, reason) in before.items():
        assert after[unit] == (("a", "arm_dropped") if arm == "b" else (arm, reason))
    assert Arm.objects.get(key="b").dropped_at is not None
    entry = audit.history(changed)[0]
    assert (entry.action, entry.data) == ("experiment.drop_arm", {"arm": "b", "reason": "It is worse"})


def test_which_arms_cannot_be_dropped() -> None:
    experiment = running("welcome", "b", "c")
    dropped = services.drop_arm(experiment, arm="b", actor="test")
    for arm, error, sentence in (
        ("z", errors.NotFound, "no arm 'z'"),
        ("a", errors.Conflict, "control cannot be dropped"),
        ("b", errors.Conflict, "dropped before"),
        ("c", errors.Conflict, "No arm would be left"),
    ):
        with pytest.raises(error, match=sentence):
            services.drop_arm(dropped, arm=arm, actor="test")
    assert [arm.key for arm in Arm.objects.filter(dropped_at=None)] == ["a", "c"]
    dropped.refresh_from_db()
    assert dropped.version == 3


def test_forced_arms_are_shown_and_count_nowhere() -> None:
    experiment = draft()
    forced = services.set_forced_arms(experiment, forced={"qa": "b"}, actor="test")
    decision = queries.decide("welcome", ["qa"])[0]
    assert (decision.arm, decision.reason, decision.in_experiment) == ("b", "forced", False)
    started = services.start_experiment(forced, actor="test")
    assert queries.decide("welcome", ["qa"])[0].reason == "forced"
    with pytest.raises(errors.InvalidInput) as caught:
        services.set_forced_arms(started, forced={"qa": "z"}, actor="test")
    assert [problem.field for problem in caught.value.problems] == ["forced.qa"]
    services.set_forced_arms(started, forced={}, actor="test")
    assert queries.decide("welcome", ["qa"])[0].reason == "assigned"


CHANGES: list[Callable[[Experiment], object]] = [
    lambda one: services.start_phase(one, actor="test"),
    lambda one: services.raise_coverage(one, to=1.0, actor="test"),
    lambda one: services.drop_arm(one, arm="b", actor="test"),
    lambda one: services.set_forced_arms(one, forced={"qa": "b"}, actor="test"),
]


@pytest.mark.parametrize("change", CHANGES)
def test_what_is_over_is_not_changed(change: Callable[[Experiment], object]) -> None:
    experiment = services.stop_experiment(running("welcome", "b", "c", coverage=0.5), actor="test")
    with pytest.raises(errors.Conflict, match="The experiment is stopped, which does not allow this"):
        change(experiment)
    with pytest.raises(errors.Conflict, match="imported"):
        change(draft("old", "b", "c", source="imported", coverage=0.5))
    experiment.refresh_from_db()
    assert (experiment.version, experiment.coverage, experiment.forced) == (3, 0.5, {})
    assert not Arm.objects.exclude(dropped_at=None).exists()


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_of_what_somebody_else_has_changed_is_refused(change: Callable[[Experiment], object]) -> None:
    seen = running("welcome", "b", "c", coverage=0.5)
    services.raise_coverage(seen, to=0.6, actor="test")
    with pytest.raises(errors.Conflict, match="Somebody else has just changed"):
        change(seen)
    assert Phase.objects.count() == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("change", CHANGES)
def test_of_two_at_once_one_wins(change: Callable[[Experiment], object]) -> None:
    experiment = running("welcome", "b", "c", coverage=0.5)
    start = Barrier(2)

    def attempt(_: int) -> bool:
        try:
            start.wait()
            change(experiment)
        except errors.Conflict:
            return False
        else:
            return True
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(attempt, range(2))) == [False, True]
    experiment.refresh_from_db()
    assert experiment.version == 3
    assert audit.history(experiment).count() == 3
    assert Phase.objects.count() == experiment.phase


# --- holdouts -------------------------------------------------------------------------------------------------------
def held() -> set[str]:
    return {unit for unit, (_, reason) in arms_now().items() if reason == "held_out"}


def test_a_global_holdout_is_of_every_experiment_until_it_ends() -> None:
    running()
    before = arms_now()
    holdout = services.create_holdout(key="season", name="Season", share=0.2, is_global=True, actor="test")
    out = held()
    assert 30 < len(out) < 90
    after = arms_now()
    assert all(after[unit] == (("a", "held_out") if unit in out else found) for unit, found in before.items())
    running("second")
    assert {one.unit for one in queries.decide("second", UNITS) if one.reason == "held_out"} == out
    ended = services.end_holdout(holdout, actor="test")
    assert arms_now() == before
    assert [entry.action for entry in audit.history(ended)] == ["holdout.ended", "holdout.created"]
    with pytest.raises(errors.Conflict, match="ended before"):
        services.end_holdout(holdout, actor="test")


def test_a_named_holdout_is_of_those_that_name_it() -> None:
    services.create_holdout(key="mail", name="Mail", share=0.2, is_global=False, actor="test")
    running()
    running("second", holdouts=["mail"])
    assert not held()
    assert any(one.reason == "held_out" for one in queries.decide("second", UNITS))
    with pytest.raises(errors.InvalidInput, match=r"holdouts.0: there is no active holdout 'x'"):
        draft("third", holdouts=["x"])


def test_the_held_out_keep_the_control_after_a_decision_too() -> None:
    services.create_holdout(key="season", name="Season", share=0.2, is_global=True, actor="test")
    stopped = services.stop_experiment(running(), actor="test")
    services.decide_experiment(stopped, action="ship", arm="b", actor="test")
    found = arms_now()
    assert set(found.values()) == {("a", "held_out"), ("b", "decided")}


@pytest.mark.parametrize(
    ("changes", "field"),
    [({"key": "X"}, "key"), ({"name": ""}, "name"), ({"share": 0}, "share"), ({"share": 0.6}, "share")],
)
def test_a_holdout_that_cannot_be(changes: dict[str, Any], field: str) -> None:
    given: dict[str, Any] = {
        "key": "season",
        "name": "Season",
        "share": 0.1,
        "is_global": True,
        "actor": "test",
    } | changes
    with pytest.raises(errors.InvalidInput) as caught:
        services.create_holdout(**given)
    assert [problem.field for problem in caught.value.problems] == [field]


def test_a_holdouts_key_is_taken_once() -> None:
    services.create_holdout(key="season", name="Season", share=0.1, is_global=True, actor="test")
    with pytest.raises(errors.Conflict, match="'season' exists already"):
        services.create_holdout(key="season", name="Other", share=0.2, is_global=False, actor="test")


# --- adaptive -------------------------------------------------------------------------------------------------------
def test_an_adaptive_experiment_begins_with_a_batch_of_its_own_weights() -> None:
    experiment = running(allocation="adaptive")
    batch = AllocationBatch.objects.get()
    assert (batch.number, batch.weights, batch.basis) == (1, [0.5, 0.5], {"phase": 1})
    services.start_phase(experiment, weights={"a": 1, "b": 3}, actor="test")
    assert [one.weights for one in AllocationBatch.objects.all()] == [[0.5, 0.5], [0.25, 0.75]]
    assert AllocationBatch.objects.filter(started_at__lte=timezone.now() + timedelta(seconds=1)).count() == 2
