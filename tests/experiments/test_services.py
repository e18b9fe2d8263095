"""Making, moving, analysing; the periodic tasks, the audit command and the admin."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from core import audit, errors
from experiments import charts, lifecycle, queries, services, tasks
from experiments.lifecycle import Move, Status
from experiments.models import Analysis, Arm, ArmMoments, Event, Experiment
from experiments.services import ArmInput
from experiments.stats.moments import Moments
from tests.experiments.shop import draft, event, exposure, fold, running, send
from tests.people import alice, charlie, dora

pytestmark = pytest.mark.django_db

ARMS = [ArmInput("a", "A", is_control=True), ArmInput("b", "B", weight=3)]


def create(**changes: Any) -> Experiment:
    return services.create_experiment(**{"key": "k", "name": "N", "arms": ARMS, "created_by": None} | changes)


# --- making ---------------------------------------------------------------------------------------------------------
def test_an_experiment_is_made_with_its_arms_and_an_audit_entry() -> None:
    made_by = alice()
    experiment = create(created_by=made_by, hypothesis="More sales")
    assert (experiment.status, experiment.seed, experiment.source) == ("draft", "k", "live")
    assert [(arm.key, arm.weight, arm.position) for arm in queries.arms_of(experiment)] == [
        ("a", 0.25, 0),
        ("b", 0.75, 1),
    ]
    assert [(entry.action, entry.actor_label) for entry in audit.history(experiment)] == [
        ("experiment.created", "alice@shop.test")
    ]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"key": "Upper"}, "key"),
        ({"key": ""}, "key"),
        ({"key": "k" * 81}, "key"),
        ({"name": " "}, "name"),
        ({"currency": "usd"}, "currency"),
        ({"coverage": 1.2}, "coverage"),
        ({"planned_units": 0}, "planned_units"),
        ({"namespace": {"key": "n"}}, "namespace"),
        ({"namespace": {"key": "n", "start": 0.5, "end": 0.2}}, "namespace"),
        ({"arms": ARMS[:1]}, "arms"),
        ({"arms": [ARMS[0], ARMS[0]]}, "arms.0.key"),
        ({"arms": [ARMS[0], replace(ARMS[1], is_control=True)]}, "arms"),
        ({"arms": [ARMS[1], replace(ARMS[1], key="c")]}, "arms"),
        ({"arms": [ARMS[0], replace(ARMS[1], weight=-1)]}, "arms.1.weight"),
        ({"arms": [ARMS[0], replace(ARMS[1], weight=float("nan"))]}, "arms.1.weight"),
        ({"arms": [ARMS[0], replace(ARMS[1], key="b b")]}, "arms.1.key"),
        ({"arms": [replace(arm, weight=0) for arm in ARMS]}, "arms"),
    ],
)
def test_what_makes_no_experiment_is_refused_by_its_field(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(errors.InvalidInput) as caught:
        create(**changes)
    assert [problem.field for problem in caught.value.problems] == [field]
    assert not Experiment.objects.exists()


def test_a_key_is_taken_once() -> None:
    create()
    with pytest.raises(errors.Conflict, match="'k' exists already"):
        create()
    assert Arm.objects.count() == 2


def test_the_database_itself_holds_one_control_and_known_states() -> None:
    experiment = create()
    with pytest.raises(IntegrityError, match="experiments_one_control"), transaction.atomic():
        Arm.objects.filter(experiment=experiment, key="b").update(is_control=True)
    with pytest.raises(IntegrityError, match="experiments_experiment_status"), transaction.atomic():
        Experiment.objects.update(status="done")


# --- moving ---------------------------------------------------------------------------------------------------------
MOVES: dict[Move, Callable[[Experiment], Experiment]] = {
    Move.START: lambda one: services.start_experiment(one, actor="test"),
    Move.PAUSE: lambda one: services.pause_experiment(one, actor="test"),
    Move.RESUME: lambda one: services.resume_experiment(one, actor="test"),
    Move.STOP: lambda one: services.stop_experiment(one, actor="test"),
    Move.DECIDE: lambda one: services.decide_experiment(one, action="keep", actor="test"),
}


@pytest.mark.parametrize("status", Status)
@pytest.mark.parametrize("move", Move)
def test_each_move_from_each_state(status: Status, move: Move) -> None:
    experiment = create()
    Experiment.objects.update(status=status)
    if move in lifecycle.allowed(status):
        moved = MOVES[move](experiment)
        assert (moved.status, moved.version) == (lifecycle.target(move), 2)
        assert audit.history(experiment)[0].action == f"experiment.{move}"
        return
    with pytest.raises(errors.Conflict, match=f"The experiment is {status}, which does not allow this."):
        MOVES[move](experiment)
    experiment.refresh_from_db()
    assert (experiment.status, experiment.version) == (status, 1)
    assert audit.history(experiment).count() == 1


def test_a_decision_names_an_arm_of_the_experiment() -> None:
    experiment = services.stop_experiment(running(), actor="test")
    for options, field in (
        ({"action": "shelve"}, "action"),
        ({"action": "ship"}, "arm"),
        ({"action": "ship", "arm": "z"}, "arm"),
        ({"action": "keep", "arm": "a"}, "arm"),
    ):
        with pytest.raises(errors.InvalidInput) as caught:
            services.decide_experiment(experiment, actor="test", **options)
        assert [problem.field for problem in caught.value.problems] == [field]
    decided = services.decide_experiment(experiment, action="ship", arm="b", reason="It pays.", actor=alice())
    assert decided.decision == {"action": "ship", "arm": "b", "reason": "It pays.", "by": "alice@shop.test"}
    assert decided.decided_at is not None


# --- analysing ------------------------------------------------------------------------------------------------------
def test_the_same_moments_give_the_same_analysis_and_new_ones_replace_that_of_the_hour() -> None:
    experiment = running()
    send(*(exposure(f"u-{number}", "ab"[number % 2]) for number in range(10)))
    fold()
    first = services.analyse(experiment)
    assert services.analyse(experiment) == first
    assert (first.is_final, first.verdict, first.results["units"]) == (False, "keep_running", 10)
    assert first.results["as_of"] == max(Event.objects.values_list("occurred_at", flat=True)).isoformat()
    send(event("click"))
    fold()
    second = services.analyse(experiment)
    assert second != first
    assert list(Analysis.objects.all()) == [second]
    stopped = services.stop_experiment(experiment, actor="test")
    final = services.analyse(stopped)
    assert (final.is_final, final.results["mode"]) == (True, "final")
    assert queries.latest_analysis(stopped) == final
    assert Analysis.objects.count() == 2


def test_computing_again_from_the_same_moments_gives_the_same_bytes() -> None:
    experiment = running()
    send(*(exposure(f"u-{number}", "ab"[number % 2]) for number in range(10)), event("click"))
    fold()
    first = services.analyse(experiment)
    Analysis.objects.all().delete()
    second = services.analyse(experiment)
    assert (second.inputs_hash, second.results) == (first.inputs_hash, first.results)


def test_an_imported_experiment_has_final_results_of_its_own_metrics() -> None:
    kept = [{"key": "kept", "label": "Kept", "kind": "proportion", "numerator": "kept"}]
    experiment = create(source="imported", origin={"metrics": kept}, goal_metric="kept")
    arms = queries.arms_of(experiment)
    ArmMoments.objects.bulk_create(
        ArmMoments.of(arm, Moments.of_proportion("kept", successes=successes, n=n))
        for arm, successes, n in zip(arms, (100, 420), (1000, 3000), strict=True)
    )
    analysis = services.analyse(experiment)
    assert (analysis.is_final, analysis.verdict) == (True, "ship")
    assert analysis.results["metrics"][0]["arms"][1]["value"]["estimate"] == 0.14
    with pytest.raises(errors.Conflict, match="imported"):
        services.start_experiment(experiment, actor="test")


def test_a_result_costs_the_same_few_queries_whatever_the_units() -> None:
    experiment = running()
    send(*(exposure(f"u-{number}", "ab"[number % 2]) for number in range(50)))
    fold()
    with CaptureQueriesContext(connection) as found:
        services.analyse(experiment)
    # A savepoint is no reading; in a worker the outermost is the transaction.
    asked = [query["sql"] for query in found if "SAVEPOINT" not in query["sql"]]
    assert len(asked) <= 7
    assert not any("experiments_event" in query["sql"] for query in found)


# --- lists, tasks, command, admin -----------------------------------------------------------------------------------
def test_the_list_brings_the_newest_result_and_finds_by_words() -> None:
    draft("sleeping")
    experiment = running("awake")
    send(exposure(experiment="awake"))
    fold()
    services.analyse(experiment)
    with CaptureQueriesContext(connection) as found:
        first, second = (vars(one) for one in queries.experiment_list())
    assert len(found) == 2
    assert (first["key"], first["latest_units"]) == ("awake", 1)
    assert first["latest_sentence"].startswith("Keep running: after 1 shopper ")
    assert (second["key"], second["latest_units"], second["latest_sentence"]) == ("sleeping", None, None)
    assert [one.key for one in queries.experiment_list("SLEEP")] == ["sleeping"]
    assert not queries.experiment_list("nothing")


def test_the_tasks_may_run_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(charts, "interval_chart", lambda results: f"<svg>{results['units']}</svg>")
    running()
    draft("sleeping")
    send(exposure(), event("click"))
    assert [tasks.fold_events(), tasks.fold_events()] == [2, 0]
    assert [tasks.refresh_analyses(), tasks.refresh_analyses()] == [1, 0]
    assert Analysis.objects.get().chart_svg == "<svg>1</svg>"
    tasks.keep_partitions()
    assert tasks.keep_partitions()["made"] == 0


def test_the_audit_command_says_equal_or_ends_with_one() -> None:
    experiment = running()
    draft("imported", source="imported")
    send(exposure(), exposure("u-2", "b"))
    fold()
    out, err = StringIO(), StringIO()
    call_command("audit_moments", stdout=out, stderr=err)
    assert (out.getvalue(), err.getvalue()) == ("welcome: equal (2 arms, 2 slices)\n", "")
    ArmMoments.objects.filter(arm=experiment.arms.get(key="b")).update(n=2)
    with pytest.raises(SystemExit) as ended:
        call_command("audit_moments", experiment="welcome", stdout=out, stderr=err)
    assert ended.value.code == 1
    assert err.getvalue() == "welcome, arm b: 2 units instead of 1\n"
    for key, sentence in (("nowhere", "There is no experiment 'nowhere'."), ("imported", "was imported")):
        with pytest.raises(CommandError, match=sentence) as caught:
            call_command("audit_moments", experiment=key)
        assert caught.value.returncode == 2


def test_the_admin_shows_and_changes_nothing() -> None:
    experiment = running()
    send(exposure(), exposure("u-2", "b"))
    fold()
    services.analyse(experiment)
    client = Client()
    client.force_login(dora())
    for name in ("experiment", "analysis", "unittotals"):
        page = client.get(f"/admin/experiments/{name}/?q=u-1")
        assert page.status_code == 200
        assert client.get(f"/admin/experiments/{name}/add/").status_code == 403
    page = client.get(f"/admin/experiments/experiment/{experiment.pk}/change/")
    assert page.status_code == 200
    assert client.post(f"/admin/experiments/experiment/{experiment.pk}/change/", {"name": "X"}).status_code == 403
    experiment.refresh_from_db()
    assert experiment.name == "The welcome test"
    outsider = Client()
    outsider.force_login(charlie())
    assert outsider.get("/admin/experiments/experiment/").status_code == 302
