"""Dataset versions: files kept once, asked for once, the same rows the same version, failures as sentences."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection

from core import errors
from core.models import AuditEntry, Job
from core.models.job import Status
from core.services import jobs as job_services
from models_ml import queries, services, tasks
from models_ml.data import open_dataset
from models_ml.models import BuildStatus, DatasetVersion, SourceFile
from models_ml.services import datasets, sources
from models_ml.services.datasets import folder_of
from models_ml.services.sources import look_into
from tests import people
from tests.models_ml import factory

pytestmark = pytest.mark.django_db


def now(dataset: DatasetVersion) -> DatasetVersion:
    """The row as it stands."""
    return queries.dataset_version(dataset.pk)


def job(dataset: DatasetVersion) -> Job:
    """Its job as it stands."""
    return factory.job_of(dataset)


# --- files --------------------------------------------------------------------------------------------------------
def test_a_file_is_streamed_hashed_and_kept_once() -> None:
    chunks = (part for part in (b"a,b\n", b"1,2\n"))
    first = services.store_file(name="../up/My file?.csv", chunks=chunks, actor=people.ana())
    again = services.store_file(name="other.csv", chunks=[b"a,b\n1,2\n"], actor="test")
    assert (first.pk, first.name, first.size_bytes) == (again.pk, "My file_.csv", 8)
    assert sources.absolute(first).read_bytes() == b"a,b\n1,2\n"
    assert sources.absolute(first).resolve().is_relative_to(Path(settings.VAR) / "datasets" / "sources")
    assert AuditEntry.objects.filter(action="source.stored").count() == 1


def test_the_same_bytes_in_another_format_are_another_file() -> None:
    kinds = [services.store_file(name=name, chunks=[b"a\n1\n"], actor="test") for name in ("a.csv", "a.tsv")]
    assert kinds[0].pk != kinds[1].pk


def test_a_file_past_the_limit_leaves_nothing_behind() -> None:
    endless = (b"x" * 1024 for _ in range(100))
    with pytest.raises(errors.TooLarge):
        services.store_file(name="a.csv", chunks=endless, actor="test", most=10 * 1024)
    folder = Path(settings.VAR) / "datasets" / "sources"
    assert list(folder.rglob(".part-*")) == []
    assert SourceFile.objects.count() == 0


@pytest.mark.parametrize("name", ["a.exe", "a.csv.gz", "a.gz", "noending", ".csv", "a.pkl"])
def test_only_formats_that_are_read_are_taken(name: str) -> None:
    with pytest.raises(errors.InvalidInput) as problem:
        services.store_file(name=name, chunks=[b"x"], actor="test")
    assert [one.field for one in problem.value.problems] == ["file"]


def test_a_lost_file_is_kept_anew_under_its_row() -> None:
    first = factory.source_file()
    sources.absolute(first).unlink()
    assert factory.source_file() == first
    assert sources.absolute(first).is_file()


def test_rows_handed_in_become_a_file() -> None:
    rows = ({"prompt": f"Olive tote {number}", "answer": "旅行袋"} for number in range(3))
    file = services.store_rows(name="Past copy", rows=rows, actor="campaigns")
    assert (file.format, file.origin, file.name) == ("jsonl", "past", "Past copy.jsonl")
    look = look_into(file, rows=1)
    assert (look.columns, look.rows, look.problem) == (("prompt", "answer"), (("Olive tote 0", "旅行袋"),), "")


def test_of_a_large_file_only_the_beginning_is_read_for_its_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "HEAD_BYTES", 64)
    file = factory.source_file("long.csv", b"text\n" + b"a row of text\n" * 50)
    look = look_into(file, rows=100)
    assert len(look.rows) == 4
    assert look_into(file, rows=100) == look


def test_who_has_no_role_for_it_hands_nothing_in() -> None:
    for member in (people.alice(), people.bob(), people.charlie()):
        with pytest.raises(errors.Forbidden):
            services.store_file(name="a.csv", chunks=[b"a\n"], actor=member)
    assert SourceFile.objects.count() == 0


# --- asking -------------------------------------------------------------------------------------------------------
def test_a_dataset_is_asked_for_once() -> None:
    first, again = factory.asked(), factory.asked("Another name")
    assert first.pk == again.pk
    assert (Job.objects.count(), AuditEntry.objects.filter(action="dataset.asked").count()) == (1, 1)
    other = factory.asked(seed=2)
    assert other.pk != first.pk


@pytest.mark.parametrize("ended", [Status.FAILED, Status.CANCELLED])
def test_what_ended_without_a_dataset_can_be_asked_for_again(ended: Status) -> None:
    first = factory.asked()
    Job.objects.filter(pk=job(first).pk).update(status=ended)
    again = factory.asked()
    assert again.pk != first.pk
    assert now(first).status == BuildStatus.FAILED


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": " "}, "name"),
        ({"task": "poems"}, "task"),
        ({"sources": []}, "sources"),
        ({"shares": (0.5, 0.1, 0.1)}, "shares"),
        ({"languages": ("fr",)}, "languages"),
        ({"near_duplicate_threshold": 0.1}, "near_duplicate_threshold"),
        ({"task": "labels"}, "source.columns"),
    ],
)
def test_a_plan_that_cannot_be_used_names_the_field(change: dict[str, Any], field: str) -> None:
    chosen = services.ChosenSource(factory.source_file(), "copy", {"prompt": "description", "answer": "advert"})
    asked: dict[str, Any] = {"name": "Spring", "task": "copy", "sources": [chosen], "actor": "test"}
    with pytest.raises(errors.InvalidInput) as problem:
        services.create_dataset(**(asked | change))
    assert [one.field for one in problem.value.problems] == [field]
    assert (DatasetVersion.objects.count(), Job.objects.count()) == (0, 0)


@pytest.mark.django_db(transaction=True)
def test_of_two_who_ask_at_once_both_get_the_same() -> None:
    factory.source_file()
    start, found = threading.Barrier(2), list[int]()

    def ask() -> None:
        start.wait()
        try:
            found.append(factory.asked().pk)
        finally:
            connection.close()

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 2
    assert len(set(found)) == 1
    assert (DatasetVersion.objects.count(), Job.objects.count()) == (1, 1)


# --- building -----------------------------------------------------------------------------------------------------
def test_a_dataset_is_built_and_can_be_opened() -> None:
    dataset = factory.asked(near_duplicate_threshold=1.0)
    tasks.build_dataset(str(dataset.job_id))
    built = now(dataset)
    stored = open_dataset(folder_of(built))
    assert (built.status, built.content_hash, built.report["kept"]) == ("ready", stored.record.hash, 16)
    assert built.rows("train") == stored.count("train")
    assert len(built.sample) == 16
    assert job(dataset).result == {
        "dataset": built.pk,
        "content_hash": built.content_hash,
        "rows": built.counts,
    }
    assert AuditEntry.objects.get(action="dataset.built").data["content_hash"] == built.content_hash


def test_the_same_rows_from_another_file_are_the_same_version() -> None:
    first = factory.asked(near_duplicate_threshold=1.0)
    tasks.build_dataset(str(first.job_id))
    turned = factory.csv_bytes([factory.CATALOGUE[0], *reversed(factory.CATALOGUE[1:])])
    chosen = services.ChosenSource(
        factory.source_file("turned.csv", turned), "copy", {"prompt": "description", "answer": "advert"}
    )
    second = services.create_dataset(
        name="Turned", task="copy", sources=[chosen], actor="test", near_duplicate_threshold=1.0
    )
    tasks.build_dataset(str(second.job_id))
    assert now(second).status == BuildStatus.DUPLICATE
    assert now(second).same_as == first
    assert folder_of(now(second)) == folder_of(first)
    assert list(queries.ready_datasets()) == [first]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"description,advert\n", "catalogue.csv has no rows."),
        (b"description,advert\nOlive tote,Carry it\n", "only one row is left"),
        (b"description,advert\n\xe9t\xe9,\xe4\n" + "橄榄色的包,背上它\n".encode() * 3, "mixes encodings"),
        (b"description,advert\nx," + b"y" * (5 << 20) + b"\n", "is longer than 4 MB; is it one row a line?"),
    ],
)
def test_a_file_that_cannot_be_used_is_a_sentence_on_the_job(content: bytes, words: str) -> None:
    chosen = services.ChosenSource(
        factory.source_file(content=content), "copy", {"prompt": "description", "answer": "advert"}
    )
    dataset = services.create_dataset(name="Bad", task="copy", sources=[chosen], actor="test")
    tasks.build_dataset(str(dataset.job_id))
    failed = job(dataset)
    assert failed.status == Status.FAILED
    assert failed.error is not None
    assert (failed.error["code"], words in failed.error["message"]) == ("invalid_input", True)
    assert now(dataset).status == BuildStatus.FAILED
    assert not folder_of(dataset).exists()


def test_a_killed_build_begins_anew_and_ends_the_same() -> None:
    dataset = factory.asked(near_duplicate_threshold=1.0)
    half = folder_of(dataset)
    half.mkdir(parents=True)
    (half / "train-00000.jsonl").write_text('{"half": ')
    claimed = job_services.claim_job(str(dataset.job_id))
    assert claimed is not None
    Job.objects.filter(pk=claimed.pk).update(lease_expires_at="2020-01-01T00:00Z")
    job_services.requeue_lost_jobs()
    tasks.build_dataset(str(dataset.job_id))
    assert (job(dataset).status, job(dataset).attempt, now(dataset).status) == ("succeeded", 2, "ready")


def test_a_cancelled_build_is_resumed() -> None:
    dataset, ana = factory.asked(near_duplicate_threshold=1.0), people.ana()
    job_services.cancel_job(job(dataset), actor=ana)
    datasets.settle(dataset)
    assert now(dataset).status == BuildStatus.FAILED
    job_services.resume_job(job(dataset), actor=ana)
    tasks.build_dataset(str(dataset.job_id))
    assert now(dataset).status == BuildStatus.READY


def test_a_resumed_build_gives_way_to_one_that_was_asked_for_meanwhile() -> None:
    first = factory.asked()
    Job.objects.filter(pk=job(first).pk).update(status=Status.FAILED)
    factory.asked()
    job_services.resume_job(job(first), actor=people.ana())
    tasks.build_dataset(str(first.job_id))
    assert job(first).error == {
        "code": "conflict",
        "message": "The same dataset was asked for again meanwhile; use that one.",
    }


def test_telling_twice_that_it_is_built_changes_nothing() -> None:
    dataset = factory.dataset()
    again = datasets.keep_built(dataset, datasets.Built("e" * 64, {}, {}, []))
    assert again.content_hash == "d" * 64
    assert AuditEntry.objects.filter(action="dataset.built").count() == 1
