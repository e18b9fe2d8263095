"""The pages of datasets and training runs: files in, columns mapped, a run planned, watched, cancelled, resumed."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from core.models import Job
from core.models.job import Status
from models_ml import queries
from models_ml.models import DatasetVersion, SourceFile, TrainingRun
from models_ml.services.training import keep_point
from tests import people
from tests.models_ml import factory
from tests.models_ml.pages import no_broker, shown, url

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def sent(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Jobs that doors sent; no worker is woken."""
    return no_broker(monkeypatch)


# --- datasets -----------------------------------------------------------------------------------------------------
def upload(client: Client, name: str = "catalogue.csv", content: bytes | None = None, **fields: Any) -> Any:
    """The first step, as a browser posts it."""
    file = SimpleUploadedFile(name, factory.csv_bytes() if content is None else content)
    return client.post(url("dataset_upload"), {"name": "Spring", "task": "copy", "data_files": [file], **fields})


OPTIONS = {
    "name": "Spring",
    "languages": ["en"],
    "train": "80",
    "validation": "10",
    "group_by": "group",
    "near": "0.9",
    "mask_personal": "on",
    "seed": "1",
}


def mapping(file: SourceFile, **roles: str) -> dict[str, Any]:
    """The second step, as a browser posts it."""
    mapped = {"prompt": "description", "answer": "advert", "group": "product_id", **roles}
    fields = {f"file-{file.pk}-role_{role}": column for role, column in mapped.items()}
    return OPTIONS | fields | {f"file-{file.pk}-kind": "catalogue", f"file-{file.pk}-language": "en"}


def test_an_analyst_hands_in_a_file_maps_its_columns_and_has_a_dataset_built(
    client: Client,
) -> None:
    client.force_login(people.ana())
    answer = upload(client)
    file = SourceFile.objects.get()
    assert answer["Location"] == f"{url('dataset_map')}?name=Spring&task=copy&file={file.pk}"
    page = shown(client.get(answer["Location"]))
    for words in ("Olive Tote", 'value="description"', 'value="advert"', 'value="product_id"', 'value="Spring"'):
        assert words in page
    made = client.post(answer["Location"], mapping(file))
    dataset = DatasetVersion.objects.get()
    assert made["Location"] == url("dataset", dataset.pk)
    assert dataset.plan["sources"][0]["columns"] == {
        "prompt": "description",
        "answer": "advert",
        "group": "product_id",
    }
    assert (dataset.plan["shares"], dataset.plan["near_duplicate_threshold"]) == ([0.8, 0.1, 0.1], 0.9)
    assert "Waiting for a worker." in shown(client.get(made["Location"]))


def test_sending_the_mapping_twice_makes_one_dataset(client: Client) -> None:
    client.force_login(people.ana())
    address = upload(client)["Location"]
    file = SourceFile.objects.get()
    first, second = (client.post(address, mapping(file))["Location"] for _ in range(2))
    assert first == second
    assert (DatasetVersion.objects.count(), Job.objects.count()) == (1, 1)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"prompt": "story"}, "There is no column “story”. There are: product_id, name, description, advert"),
        ({"answer": ""}, "for copy map messages; or prompt, answer; or brief, theme, headline, body, call_to_action"),
        ({"prompt": "description + story"}, "There is no column “story”."),
    ],
)
def test_a_wrong_mapping_is_said_and_nothing_is_made(client: Client, change: dict[str, str], words: str) -> None:
    client.force_login(people.ana())
    address = upload(client)["Location"]
    answer = client.post(address, mapping(SourceFile.objects.get(), **change))
    assert answer.status_code == 422
    assert words in shown(answer)
    assert (DatasetVersion.objects.count(), Job.objects.count()) == (0, 0)


def test_shares_beyond_the_whole_are_said_at_their_field(client: Client) -> None:
    client.force_login(people.ana())
    address = upload(client)["Location"]
    answer = client.post(address, mapping(SourceFile.objects.get()) | {"train": "95", "validation": "10"})
    assert answer.status_code == 422
    assert "Both shares together are more than 100 %." in shown(answer)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("catalogue.xlsx", b"x", "use .csv, .tsv, .jsonl or .parquet."),
        ("catalogue.csv.gz", b"x", "use .csv, .tsv, .jsonl or .parquet."),
        ("catalogue.csv", b"", "The submitted file is empty."),
    ],
)
def test_a_file_that_cannot_be_used_is_said_and_not_kept(client: Client, name: str, content: bytes, words: str) -> None:
    client.force_login(people.ana())
    answer = upload(client, name, content)
    assert answer.status_code == 422
    assert words in shown(answer)
    assert SourceFile.objects.count() == 0


def test_no_file_is_said(client: Client) -> None:
    client.force_login(people.ana())
    answer = client.post(url("dataset_upload"), {"name": "", "task": "copy"})
    assert answer.status_code == 422
    assert shown(answer).count("This field is required.") >= 2


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.jsonl", b"[1, 2]\n", "No row of a.jsonl can be read: is it one row a line?"),
        ("a.csv", b"a,a\n1,2\n", "two columns named &#x27;a&#x27;"),
        ("a.parquet", b"PAR1 but not", "is not a readable Parquet file"),
        ("a.csv", b"a,b\n1,\0\n", "holds a zero byte"),
    ],
)
def test_a_file_without_readable_rows_is_said_before_anything_is_built(
    client: Client, name: str, content: bytes, words: str
) -> None:
    client.force_login(people.ana())
    page = shown(client.get(upload(client, name, content)["Location"]))
    assert words in page
    assert '<button class="primary" disabled>' in page


def test_the_page_of_a_dataset_shows_counts_drops_leaks_and_rows(client: Client) -> None:
    dataset = factory.dataset()
    client.force_login(people.alice())
    page = shown(client.get(url("dataset", dataset.pk)))
    for words in (
        *("nearly equal to another row", "catalogue.csv, line 4", "Carry &lt;b&gt;it&lt;/b&gt;", "of 16 rows read"),
        *("No product, test or text lies on two sides.", "An olive tote.", dataset.content_hash, "e-mail 1"),
    ):
        assert words in page
    assert url("run_new") not in page


def test_the_page_of_a_duplicate_leads_to_the_first(client: Client) -> None:
    first, second = factory.dataset(), factory.dataset("Again", seed=2)
    client.force_login(people.alice())
    page = shown(client.get(url("dataset", second.pk)))
    assert "The rows are exactly those of another version" in page
    assert url("dataset", first.pk) in page


def test_a_dataset_being_built_renews_itself_and_then_the_whole_page(client: Client) -> None:
    dataset = factory.asked()
    Job.objects.filter(pk=factory.job_of(dataset).pk).update(
        status=Status.RUNNING, percent=40, stage="read", message="100 rows", started_at=timezone.now()
    )
    client.force_login(people.alice())
    part = client.get(url("dataset", dataset.pk), headers={"HX-Request": "true"})
    assert "read: 100 rows" in shown(part)
    assert 'hx-trigger="every 1s"' in part.content.decode()
    Job.objects.filter(pk=factory.job_of(dataset).pk).update(
        status=Status.FAILED, error={"message": "line 4 is too long."}
    )
    part = client.get(url("dataset", dataset.pk), headers={"HX-Request": "true"})
    assert part.headers["HX-Refresh"] == "true"
    assert "line 4 is too long." in shown(part)
    assert "hx-trigger" not in part.content.decode()


# --- runs ---------------------------------------------------------------------------------------------------------
def plan_of(client: Client, **fields: Any) -> dict[str, Any]:
    """What a browser posts for a good run."""
    page = client.get(url("run_new"))
    form = page.context["form"]
    values = {name: form[name].value() for name in form.fields}
    values = {name: value for name, value in values.items() if value is not None and value is not False}
    dataset = DatasetVersion.objects.filter(status="ready").first() or factory.dataset()
    return values | {"name": "First", "dataset": dataset.pk, "hub_id": "org/base", "base_version": ""} | fields


def test_an_analyst_starts_a_run(client: Client) -> None:
    client.force_login(people.ana())
    answer = client.post(url("run_new"), plan_of(client, rank="8"))
    assert answer.status_code == 302, answer.context["form"].errors
    run = TrainingRun.objects.get()
    assert answer["Location"] == url("run", run.pk)
    assert (run.base, run.method, run.objective, run.plan["rank"], run.plan["learning_rate"]) == (
        *("org/base", "lora", "supervised", 8, None),
    )
    page = shown(client.get(answer["Location"]))
    for words in ("Waiting for a worker.", "The curve begins with the first steps.", "0.0002 (the method&#x27;s own)"):
        assert words in page


def test_sending_a_run_twice_makes_one(client: Client) -> None:
    client.force_login(people.ana())
    plan = plan_of(client)
    assert client.post(url("run_new"), plan)["Location"] == client.post(url("run_new"), plan)["Location"]
    assert (TrainingRun.objects.count(), Job.objects.filter(task_name=queries.TRAIN_TASK).count()) == (1, 1)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"hub_id": ""}, "Choose a base, or name a model of the hub; not both."),
        ({"hub_id": "../secret"}, "This is no hub id. Folders are chosen from the registry."),
        ({"hub_id": "/etc"}, "This is no hub id. Folders are chosen from the registry."),
        ({"hub_id": "models_ml/starter"}, "This is no hub id. Folders are chosen from the registry."),
        ({"objective": "causal"}, "causal learns from rows of the kind “text”; this dataset holds “copy”."),
        ({"method": "prefix", "gradient_checkpointing": "on"}, "cannot be had with a prefix"),
        ({"learning_rate": "fast"}, "Enter a number."),
        ({"dataset": "4711"}, "Select a valid choice."),
        ({"name": " "}, "This field is required."),
    ],
)
def test_a_plan_that_cannot_be_used_is_said_at_its_field(client: Client, fields: dict[str, str], words: str) -> None:
    client.force_login(people.ana())
    answer = client.post(url("run_new"), plan_of(client, **fields))
    assert answer.status_code == 422
    assert words in shown(answer)
    assert TrainingRun.objects.count() == 0


def test_the_form_shows_each_method_with_its_figures_and_their_source(client: Client) -> None:
    client.force_login(people.ana())
    page = shown(client.get(url("run_new")))
    for words in ("LoRA", "arXiv 2106.09685", "Bottleneck adapter", "arXiv 1902.00751"):
        assert words in page


def test_a_running_run_shows_its_curve_its_pace_and_a_table(client: Client) -> None:
    run = factory.run()
    for step in range(1, 21):
        keep_point(run, step, {"loss": 3.0 / step, "learning_rate": 2e-4})
    began = timezone.now() - timedelta(seconds=60)
    Job.objects.filter(pk=factory.job_of(run).pk).update(
        status=Status.RUNNING, percent=50, stage="training", message="step 20 of 40", started_at=began
    )
    client.force_login(people.alice())
    part = client.get(url("run", run.pk), headers={"HX-Request": "true"}).content.decode()
    folded = " ".join(part.split())
    assert "<polyline" in part
    assert 'hx-trigger="every 2s"' in part
    assert "training: step 20 of 40" in folded
    assert "Training loss falls from 3.000 at step 1 to 0.150 at step 20; the lowest is 0.150 at step 20." in folded
    assert re.search(r"About 1 min \d s left\.", folded)
    assert part.count("<tr>") == 13


def test_a_cancelled_run_is_resumed_from_its_page(client: Client) -> None:
    run = factory.run()
    client.force_login(people.ana())
    client.post(url("run_job", run.pk, "cancel"))
    assert factory.job_of(run).status == Status.CANCELLED
    assert url("run_job", run.pk, "resume") in client.get(url("run", run.pk)).content.decode()
    client.post(url("run_job", run.pk, "resume"))
    assert factory.job_of(run).status == Status.QUEUED
    again = client.post(url("run_job", run.pk, "resume"), follow=True)
    assert "Only a failed or cancelled job can be resumed." in shown(again)


def test_runs_over_each_other_show_what_differs(client: Client) -> None:
    dataset = factory.dataset()
    runs = [factory.run("One", dataset), factory.run("Two", dataset, method="full", seed=2)]
    for run, start in zip(runs, (4.0, 6.0), strict=True):
        for step in (1, 2, 3):
            keep_point(run, step, {"loss": start / step, "eval_loss": float("nan")})
    client.force_login(people.alice())
    page = client.get(f"{url('compare')}?run={runs[0].pk}&run={runs[1].pk}&run=x").content.decode()
    assert page.count("<polyline") == 2
    assert "One falls from 4.000 at step 1 to 1.333 at step 3" in " ".join(page.split())
    assert page.count('class="differs"') == 6
