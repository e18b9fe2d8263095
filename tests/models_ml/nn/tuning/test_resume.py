"""A run killed by SIGKILL and resumed ends with the very weights of an uninterrupted one; cancelled ones go on too."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from safetensors.torch import load_file

from models_ml.nn.artifacts import verified_hash
from models_ml.nn.progress import Cancelled
from models_ml.nn.tuning.plan import TuningError
from models_ml.nn.tuning.training import tune
from tests.models_ml.nn.tuning import killed_runs, toys

ROOT = Path(__file__).resolve().parents[4]


@pytest.fixture(scope="module")
def killed(bases: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("killed")
    command = [sys.executable, "-m", "tests.models_ml.nn.tuning.killed_runs", str(bases["gpt2"].parent), str(out)]
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'platform'}", "HF_HUB_OFFLINE": "1"}
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr[-2000:]
    return out


SLOW = ("adalora", "bottleneck")


@pytest.mark.parametrize(
    "method", [pytest.param(one, marks=pytest.mark.slow if one in SLOW else ()) for one in killed_runs.CASES]
)
def test_resumed_weights_are_bit_for_bit_those_of_an_uninterrupted_run(
    bases: dict[str, Path], killed: Path, tmp_path: Path, method: str
) -> None:
    plan = killed_runs.plan_of(method, bases["gpt2"].parent)
    left = sorted(path.name for path in (killed / method / "work").glob("checkpoint-*"))
    assert left == ["checkpoint-5"]
    whole = tune(plan, tmp_path / "whole", dataset=toys.toy(plan.task))
    resumed = tune(plan, killed / method, dataset=toys.toy(plan.task), resume=True)
    weights = "model.safetensors" if method == "full" else "adapter_model.safetensors"
    assert (killed / method / weights).read_bytes() == (tmp_path / "whole" / weights).read_bytes()
    assert resumed.steps == whole.steps > killed_runs.KILLED_AT
    assert (resumed.tokens, resumed.evaluation, resumed.files) == (whole.tokens, whole.evaluation, whole.files)
    assert not (killed / method / "work").exists()
    verified_hash(killed / method)


def test_a_cancelled_run_leaves_a_checkpoint_without_a_pickle_and_goes_on(
    bases: dict[str, Path], tmp_path: Path
) -> None:
    plan = killed_runs.plan_of("lora", bases["gpt2"].parent)
    steps: list[int] = []
    with pytest.raises(Cancelled, match="stopped at step 3 of"):
        tune(
            plan,
            tmp_path / "out",
            dataset=toys.toy("copy"),
            on_metrics=lambda step, _: steps.append(step),
            should_stop=lambda: len(steps) > 0 and steps[-1] >= 2,  # as logged after step 2
        )
    (checkpoint,) = (tmp_path / "out" / "work").glob("checkpoint-*")
    assert checkpoint.name == "checkpoint-3"
    assert {path.suffix for path in checkpoint.iterdir()} == {".safetensors", ".json"}
    assert not list(tmp_path.rglob("*.bin.*")) + list(tmp_path.rglob("*.pt")) + list(tmp_path.rglob("*.pth"))
    whole = tune(plan, tmp_path / "whole", dataset=toys.toy("copy"))
    assert tune(plan, tmp_path / "out", dataset=toys.toy("copy"), resume=True).files == whole.files


def test_resuming_a_finished_run_returns_its_result(bases: dict[str, Path], tmp_path: Path) -> None:
    plan = killed_runs.plan_of("lora", bases["gpt2"].parent)
    first = tune(plan, tmp_path / "out", dataset=toys.toy("copy"))
    assert tune(plan, tmp_path / "out", dataset=toys.toy("copy"), resume=True) == first
    with pytest.raises(TuningError, match="holds something already"):
        tune(plan, tmp_path / "out", dataset=toys.toy("copy"))


def test_a_run_is_not_resumed_with_another_plan(bases: dict[str, Path], tmp_path: Path) -> None:
    work = tmp_path / "out" / "work"
    work.mkdir(parents=True)
    plan = killed_runs.plan_of("lora", bases["gpt2"].parent)
    (work / "run.json").write_text(json.dumps({"plan": {**plan.to_json(), "seed": 99}, "parts": 1, "notes": []}))
    with pytest.raises(TuningError, match="seed: is 1, but the run to resume was begun with 99"):
        tune(plan, tmp_path / "out", dataset=toys.toy("copy"), resume=True)


def test_the_same_seed_gives_the_same_weights_and_another_gives_others(bases: dict[str, Path], tmp_path: Path) -> None:
    plan = killed_runs.plan_of("lora", bases["gpt2"].parent)
    folders = [tmp_path / name for name in ("one", "two", "three")]
    for folder, seed in zip(folders, (1, 1, 2), strict=True):
        tune(type(plan)(**{**plan.to_json(), "seed": seed}), folder, dataset=toys.toy("copy"))
    one, two, three = ((folder / "adapter_model.safetensors").read_bytes() for folder in folders)
    assert one == two != three
    shapes = [
        {name: value.shape for name, value in load_file(folder / "adapter_model.safetensors").items()}
        for folder in folders
    ]
    assert shapes[0] == shapes[2]
