"""Sources and plans: what is refused, with the field, and the way to JSON and back."""

from __future__ import annotations

from typing import Any

import pytest

from models_ml.data import DataError, DatasetPlan, Source
from models_ml.data.plan import check_roles

SOURCE = Source("catalogue", "a.csv", columns={"text": "title"})


def test_a_plan_goes_to_json_and_back() -> None:
    plan = DatasetPlan("labels", (SOURCE,), seed=7, labels=("good", "bad"), shares=(0.7, 0.0, 0.3))
    assert DatasetPlan.from_json(plan.to_json()) == plan


def test_the_essence_holds_no_paths() -> None:
    assert "sources" not in DatasetPlan("text", (SOURCE,)).essence()


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"task": "song"}, "task"),
        ({"shares": (0.5, 0.5)}, "shares"),
        ({"shares": (0.5, 0.5, 0.5)}, "shares"),
        ({"shares": (0.0, 0.5, 0.5)}, "shares"),
        ({"shares": (1.5, -0.25, -0.25)}, "shares"),
        ({"shares": ("a", 0, 1)}, "shares"),
        ({"shares": "abc"}, "shares"),
        ({"seed": "1"}, "seed"),
        ({"languages": ()}, "languages"),
        ({"languages": ("fr",)}, "languages"),
        ({"labels": ("",)}, "labels"),
        ({"near_duplicate_threshold": 0.2}, "near_duplicate_threshold"),
        ({"least_characters": 0}, "least_characters"),
        ({"least_characters": 9, "most_characters": 3}, "least_characters"),
        ({"group_by": "row"}, "group_by"),
    ],
)
def test_a_bad_plan_names_its_field(values: dict[str, Any], field: str) -> None:
    with pytest.raises(DataError) as caught:
        DatasetPlan(**{"task": "text", **values})
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"kind": "songs"}, "source.kind"),
        ({"path": ""}, "source.path"),
        ({"format": "xlsx"}, "source.format"),
        ({"language": "fr"}, "source.language"),
        ({"columns": {"text": ""}}, "source.columns"),
    ],
)
def test_a_bad_source_names_its_field(values: dict[str, Any], field: str) -> None:
    with pytest.raises(DataError) as caught:
        Source(**{"kind": "catalogue", "path": "a.csv", **values})
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ([], "plan"),
        ({}, "plan.task"),
        ({"task": "text", "colour": 1}, "plan.colour"),
        ({"task": "text", "sources": [{"kind": "catalogue"}]}, "source.path"),
        ({"task": "text", "sources": "a.csv"}, "sources"),
    ],
)
def test_bad_json_names_its_field(data: object, field: str) -> None:
    with pytest.raises(DataError) as caught:
        DatasetPlan.from_json(data)
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("name", "expected"), [("a.csv", "csv"), ("A.CSV.gz", "csv"), ("a.tsv", "tsv"), ("a.ndjson", "jsonl")]
)
def test_guesses_the_format(name: str, expected: str) -> None:
    assert Source("catalogue", name).known_format() == expected


@pytest.mark.parametrize(
    ("task", "roles"),
    [
        ("text", ["text"]),
        ("text", ["text", "group"]),
        ("copy", ["messages"]),
        ("copy", ["prompt", "answer", "group"]),
        ("copy", ["brief", "theme", "headline", "body", "call_to_action"]),
        ("labels", ["text", "label"]),
        ("pairs", ["prompt", "chosen", "rejected", "weight"]),
        ("pairs", ["brief", "chosen", "rejected"]),
    ],
)
def test_accepts_the_roles_of_a_task(task: str, roles: list[str]) -> None:
    check_roles(Source("catalogue", "a.csv", columns={role: role for role in roles}), task)


@pytest.mark.parametrize(
    ("task", "roles", "told"),
    [
        ("text", ["label"], "for text map text; mapped are label"),
        ("copy", ["prompt"], "for copy map messages; or prompt, answer; or brief"),
        ("text", ["text", "label"], "label is no role of text"),
        ("text", [], "mapped are none"),
    ],
)
def test_refuses_other_roles(task: str, roles: list[str], told: str) -> None:
    with pytest.raises(DataError, match=told):
        check_roles(Source("catalogue", "a.csv", columns={role: role for role in roles}), task)
