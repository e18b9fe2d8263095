"""The tasks of models: names and queues, checks that keep what they measured, and what each refuses."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from celery import current_app
from django.test import Client
from django.urls import reverse

from core import errors
from core.jobs import run_job
from core.models import Job
from core.models.job import Status
from core.services import jobs as job_services
from models_ml import gate, queries, services, tasks
from models_ml.curves import Series, draw, seconds_left, sentence, thinned, ticks
from models_ml.fingerprint import code_version
from models_ml.jobs import checking
from models_ml.jobs.checking import Measure, Measured, Subject
from models_ml.lifecycle import Kind
from models_ml.mapping import guess, roles_of
from models_ml.models import ModelVersion
from tests import people
from tests.models_ml import factory

pytestmark = pytest.mark.django_db


class Measuring:
    """Measurements in name only; keeps what was measured, and can be broken."""

    def __init__(self, **figures: gate.Value) -> None:
        self.figures: Mapping[str, gate.Value] = factory.GOOD | figures
        self.done: list[tuple[str, Subject]] = []
        self.breaks: dict[str, BaseException] = {}

    def measures(self) -> Mapping[Kind, Mapping[str, Measure]]:
        """One measurement a figure."""
        named = {name: partial(self._measure, name) for name in self.figures if name != "hashes_verified"}
        return {Kind.WRITER: named, Kind.SCORER: named}

    def _measure(self, name: str, subject: Subject, should_stop: Any) -> Measured:
        if name in self.breaks:
            raise self.breaks.pop(name)
        self.done.append((name, subject))
        return Measured({name: self.figures[name]}, {"of": name})


def check(version: ModelVersion, measuring: Measuring, job: Job | None = None) -> Job:
    """One attempt at a check; its job afterwards."""
    asked = job or services.request_check(version, actor="test")
    run_job(str(asked.pk), partial(checking.check_model, measures=measuring.measures()))
    return Job.objects.get(pk=asked.pk)


def test_the_tasks_bear_the_names_that_jobs_carry() -> None:
    named = {tasks.build_dataset.name, tasks.train_model.name, tasks.check_model.name}
    assert named == {queries.BUILD_TASK, queries.TRAIN_TASK, queries.CHECK_TASK}
    assert named <= set(current_app.tasks)


# --- checking -----------------------------------------------------------------------------------------------------
def test_a_check_keeps_every_figure_and_what_it_was_compared_with(tmp_path: Path) -> None:
    old, measuring = factory.in_production(tmp_path / "old"), Measuring(forgetting=0.2)
    version = factory.version(tmp_path / "new")
    job = check(version, measuring)
    kept = ModelVersion.objects.get(pk=version.pk)
    assert (job.status, job.result is not None and job.result["passes"]) == ("succeeded", False)
    assert kept.gate == {"figures": dict(measuring.figures), "compared_with": old.pk}
    assert (kept.forgetting, kept.metrics["check"]["unsafe"]) == ({"of": "forgetting"}, {"of": "unsafe"})
    assert kept.checked_at is not None
    assert [line.name for line in gate.failing(services.report_of(kept))] == ["forgetting"]


def test_a_check_opens_the_version_its_base_its_data_and_production(tmp_path: Path, settings: Any) -> None:
    old, measuring = factory.in_production(tmp_path / "old"), Measuring()
    dataset = factory.dataset()
    run = factory.run(on=dataset)
    version = factory.version(tmp_path / "new", run=run, dataset=dataset, method="lora")
    check(version, measuring)
    subject = measuring.done[0][1]
    assert (subject.location, subject.base, subject.method) == (
        *(str(tmp_path / "new"), f"{settings.ROOT}/models_ml/starter", "lora"),
    )
    assert (subject.dataset, subject.production) == (Path(settings.VAR) / dataset.folder, old.location)


def test_the_version_in_production_is_compared_with_nothing(tmp_path: Path) -> None:
    version, measuring = factory.in_production(tmp_path / "only"), Measuring()
    check(version, measuring)
    assert measuring.done[0][1].production is None
    assert ModelVersion.objects.get().gate["compared_with"] is None
    assert gate.passes(services.report_of(ModelVersion.objects.get()))


def test_a_killed_check_goes_on_with_the_next_measurement(tmp_path: Path) -> None:
    version, measuring = factory.version(tmp_path / "new"), Measuring()
    measuring.breaks["safety"] = measuring.breaks["unsafe"] = SystemExit(1)
    with pytest.raises(SystemExit):
        check(version, measuring)
    waiting = Job.objects.get(task_name=queries.CHECK_TASK)
    assert waiting.status == Status.QUEUED
    check(version, measuring, waiting)
    names = [name for name, _subject in measuring.done]
    assert sorted(names) == sorted(name for name in factory.GOOD if name != "hashes_verified")
    assert gate.passes(services.report_of(ModelVersion.objects.get()))


def test_a_cancelled_check_keeps_nothing_on_the_version(tmp_path: Path) -> None:
    version, ana = factory.version(tmp_path / "new"), people.ana()
    asked = services.request_check(version, actor=ana)

    def cancels(subject: Subject, should_stop: Any) -> Measured:
        job_services.cancel_job(Job.objects.get(pk=asked.pk), actor=ana)
        return Measured({"unsafe": 0.0})

    run_job(str(asked.pk), partial(checking.check_model, measures={Kind.WRITER: {"safety": cancels}}))
    assert Job.objects.get(pk=asked.pk).status == Status.CANCELLED
    assert (ModelVersion.objects.get().checked_at, ModelVersion.objects.get().gate) == (None, {})


def test_a_tampered_folder_is_not_even_opened(tmp_path: Path) -> None:
    version, measuring = factory.version(tmp_path / "new"), Measuring()
    (tmp_path / "new" / "model.safetensors").write_bytes(b"other weights")
    job = check(version, measuring)
    assert (job.status, job.error is not None and job.error["code"]) == ("failed", "artifact_changed")
    assert (measuring.done, ModelVersion.objects.get().checked_at) == ([], None)


def test_what_cannot_be_measured_is_a_sentence(tmp_path: Path) -> None:
    version, measuring = factory.version(tmp_path / "new"), Measuring()
    measuring.breaks["unsafe"] = errors.Conflict("The version cannot be measured: no brief fits.", code="unmeasurable")
    job = check(version, measuring)
    assert job.error == {"code": "unmeasurable", "message": "The version cannot be measured: no brief fits."}


# --- what the pages are made of -----------------------------------------------------------------------------------
def test_a_curve_is_drawn_in_the_page_s_colours_with_its_name_escaped() -> None:
    svg = draw([Series("<b>", [(1, 2.0), (2, 1.0)]), Series("Two", [(1, 3.0)], style=1)], title='"x"', axis="step")
    assert svg.startswith("<svg ")
    assert (svg.count("<polyline"), svg.count("<circle")) == (2, 1)
    assert "<b>" not in svg
    assert 'aria-label="&quot;x&quot;"' in svg
    assert "var(--accent)" in svg
    assert "stroke-dasharray" in svg
    assert draw([Series("Empty", [])], title="x", axis="step") == ""


def test_a_flat_or_single_point_can_be_drawn() -> None:
    assert "NaN" not in draw([Series("Flat", [(1, 0.0), (9, 0.0)])], title="x", axis="step")
    assert "<circle" in draw([Series("One", [(5, 1.0)])], title="x", axis="step")


def test_a_long_curve_is_thinned_and_keeps_its_ends_and_its_lowest_point() -> None:
    points = [(step, abs(step - 7777.0)) for step in range(1, 20001)]
    kept = thinned(points, most=100)
    assert len(kept) <= 103
    assert {points[0], points[-1], (7777, 0.0)} <= set(kept)


def test_ticks_are_round() -> None:
    assert ticks(0.9, 4.2) == [1.0, 2.0, 3.0, 4.0]
    assert ticks(0, 100, 6) == [0, 20, 40, 60, 80, 100]
    assert ticks(3, 3) == [3]


def test_a_curve_in_words() -> None:
    assert sentence("Loss", [(1, 4.0), (5, 1.0), (9, 2.0)]) == (
        "Loss falls from 4.000 at step 1 to 2.000 at step 9; the lowest is 1.000 at step 5."
    )
    assert sentence("Loss", [(3, 1.5)]) == "Loss: 1.500 at step 3."
    assert sentence("Loss", []) == ""


@pytest.mark.parametrize(
    ("elapsed", "first", "percent", "left"),
    [(60, 0, 50, 60.0), (30, 40, 70, 30.0), (10, 0, 0.5, None), (0, 0, 50, None), (60, 0, 100, None)],
)
def test_how_long_the_rest_takes(elapsed: float, first: float, percent: float, left: float | None) -> None:
    assert seconds_left(elapsed=elapsed, first_percent=first, percent=percent) == left


@pytest.mark.parametrize(
    ("task", "columns", "found"),
    [
        ("copy", ["Prompt", "Answer", "SKU"], {"prompt": "Prompt", "answer": "Answer", "group": "SKU"}),
        ("copy", ["title", "copy"], {"prompt": "title", "answer": "copy"}),
        ("text", ["id", "review"], {"text": "review", "group": "id"}),
        ("labels", ["text", "label", "text"], {"text": "text", "label": "label"}),
        ("pairs", ["brief", "chosen", "rejected"], {"brief": "brief", "chosen": "chosen", "rejected": "rejected"}),
        ("text", ["a", "b"], {}),
    ],
)
def test_columns_are_guessed_by_their_names(task: str, columns: list[str], found: dict[str, str]) -> None:
    assert guess(task, columns) == found


def test_a_task_asks_for_the_roles_it_knows() -> None:
    assert roles_of("labels") == ("text", "label", "group")
    assert roles_of("pairs")[-2:] == ("group", "weight")


def test_the_code_version_follows_the_sources(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x = 1\n")
    first = code_version(tmp_path)
    code_version.cache_clear()
    assert code_version(tmp_path) == first
    (tmp_path / "a.py").write_text("x = 2\n")
    code_version.cache_clear()
    assert code_version(tmp_path) != first
    assert len(first) == 16


@pytest.mark.parametrize("name", ["modelversion", "datasetversion", "sourcefile", "trainingrun", "providercall"])
def test_the_admin_shows_and_changes_nothing(client: Client, tmp_path: Path, name: str) -> None:
    factory.version(tmp_path / "new", run=factory.run())
    client.force_login(people.dora())
    assert client.get(reverse(f"admin:models_ml_{name}_changelist")).status_code == 200
    assert client.get(reverse(f"admin:models_ml_{name}_add")).status_code == 403


@pytest.mark.django_db(transaction=True)
def test_what_writes_is_loaded_before_anybody_asks(settings: Any) -> None:
    assert tasks.warm_up() == "starter"
    settings.COPYLIFT_MODEL = "/there/is/none"
    assert tasks.warm_up() == ""
