"""Lists of shoppers: what a line comes to, what is refused and why, and the job that stores them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from campaigns.models import Consent, Shopper
from campaigns.people_files import Mapped, Problem, check_places, first_cells, guessed, headings, read_csv, read_lines
from campaigns.people_records import RecordError, read_shopper
from campaigns.services import shopper_imports as imports
from core.jobs import run_job
from core.models import Job
from tests import people

CSV = (
    "id,E-mail,phone,country,orders,vip,accepts_marketing\r\n"
    "u-1,Anna@Example.test,+49 170 1234567,de,3,true,yes\r\n"
    "u-2,nobody,,DE,1,false,no\r\n"
    "u-3,,,,,,\r\n"
    "u-4,b@example.test\r\n"
)
NOW = datetime(2026, 3, 10, tzinfo=UTC)


def read(text: str, mapped: Mapped | None = None) -> list[Any]:
    """What the lines come to."""
    lines = text.splitlines(keepends=True)
    return list(read_csv(lines, mapped or Mapped(guessed(headings(lines)), "checkout", "2026-03-02")))


def test_columns_are_guessed_by_their_names() -> None:
    assert guessed(["Customer ID", "Email", "mail", "size"]) == {
        "Customer ID": "unit", "Email": "email", "mail": "attribute", "size": "attribute",
    }  # fmt: skip


def test_each_line_is_a_shopper_or_a_problem_without_its_values() -> None:
    found = dict(read(CSV))
    one = found[2]
    assert (one.unit, one.email, one.phone, one.country) == ("u-1", "anna@example.test", "+491701234567", "DE")
    assert one.attributes == {"orders": 3, "vip": True}
    assert [(said.channel, said.given, said.source) for said in one.consents] == [("email", True, "checkout")]
    assert found[3] == Problem(3, "email", "email")
    assert (found[4].email, found[4].attributes, found[4].consents) == (None, {}, ())
    assert found[5] == Problem(5, "", "cells")


def test_a_consent_without_source_or_day_is_refused() -> None:
    text = "unit,consent_sms\nu-1,yes\n"
    assert dict(read(text, Mapped(guessed(["unit", "consent_sms"]), "", "2026-03-02")))[2].field == "consents.0.source"
    assert dict(read(text, Mapped(guessed(["unit", "consent_sms"]), "shop", "")))[2].field == "consents.0.at"


@pytest.mark.parametrize(
    ("places", "code"),
    [({"a": "email"}, "no_unit_column"), ({"a": "unit", "b": "unit"}, "place_twice")],
)
def test_a_mapping_without_a_unit_or_with_a_field_twice_is_refused(places: dict[str, str], code: str) -> None:
    with pytest.raises(RecordError) as problem:
        check_places(places)
    assert problem.value.code == code


@pytest.mark.parametrize(
    ("record", "field", "code"),
    [
        ({}, "unit", "unit"),
        ({"unit": 7}, "unit", "unit"),
        ({"unit": "u\0"}, "unit", "unit"),
        ({"unit": "u", "mail": "x"}, "mail", "unknown_field"),
        ({"unit": "u", "email": "a@b"}, "email", "email"),
        ({"unit": "u", "phone": "0170 123"}, "phone", "phone"),
        ({"unit": "u", "country": "Germany"}, "country", "country"),
        ({"unit": "u", "attributes": []}, "attributes", "attributes"),
        ({"unit": "u", "attributes": {"a": float("nan")}}, "attributes", "attribute_value"),
        ({"unit": "u", "attributes": {"a": "\0"}}, "attributes", "attribute_value"),
        ({"unit": "u", "attributes": {"a": {"b": "\ud800"}}}, "attributes", "attribute_value"),
        ({"unit": "u", "consents": [{"channel": "fax"}]}, "consents.0.channel", "channel"),
        ({"unit": "u", "consents": [1]}, "consents.0", "no_object"),
    ],
)
def test_a_record_that_cannot_be_stored_names_its_field(record: dict[str, Any], field: str, code: str) -> None:
    with pytest.raises(RecordError) as problem:
        read_shopper(record, now=NOW)
    assert (problem.value.field, problem.value.code) == (field, code)


def test_a_consent_of_tomorrow_is_refused() -> None:
    said = {"channel": "email", "given": True, "source": "shop", "at": "2026-03-11"}
    with pytest.raises(RecordError) as problem:
        read_shopper({"unit": "u", "consents": [said]}, now=NOW)
    assert (problem.value.field, problem.value.code) == ("consents.0.at", "ahead")


def test_lines_of_json_are_read_one_by_one() -> None:
    lines = ['\ufeff{"unit": "u-1", "attributes": {"a": [1]}}\n', "\n", "{\n", '["u"]\n']
    found: dict[int, Any] = dict(read_lines(lines))
    assert found[1].attributes == {"a": [1]}
    assert (found[3].code, found[4].code) == ("json", "no_object")


def test_a_list_of_addresses_is_its_first_cells() -> None:
    assert first_cells(b"\xef\xbb\xbfemail\na@example.test,x\n\n b@example.test \n") == [
        "a@example.test", "b@example.test",
    ]  # fmt: skip
    with pytest.raises(RecordError):
        first_cells(b"\xff\xfe")


@pytest.fixture
def folder(settings: Any, tmp_path: Path) -> Path:
    """Where uploads lie in a test."""
    settings.VAR = tmp_path
    return tmp_path / imports.FOLDER


@pytest.mark.django_db(transaction=True)
def test_an_import_stores_what_can_be_used_and_again_changes_nothing(folder: Path) -> None:
    alice = people.alice()
    results: list[Any] = []
    for _ in range(2):
        token = imports.keep_upload([CSV.encode()])
        assert (folder / token).stat().st_mode & 0o777 == 0o600
        mapped = Mapped(guessed(imports.preview(token)[0]), "checkout", "2026-03-02")
        job = imports.request_import(token, mapped=mapped, actor=alice)
        run_job(str(job.pk), imports.import_shoppers)
        job.refresh_from_db()
        assert job.error is None
        results.append(job.result)
        assert not any(folder.iterdir())
        assert "example.test" not in json.dumps([job.arguments, job.checkpoint, job.result, job.log_tail])
    first, again = results
    assert (first["made"], first["changed"], first["refused"]) == (2, 0, 2)
    assert (again["made"], again["changed"], again["refused"]) == (0, 0, 2)
    assert first["problems"][0] == {"line": 3, "field": "email", "code": "email"}
    assert Shopper.objects.get(unit="u-1").channels == ["email"]
    assert (Shopper.objects.count(), Consent.objects.count()) == (2, 1)


@pytest.mark.django_db(transaction=True)
def test_an_import_that_is_tried_again_goes_on_after_its_last_part(folder: Path) -> None:
    token = imports.keep_upload([CSV.encode()])
    job = imports.request_import(token, mapped=Mapped(guessed(headings(CSV.splitlines()))), actor=people.alice())
    Job.objects.filter(pk=job.pk).update(checkpoint={"line": 3, "made": 1, "changed": 0, "refused": 1, "problems": []})
    run_job(str(job.pk), imports.import_shoppers)
    job.refresh_from_db()
    assert job.result is not None
    assert (job.result["made"], job.result["refused"]) == (2, 2)
    assert list(Shopper.objects.values_list("unit", flat=True)) == ["u-3"]
    assert folder.exists()


@pytest.mark.django_db
def test_the_pages_walk_from_the_file_over_the_columns_to_the_job(client: Client, folder: Path) -> None:
    client.force_login(people.alice())
    page = client.post("/shoppers/import/", {"file": SimpleUploadedFile("s.csv", CSV.encode())})
    text = page.content.decode()
    assert page.status_code == 200
    assert "Say in 1 to 80 characters where the shopper agreed." in text
    assert "This is no e-mail address." in text
    (kept,) = folder.iterdir()
    columns = {f"column_{place}": name for place, name in enumerate(guessed(headings(CSV.splitlines())).values())}
    body = {"token": kept.name, "start": "1", "consent_source": "shop", "consent_at": "2026-03-02", **columns}
    again = client.post("/shoppers/import/", {name: value for name, value in body.items() if name != "start"})
    assert "anna@example.test" in again.content.decode()
    no_unit = client.post("/shoppers/import/", body | {"column_0": ""})
    assert (no_unit.status_code, Job.objects.count()) == (422, 0)
    assert "Say which column is the unit." in no_unit.content.decode()
    started = client.post("/shoppers/import/", body)
    assert started.status_code == 302
    assert Job.objects.get().arguments["file"] == kept.name


@pytest.mark.django_db
@pytest.mark.parametrize("token", ["../../secrets.json", "0" * 32, "x"])
def test_a_token_that_names_no_kept_file_opens_nothing(client: Client, folder: Path, token: str) -> None:
    client.force_login(people.alice())
    answer = client.post("/shoppers/import/", {"token": token, "start": "1"})
    assert answer.status_code == 422
    assert not Job.objects.exists()
    assert not folder.exists()


@pytest.mark.django_db
@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", b"a,a\n1,2\n", b"\n"])
def test_a_file_that_is_no_list_is_refused(client: Client, folder: Path, content: bytes) -> None:
    client.force_login(people.alice())
    answer = client.post("/shoppers/import/", {"file": SimpleUploadedFile("s.csv", content)})
    assert answer.status_code == 422
    assert not Job.objects.exists()
    assert not Shopper.objects.exists()
