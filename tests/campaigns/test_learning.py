"""Learning from results: datasets of past copy, the job that trains a scorer, the page, and who may."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from campaigns import queries, services
from campaigns.models import Audience, Campaign, Copy, Product
from core import errors
from core.jobs import run_job
from core.models import AuditEntry, Job, User
from core.models.job import Status
from core.roles import Role
from models_ml.data import DatasetPlan
from models_ml.models import DatasetVersion, SourceFile
from models_ml.scores import PastText
from tests import people
from tests.campaigns import shop
from tests.campaigns.test_outcomes import finished
from tests.campaigns.test_scoring import scorer_version

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _own_folder(settings: Any, tmp_path: Any) -> None:
    settings.VAR = tmp_path


class FakeTrainer:
    """Notes the arms it is given; `stop` asks for a cancel on the way."""

    def __init__(self) -> None:
        self.arms: list[PastText] = []

    def __call__(
        self, tested: Sequence[PastText], *, seed: int, on_progress: Any, should_stop: Callable[[], bool]
    ) -> Mapping[str, Any]:
        self.arms = list(tested)
        on_progress(0.5, "folds", "fold 2 of 5", {})
        return {"version": 7, "sentence": f"Right in 60 % of pairs, seed {seed}."}


def test_the_material_is_counted() -> None:
    finished(shop.launched())
    assert services.material() == services.Material(tests=1, arms=3, winners=1, answers=4, pairs=1)


def test_past_copy_becomes_a_dataset_being_built() -> None:
    shop.launched()
    made = services.make_dataset(task="copy", name="Past copy", actor=people.ana())
    plan = DatasetPlan.from_json(made.plan)
    assert (made.task, made.status, plan.sources[0].kind) == ("copy", "building", "copy")
    assert set(plan.sources[0].columns) == {"brief", "theme", "headline", "body", "call_to_action", "group"}
    file = SourceFile.objects.get()
    assert (file.format, file.origin) == ("jsonl", "past")
    assert made.job is not None
    assert made.job.status == Status.QUEUED


def test_preferences_carry_their_weight() -> None:
    finished(shop.launched())
    made = services.make_dataset(task="pairs", name="Past preferences", actor=people.ana())
    assert "weight" in DatasetPlan.from_json(made.plan).sources[0].columns


def test_there_is_no_dataset_of_nothing() -> None:
    ana = people.ana()
    with pytest.raises(errors.Conflict, match="No copy is approved yet"):
        services.make_dataset(task="copy", name="x", actor=ana)
    with pytest.raises(errors.Conflict, match="no preference to learn from"):
        services.make_dataset(task="pairs", name="x", actor=ana)
    with pytest.raises(errors.InvalidInput, match="task"):
        services.make_dataset(task="poems", name="x", actor=ana)
    assert not DatasetVersion.objects.exists()
    assert not SourceFile.objects.exists()


def test_a_scorer_is_trained_on_the_finished_tests() -> None:
    finished(shop.launched())
    job = services.request_scorer(actor=people.ana(), seed=3)
    trainer = FakeTrainer()
    run_job(str(job.pk), lambda context: services.train_scorer(context, trainer=trainer))
    done = Job.objects.get(pk=job.pk)
    assert (done.status, done.result) == (
        Status.SUCCEEDED,
        {"version": 7, "sentence": "Right in 60 % of pairs, seed 3."},
    )
    assert [(arm.units, arm.successes) for arm in trainer.arms] == [(2000, 200), (2000, 300), (2000, 210)]
    assert AuditEntry.objects.filter(action="scorer.asked").count() == 1


def test_one_scorer_is_trained_at_a_time() -> None:
    finished(shop.launched())
    ana = people.ana()
    services.request_scorer(actor=ana)
    with pytest.raises(errors.Conflict, match="being trained already"):
        services.request_scorer(actor=ana)
    assert Job.objects.filter(task_name=services.SCORER_TASK).count() == 1


def test_without_a_finished_test_no_scorer_is_asked_for() -> None:
    with pytest.raises(errors.Conflict, match="No test with texts is finished"):
        services.request_scorer(actor=people.ana())
    assert not Job.objects.exists()


@pytest.mark.parametrize("role", [Role.MARKETER, Role.APPROVER])
def test_who_does_not_train_models_may_look_only(client: Client, role: Role) -> None:
    finished(shop.launched())
    jobs = Job.objects.count()
    client.force_login(people.member("Lou", role))
    page = client.get("/models/learning/").content.decode()
    assert "Weighted preferences" in page
    assert '<form method="post" action="/models/learning/' not in page
    assert client.post("/models/learning/dataset/", {"task": "copy"}).status_code == 403
    assert client.post("/models/learning/scorer/").status_code == 403
    assert Job.objects.count() == jobs


def test_the_analyst_makes_a_dataset_and_a_scorer_from_the_page(client: Client) -> None:
    finished(shop.launched())
    client.force_login(people.ana())
    page = client.get("/models/learning/").content.decode()
    assert "Make a dataset of preferences" in page
    answer = client.post("/models/learning/dataset/", {"task": "pairs"})
    assert answer["Location"] == f"/models/datasets/{DatasetVersion.objects.get().pk}/"
    answer = client.post("/models/learning/scorer/")
    assert answer["Location"] == f"/jobs/{Job.objects.get(task_name=services.SCORER_TASK).pk}/"


def test_an_empty_shop_is_told_what_to_do(client: Client) -> None:
    client.force_login(people.ana())
    page = client.get("/models/learning/").content.decode()
    assert "approve copy, finish a test, or import past experiments" in page
    assert "No scorer is in use" in page
    answer = client.post("/models/learning/scorer/", follow=True)
    assert "No test with texts is finished yet" in answer.content.decode()


def test_the_scorer_in_use_is_named_with_its_hit_rate(client: Client) -> None:
    version = scorer_version(name="Headline scorer")
    client.force_login(people.ana())
    page = client.get("/models/learning/").content.decode()
    assert f"/models/versions/{version.pk}/" in page
    assert "right in 58 % (55 % to 62 %)" in page


def edited(campaign: Campaign, editor: User, approver: User) -> None:
    """A copy of the campaign in a person's words, approved by another."""
    copy = Copy.objects.filter(campaign=campaign).order_by("pk")[0]
    parts = {"theme": copy.theme, **queries.written_parts(copy), "body": "Made for every day, and kept for years."}
    services.approve_copy(services.edit_copy(copy, editor=editor, parts=parts), reviewer=approver)


def test_counting_the_material_takes_no_more_queries_with_more_copy() -> None:
    alice, bob, bea = people.alice(), people.bob(), people.member("Bea", Role.APPROVER)
    campaign = shop.ready(alice, bob)
    edited(campaign, bob, bea)
    services.launch_campaign(campaign, actor=alice)
    finished(campaign)
    with CaptureQueriesContext(connection) as few:
        assert (services.material().tests, services.material().answers) == (1, 4)
    more = shop.ready(
        alice, bob, key="winter", products=list(Product.objects.all()), audiences=list(Audience.objects.all())
    )
    edited(more, bob, bea)
    services.launch_campaign(more, actor=alice)
    finished(campaign, place=1)
    finished(more)
    with CaptureQueriesContext(connection) as many:
        assert (services.material().tests, services.material().answers) == (3, 8)
    assert len(many) == len(few)
