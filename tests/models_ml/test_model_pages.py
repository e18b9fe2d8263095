"""The pages of the model factory: who may see and do what, refusals at their field, empty states, few queries."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from core.models import AuditEntry, Job, User
from core.models.job import Status
from models_ml import queries
from models_ml.models import DatasetVersion, ModelVersion, SourceFile
from models_ml.services.training import keep_point
from tests import people
from tests.models_ml import factory
from tests.models_ml.pages import no_broker, shown, url

pytestmark = pytest.mark.django_db

MOST_QUERIES = 15
MARKUP = "<script>alert(1)</script>"
Who = Callable[[], User]


@pytest.fixture(autouse=True)
def sent(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Jobs that doors sent; no worker is woken."""
    return no_broker(monkeypatch)


def everything(tmp_path: Path) -> dict[str, str]:
    """One of each thing; the addresses of all pages."""
    dataset = factory.dataset(f"Spring {MARKUP}")
    run = factory.run(f"Run {MARKUP}", dataset)
    for step in range(1, 5):
        keep_point(run, step, {"loss": 4.0 / step, "eval_loss": 5.0 / step})
    old = factory.in_production(tmp_path / "old")
    version = factory.staged(tmp_path / "new", f"New {MARKUP}", old)
    ModelVersion.objects.filter(pk=version.pk).update(run=run, dataset=dataset, method="lora")
    return {
        "list": url("list"),
        "version": url("version", version.pk),
        "datasets": url("datasets"),
        "dataset": url("dataset", dataset.pk),
        "runs": url("runs"),
        "run": url("run", run.pk),
        "compare": f"{url('compare')}?run={run.pk}",
        "upload": url("dataset_upload"),
        "map": f"{url('dataset_map')}?task=copy&name=S&file={SourceFile.objects.get().pk}",
        "new run": f"{url('run_new')}?dataset={dataset.pk}",
    }


LOOKING = ("list", "version", "datasets", "dataset", "runs", "run", "compare")
MAKING = ("upload", "map", "new run")


# --- who may ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("who", [people.alice, people.bob, people.ana, people.dora])
def test_every_role_may_look_and_analysts_and_administrators_make(client: Client, tmp_path: Path, who: Who) -> None:
    pages = everything(tmp_path)
    client.force_login(who())
    assert {name: client.get(pages[name]).status_code for name in LOOKING} == dict.fromkeys(LOOKING, 200)
    expected = 200 if who in {people.ana, people.dora} else 403
    assert {name: client.get(pages[name]).status_code for name in MAKING} == dict.fromkeys(MAKING, expected)


def test_charlie_without_a_role_sees_nothing_and_a_stranger_signs_in_first(client: Client, tmp_path: Path) -> None:
    pages = everything(tmp_path)
    assert {client.get(page)["Location"].split("?")[0] for page in pages.values()} == {reverse("login")}
    client.force_login(people.charlie())
    assert {client.get(page).status_code for page in pages.values()} == {403}


@pytest.mark.parametrize(
    ("who", "buttons"),
    [
        (people.alice, set[str]()),
        (people.bob, set[str]()),
        (people.ana, {"check", "retire"}),
        (people.dora, {"check", "retire", "promote"}),
    ],
    ids=["marketer", "approver", "analyst", "administrator"],
)
def test_a_role_sees_the_buttons_it_may_press(client: Client, tmp_path: Path, who: Who, buttons: set[str]) -> None:
    version = factory.staged(tmp_path / "new")
    client.force_login(who())
    page = client.get(url("version", version.pk)).content.decode()
    moves = ("check", "stage", "promote", "roll_back", "retire", "reopen")
    assert {move for move in moves if url("version_move", version.pk, move) in page} == buttons


@pytest.mark.parametrize("who", [people.alice, people.bob, people.charlie])
def test_who_sees_no_button_cannot_press_it_by_hand(client: Client, tmp_path: Path, who: Who) -> None:
    version, run = factory.staged(tmp_path / "new"), factory.run()
    client.force_login(who())
    before = list(AuditEntry.objects.values_list("pk", flat=True))
    for move in ("check", "promote", "roll_back", "retire"):
        assert client.post(url("version_move", version.pk, move), {"reason": "Because I say so."}).status_code == 403
    assert client.post(url("run_job", run.pk, "cancel")).status_code == 403
    assert factory.job_of(run).status == Status.QUEUED
    assert ModelVersion.objects.get(pk=version.pk).stage == "staged"
    assert list(AuditEntry.objects.values_list("pk", flat=True)) == before


def test_no_step_is_taken_by_following_a_link(client: Client, tmp_path: Path) -> None:
    version, run = factory.staged(tmp_path / "new"), factory.run()
    client.force_login(people.dora())
    doors = [
        url("version_move", version.pk, "promote"),
        url("run_job", run.pk, "cancel"),
        url("dataset_job", run.dataset_id, "cancel"),
        url("version_job", version.pk, "cancel"),
    ]
    assert {client.get(door).status_code for door in doors} == {405}


@pytest.mark.parametrize("page", ["version", "dataset", "run"])
def test_what_is_not_there_is_the_404_page(client: Client, page: str) -> None:
    client.force_login(people.dora())
    assert client.get(url(page, 4711)).status_code == 404
    assert client.post(url("version_move", 4711, "promote")).status_code == 404


def test_a_move_that_does_not_exist_is_the_404_page(client: Client, tmp_path: Path) -> None:
    version = factory.version(tmp_path / "new")
    client.force_login(people.dora())
    assert client.post(url("version_move", version.pk, "delete")).status_code == 404


# --- every page ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", [*LOOKING, *MAKING])
def test_a_page_takes_few_queries_and_escapes_what_people_typed(
    client: Client, tmp_path: Path, django_assert_max_num_queries: Any, name: str
) -> None:
    pages = everything(tmp_path)
    client.force_login(people.dora())
    with django_assert_max_num_queries(MOST_QUERIES):
        answer = client.get(pages[name])
    assert answer.status_code == 200
    assert MARKUP not in answer.content.decode()


def test_a_long_list_takes_no_more_queries_than_a_short_one(client: Client, tmp_path: Path) -> None:
    from django.db import connection

    everything(tmp_path)
    client.force_login(people.dora())
    counts = []
    for more in (0, 6):
        for number in range(more):
            factory.run(f"More {number}", DatasetVersion.objects.get(), seed=number + 10)
            factory.version(tmp_path / f"more-{number}", f"More {number}", f"{number}".encode())
        with CaptureQueriesContext(
            connection,
        ) as captured:
            for page in ("list", "runs", "datasets"):
                client.get(url(page))
        counts.append(len(captured))
    assert counts[0] == counts[1]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("list", "No model is registered yet. The first one is when copy is written for a campaign."),
        ("datasets", "There is no dataset yet. Hand in a catalogue, reviews, search logs, or past copy"),
        ("runs", "No model was trained here yet. Build a dataset first, then train on it."),
        ("compare", "Choose two runs or more in the list."),
        ("run_new", "There is no ready dataset to learn from."),
    ],
)
def test_an_empty_page_says_what_to_do(client: Client, name: str, words: str) -> None:
    client.force_login(people.dora())
    assert words in shown(client.get(url(name)))


# --- the registry -------------------------------------------------------------------------------------------------
def test_the_page_of_a_version_shows_the_gate_line_by_line(client: Client, tmp_path: Path) -> None:
    old = factory.in_production(tmp_path / "old")
    version = factory.staged(tmp_path / "new", production=old, forgetting=0.4, parity=None)
    client.force_login(people.ana())
    page = shown(client.get(url("version", version.pk)))
    assert "The gate does not let it through" in page
    assert (page.count('badge good">passes'), page.count('badge bad">fails')) == (6, 2)
    for words in ("40.0 %", "≤ 10.0 %", "≥ 90.0 %", "checked it.", "The gate does not pass.", "Perplexity before"):
        assert words in page


def test_an_administrator_promotes_and_rolls_back_from_the_page(client: Client, tmp_path: Path) -> None:
    old = factory.in_production(tmp_path / "old")
    version = factory.staged(tmp_path / "new", production=old)
    client.force_login(people.dora())
    answer = client.post(url("version_move", version.pk, "promote"), follow=True)
    assert "Promoted. It is in production from the next text on." in shown(answer)
    assert "Roll back to “Old”" in shown(answer)
    answer = client.post(url("version_move", version.pk, "roll_back"), {"reason": ""}, follow=True)
    assert "reason: say why, in 1 to 1000 characters." in shown(answer)
    client.post(url("version_move", version.pk, "roll_back"), {"reason": "It shouts."})
    assert queries.production_model() == old
    assert "“It shouts.”" in shown(client.get(url("version", version.pk)))


def test_promotion_against_the_gate_asks_for_the_reason_and_shows_it_ever_after(client: Client, tmp_path: Path) -> None:
    version = factory.staged(tmp_path / "new", unsafe=0.3)
    client.force_login(people.dora())
    assert "Promote against the gate" in shown(client.get(url("version", version.pk)))
    answer = client.post(url("version_move", version.pk, "promote"), {"reason": "hm"}, follow=True)
    assert "say in 20 characters or more why it is promoted all the same." in shown(answer)
    assert queries.production_model() is None
    reason = "The holiday campaign starts in an hour."
    answer = client.post(url("version_move", version.pk, "promote"), {"reason": reason}, follow=True)
    assert f"Against the gate: unsafe. “{reason}”" in shown(answer)


def test_a_check_is_asked_for_once_however_often_the_button_is_pressed(client: Client, tmp_path: Path) -> None:
    version = factory.version(tmp_path / "new")
    client.force_login(people.ana())
    for _ in range(2):
        client.post(url("version_move", version.pk, "check"))
    assert Job.objects.filter(task_name=queries.CHECK_TASK).count() == 1
    page = client.get(url("version", version.pk)).content.decode()
    assert 'hx-trigger="every 1s"' in page
    assert url("version_move", version.pk, "check") not in page
    client.post(url("version_job", version.pk, "cancel"))
    assert Job.objects.get(task_name=queries.CHECK_TASK).status == Status.CANCELLED


def test_a_base_says_that_it_is_never_in_production(client: Client, tmp_path: Path) -> None:
    version = factory.version(tmp_path / "new", kind="base")
    client.force_login(people.dora())
    page = shown(client.get(url("version", version.pk)))
    assert "it has no gate and is never in production" in page
    assert url("version_move", version.pk, "check") not in page
