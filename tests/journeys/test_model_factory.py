"""From a catalogue file to copy of a model that learned from it: files in, a LoRA run, the gate, promotion, copy.

The clicks are made in a browser, the workers' tasks run in the test's own process, on the CPU, with the real starter
model. Where there is no browser, the same is done by hand below (`test_the_same_without_a_browser`).
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pytest
from django.db import connection
from pytest_django.live_server_helper import LiveServer

from core.models import Job
from models_ml import queries, services, tasks
from models_ml.brief import Brief, Offer, Product
from models_ml.jobs import measuring, tuning
from models_ml.models import DatasetVersion, ModelVersion, TrainingPoint, TrainingRun
from models_ml.services.training import keep_point
from tests import people
from tests.conftest import find_chromium
from tests.journeys.test_loop_in_the_browser import Person
from tests.models_ml import factory

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.django_db(transaction=True)]

STEPS = 8
PLAN = {
    "objective": "causal",
    "max_steps": STEPS,
    "batch_size": 4,
    "max_length": 96,
    "learning_rate": 5e-4,
    "evaluate_every": 4,
    "save_every": 4,
}


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """One torch thread, and a check of few texts: its figures are rough, its way is the real one."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    sizes = measuring.Sizes(briefs=3, draws=6, safe_draws=1, rows=12)
    monkeypatch.setattr(measuring, "MEASURES", measuring.measures_of(sizes))


def job_of(task: str) -> Job:
    """The one job of a task."""
    return Job.objects.get(task_name=task)


def succeeded(job: Job) -> None:
    """The job is done; else its error is shown."""
    job.refresh_from_db()
    assert (job.status, job.error) == ("succeeded", None), job.log_tail


@pytest.mark.journey
def test_from_catalogue_to_copy_of_the_promoted_model(
    page: Page, live_server: LiveServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    services.ensure_starter_registered()
    person = Person(page, live_server)
    person.sign_in(people.ana())
    catalogue = tmp_path / "catalogue.csv"
    catalogue.write_bytes(factory.csv_bytes())

    hand_in(person, catalogue)
    train(person, monkeypatch)
    check(person)
    promote(person)
    copy_comes_from_the_promoted_model()


def hand_in(person: Person, catalogue: Path) -> None:
    """The analyst hands the file in, maps its columns and has the dataset built."""
    page = person.page
    person.open("/models/datasets/")
    page.get_by_role("link", name="Hand in files").first.click()
    page.get_by_label("Name").fill("Catalogue, spring")
    page.get_by_label("Shall teach").select_option("text")
    page.get_by_label("Files").set_input_files(str(catalogue))
    page.get_by_role("button", name="Hand in").click()
    page.get_by_text("Olive Tote").first.wait_for()
    page.get_by_label("Text", exact=True).or_(page.get_by_label("Text:")).first.fill("description + advert")
    page.get_by_label("Too alike from").fill("1")
    page.get_by_role("button", name="Build the dataset").click()
    page.get_by_text("Waiting for a worker.").wait_for()
    tasks.build_dataset(str(job_of(queries.BUILD_TASK).pk))
    succeeded(job_of(queries.BUILD_TASK))
    page.get_by_text("No product, test or text lies on two sides.").wait_for()
    dataset = DatasetVersion.objects.get()
    assert (dataset.status, dataset.report["kept"]) == ("ready", 16)
    assert dataset.content_hash in person.text()


def train(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    """A LoRA run on the starter; its curve and progress are seen before it ends."""
    page = person.page
    page.get_by_role("link", name="Train on it").click()
    page.get_by_label("Name").fill("LoRA on the catalogue")
    page.get_by_label("Learning rate").fill(str(PLAN["learning_rate"]))
    for label, name in (
        *(("Steps at most", "max_steps"), ("Rows a batch", "batch_size"), ("Longest row, in tokens", "max_length")),
        *(("Validate every so many steps", "evaluate_every"), ("Save every so many steps", "save_every")),
    ):
        page.get_by_label(label).fill(str(PLAN[name]))
    page.get_by_role("button", name="Start the run").click()
    page.get_by_text("Waiting for a worker.").wait_for()
    seen = threading.Event()
    monkeypatch.setattr(tuning, "keep_point", waiting_for(seen))
    job = job_of(queries.TRAIN_TASK)
    with Worker(lambda: tasks.train_model(str(job.pk))):
        page.locator("#panel .chart svg polyline").first.wait_for(timeout=60_000)
        assert 0 < float(page.locator("#panel progress").get_attribute("value") or 0) < 100
        seen.set()
    succeeded(job)
    page.get_by_role("link", name="The version it made").wait_for(timeout=30_000)
    run = TrainingRun.objects.get()
    assert (run.method, run.plan["objective"], run.metrics["steps"]) == ("lora", "causal", STEPS)
    assert TrainingPoint.objects.filter(run=run).count() == STEPS
    assert "Training loss falls from" in person.text()


def waiting_for(seen: threading.Event) -> Callable[..., None]:
    """Keeps points, and from the third on holds the run until somebody has looked at it."""

    def keep(run: TrainingRun, step: int, values: Any) -> None:
        keep_point(run, step, values)
        assert step < 3 or seen.wait(60)

    return keep


class Worker(threading.Thread):
    """A task at work beside the browser; its failure is the test's."""

    def __init__(self, work: Callable[[], None]) -> None:
        super().__init__()
        self._work = work
        self.failure: BaseException | None = None

    def run(self) -> None:
        """The work, on a connection of its own."""
        try:
            self._work()
        except BaseException as failure:  # noqa: BLE001 - handed on below
            self.failure = failure
        finally:
            connection.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.join(120)
        assert self.failure is None
        assert not self.is_alive()


def check(person: Person) -> None:
    """The analyst has the version checked and stages it; the gate passes on measured figures."""
    page = person.page
    page.get_by_role("link", name="The version it made").click()
    page.get_by_role("button", name="Have it checked").click()
    job = job_of(queries.CHECK_TASK)
    tasks.check_model(str(job.pk))
    succeeded(job)
    assert job.result is not None
    assert job.result["passes"], job.result["lines"]
    page.get_by_text("The gate lets it through").wait_for(timeout=30_000)
    assert page.locator("table.gate .badge.good").count() == 8
    page.get_by_role("button", name="Stage").click()
    page.get_by_text("Staged. It can be promoted now.").wait_for()
    assert page.get_by_role("button", name="Promote to production").count() == 0


def promote(person: Person) -> None:
    """The administrator promotes it; the starter steps back."""
    page, version = person.page, ModelVersion.objects.get(run__isnull=False)
    person.sign_in(people.dora())
    person.open(f"/models/versions/{version.pk}/")
    page.get_by_role("button", name="Promote to production").click()
    page.get_by_text("Promoted. It is in production from the next text on.").wait_for()
    assert "Roll back to “Copylift starter”" in person.text()
    version.refresh_from_db()
    assert queries.production_model() == version
    assert version.replaced == ModelVersion.objects.get(name=services.STARTER_NAME)


def copy_comes_from_the_promoted_model() -> None:
    """What is written next is written by the adapter, and says so."""
    from models_ml.jobs.writing import generate_candidates

    version = ModelVersion.objects.get(run__isnull=False)
    brief = Brief("en", "push", Product("Canvas Tote", "bags"), offer=Offer("percent", "20%"), price="$49.90")
    found = generate_candidates([brief], per_brief=1, seed=3, should_stop=lambda: False, on_batch=lambda _new: None)
    assert len(found) == 1
    assert found[0]["headline"]
    provenance = found[0]["provenance"]
    assert provenance["model_version"] == version.pk
    assert provenance["adapter"] == f"run-{version.run_id} {version.content_hash}"
    assert ModelVersion.objects.count() == 2


@pytest.mark.skipif(find_chromium() is not None, reason="the journey in the browser covers it")
def test_the_same_without_a_browser() -> None:
    starter, ana = services.ensure_starter_registered(), people.ana()
    assert starter is not None
    roles = {"text": "description + advert", "group": "product_id"}
    chosen = services.ChosenSource(factory.source_file(), "catalogue", roles)
    dataset = services.create_dataset(
        name="Catalogue", task="text", sources=[chosen], actor=ana, near_duplicate_threshold=1.0
    )
    tasks.build_dataset(str(dataset.job_id))
    dataset.refresh_from_db()
    run = services.start_training(name="LoRA", dataset=dataset, base=starter, actor=ana, settings_of_plan=PLAN)
    tasks.train_model(str(run.job_id))
    version = ModelVersion.objects.get(run=run)
    tasks.check_model(str(services.request_check(version, actor=ana).pk))
    services.stage(ModelVersion.objects.get(pk=version.pk), actor=ana)
    services.promote(ModelVersion.objects.get(pk=version.pk), actor=people.dora())
    copy_comes_from_the_promoted_model()
