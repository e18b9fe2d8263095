"""`manage.py tune_model`: plan from file and options, progress, errors as sentences with an exit code."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from models_ml.data.store import DatasetRecord
from models_ml.management.commands.tune_model import plan_of
from models_ml.nn.artifacts import file_hash
from models_ml.nn.tuning.plan import TuningPlan
from models_ml.nn.tuning.saving import open_tuned
from tests.models_ml.nn.tuning import toys

NOTHING: dict[str, Any] = {
    **dict.fromkeys(TuningPlan("b", "d").to_json()), "plan": None, "no_packing": False, "target_modules": None,
}  # fmt: skip


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """A stored dataset of the toy copies."""
    data, folder = toys.toy("copy"), tmp_path / "data"
    folder.mkdir()
    files = {}
    for split, rows in data.splits.items():
        path = folder / f"{split}-00000.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        files[path.name] = {"sha256": file_hash(path), "rows": len(rows), "bytes": path.stat().st_size}
    record = DatasetRecord("copy", "toy-hash", {}, {}, files=files)
    (folder / "dataset.json").write_text(json.dumps(record.to_json()))
    return folder


def test_options_win_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "plan.json"
    file.write_text(json.dumps({"base": "b", "dataset": "d", "rank": 4, "seed": 9}))
    plan = plan_of({**NOTHING, "plan": file, "rank": 8, "target_modules": "q_proj, v_proj", "no_packing": True})
    assert plan == TuningPlan("b", "d", rank=8, seed=9, target_modules=("q_proj", "v_proj"), packing=False)


def test_a_model_is_tuned_with_progress(bases: dict[str, Path], dataset: Path, tmp_path: Path) -> None:
    told = io.StringIO()
    call_command(
        "tune_model", out=tmp_path / "out", base=str(bases["qwen3"]), dataset=str(dataset), max_steps=3, batch_size=4,
        max_length=48, precision="fp32", stdout=told,
    )  # fmt: skip
    assert "[############################] 100% done: 3 steps" in told.getvalue()
    assert "3 steps, " in told.getvalue()
    assert "loss_before" in told.getvalue()
    assert open_tuned(tmp_path / "out").plan.max_steps == 3


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({}, "base: is missing"),
        ({"base": "/nowhere/at/all", "dataset": "d"}, "dataset: d holds no finished dataset"),
        ({"base": "b", "dataset": "d", "rank": 0}, "rank: must be from 1"),
        ({"plan": Path("/nowhere.json")}, "No such file"),
    ],
)
def test_what_cannot_be_used_is_a_sentence(tmp_path: Path, options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(CommandError, match=sentence) as caught:
        call_command("tune_model", out=tmp_path / "out", **options)
    assert caught.value.returncode == 2
    assert not (tmp_path / "out" / "training.json").exists()
