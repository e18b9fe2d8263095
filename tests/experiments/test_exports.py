"""A result as data: what a page says, an export says, in every format."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from experiments import reports
from experiments.exporting import notebook, table
from experiments.models import Analysis, Experiment
from tests import people
from tests.experiments import shop
from tests.experiments.test_pages import played

pytestmark = pytest.mark.django_db


def read_csv(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"))))


def newest(experiment: Experiment) -> Analysis:
    found = Analysis.objects.filter(experiment=experiment).first()
    assert found is not None
    return found


def test_the_table_has_a_row_for_each_metric_and_arm() -> None:
    results = newest(played()).results
    rows = table.rows("welcome", results)
    assert len(rows) == len(results["metrics"]) * 2
    assert all(list(row) == list(table.COLUMNS) for row in rows)
    goal = [row for row in rows if row["is_goal"]]
    assert [(row["arm"], row["units"], row["value"]) for row in goal] == [("a", 20, 0.25), ("b", 20, 0.5)]
    assert goal[0]["p_value"] is None
    assert goal[1]["difference"] == pytest.approx(0.25)


def test_all_formats_say_the_same() -> None:
    experiment = played()
    expected = table.rows("welcome", newest(experiment).results)
    parquet = pq.read_table(io.BytesIO(reports.export(experiment, "parquet")[0])).to_pylist()
    assert parquet == expected
    written = read_csv(reports.export(experiment, "csv")[0])
    assert [row["p_value"] for row in written] == [
        "" if row["p_value"] is None else str(row["p_value"]) for row in expected
    ]
    whole = json.loads(reports.export(experiment, "json")[0])
    assert whole["results"] == newest(experiment).results
    assert whole["inputs_hash"] == newest(experiment).inputs_hash


def test_a_name_that_a_spreadsheet_would_run_is_made_harmless() -> None:
    experiment = played()
    analysis = newest(experiment)
    analysis.results["arms"][1]["name"] = "=1+1"
    analysis.save()
    assert {row["arm_name"] for row in read_csv(reports.export(experiment, "csv")[0])} == {"A", "'=1+1"}


def run(document: dict[str, Any]) -> dict[str, Any]:
    """Run a notebook's code cells one after the other and answer its names."""
    names: dict[str, Any] = {}
    for cell in document["cells"]:
        if cell["cell_type"] == "code":
            exec(compile("".join(cell["source"]), cell["id"], "exec"), names)
    return names


def test_the_notebook_runs_and_comes_to_the_same_figures() -> None:
    experiment = played()
    analysis = newest(experiment)
    analysis.results["verdict"]["sentence"] = "Ship \"B\" '''; import os # **now**"
    analysis.save()
    document = json.loads(reports.export(experiment, "notebook")[0])
    names = run(document)
    assert names["results"]["verdict"] == analysis.results["verdict"]
    assert [row["value"] for row in names["rows"]] == [row["value"] for row in table.rows("welcome", analysis.results)]
    assert "\\*\\*now\\*\\*" in "".join(document["cells"][0]["source"])
    assert all(isinstance(cell["id"], str) for cell in document["cells"])
    assert (document["nbformat"], document["nbformat_minor"]) == (4, 5)
    assert notebook.build(json.loads(reports.export(experiment, "json")[0])) == document


@pytest.mark.parametrize("name", ["json", "csv", "parquet", "notebook"])
def test_an_analyst_downloads_it(client: Client, name: str) -> None:
    played()
    client.force_login(people.ana())
    answer = client.get(reverse("experiments:export", args=["welcome", name]))
    assert answer.status_code == 200
    assert answer["Content-Disposition"].startswith('attachment; filename="welcome.')
    assert answer.content == reports.export(Experiment.objects.get(key="welcome"), name)[0]


def test_who_may_not_see_experiments_gets_no_file(client: Client) -> None:
    played()
    assert client.get(reverse("experiments:export", args=["welcome", "csv"])).status_code == 302


def test_before_the_first_analysis_there_is_nothing_to_export(client: Client) -> None:
    shop.running()
    client.force_login(people.ana())
    assert client.get(reverse("experiments:export", args=["welcome", "csv"])).status_code == 404


def test_the_api_gives_the_same_file_and_names_a_wrong_format(client: Client) -> None:
    experiment = played()
    headers = {"authorization": f"Bearer {shop.api_key('read')}"}
    answer = client.get("/api/v1/experiments/welcome/export?format=csv", headers=headers)
    assert (answer.status_code, answer.content) == (200, reports.export(experiment, "csv")[0])
    wrong = client.get("/api/v1/experiments/welcome/export?format=xlsx", headers=headers)
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, "format")


def test_the_command_writes_the_file(tmp_path: Path) -> None:
    experiment = played()
    file = tmp_path / "result.csv"
    call_command("export_experiment", "welcome", "--format", "csv", "--output", str(file))
    assert file.read_bytes() == reports.export(experiment, "csv")[0]
    with pytest.raises(CommandError, match="no experiment 'other'"):
        call_command("export_experiment", "other")
