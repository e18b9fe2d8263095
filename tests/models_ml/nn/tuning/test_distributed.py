"""Training with two processes on the CPU: the weights of one, one writer, cancelling, a killed process, errors."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]
import pytest
import torch
from safetensors.torch import load_file

from models_ml.data.store import DatasetRecord
from models_ml.nn.artifacts import verified_hash
from models_ml.nn.progress import Cancelled, silent
from models_ml.nn.training import TrainingFailed
from models_ml.nn.tuning.distributed import MARK, _Heard, command, environment, launch
from models_ml.nn.tuning.distributed_worker import Member
from models_ml.nn.tuning.plan import TuningError, TuningPlan
from models_ml.nn.tuning.training import tune, unheard
from tests.models_ml.nn.tuning.toys import Toy, save_base, toy


def stored(made: Toy, folder: Path) -> Path:
    """A toy as a dataset on disk."""
    folder.mkdir(parents=True)
    files, counts = {}, {}
    for split, rows in made.splits.items():
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (folder / f"{split}-00000.jsonl").write_text(text)
        sha = hashlib.sha256(text.encode()).hexdigest()
        files[f"{split}-00000.jsonl"] = {"sha256": sha, "rows": len(rows), "bytes": len(text)}
        counts[split] = {"rows": len(rows)}
    record = DatasetRecord(made.record.task, made.record.hash, {}, counts, made.record.labels, files=files)
    (folder / "dataset.json").write_text(json.dumps(record.to_json()))
    return folder


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_base(tmp_path_factory.mktemp("base"))


def _plan(base: Path, data: Path, **other: Any) -> TuningPlan:
    settings: dict[str, Any] = {
        "base": str(base),
        "dataset": str(data),
        "objective": "supervised",
        "max_length": 48,
        "max_steps": 8,
        "batch_size": 2,
        "learning_rate": 1e-2,
        "rank": 4,
        "precision": "fp32",
        "save_every": 2,
        "dropout": 0.0,
        "packing": False,
    }
    return TuningPlan(**{**settings, **other})


def _file(plan: TuningPlan, folder: Path) -> Path:
    path = folder / "plan.json"
    path.write_text(json.dumps(plan.to_json()))
    return path


class Watch:
    """Keeps what is reported; acts once at a step."""

    def __init__(self, act: Callable[[], None] = lambda: None, at: int = 10**9) -> None:
        self.act, self.at, self.steps, self.fractions = act, at, list[int](), list[float]()
        self.done = False

    def metrics(self, step: int, values: Mapping[str, float], /) -> None:
        if "loss" in values:
            self.steps.append(step)
        if step >= self.at and not self.done:
            self.done = True
            self.act()

    def progress(self, fraction: float, stage: str, message: str, metrics: Mapping[str, float]) -> None:
        self.fractions.append(fraction)


def _mine() -> list[psutil.Process]:
    """The launchers and workers below this process (the tests' own servers are there too)."""
    found = psutil.Process().children(recursive=True)
    alive = [one for one in found if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]
    return [one for one in alive if any("distributed" in part or "fake_worker" in part for part in one.cmdline())]


def test_two_processes_end_with_the_weights_of_one_with_twice_the_batch(base: Path, tmp_path: Path) -> None:
    data, watch = stored(toy("copy"), tmp_path / "data"), Watch()
    plan = _plan(base, data)
    result = launch(_file(plan, tmp_path), tmp_path / "two", 2, on_progress=watch.progress, on_metrics=watch.metrics)
    one = tune(_plan(base, data, batch_size=4), tmp_path / "one")
    own, other = (load_file(tmp_path / name / "adapter_model.safetensors") for name in ("one", "two"))
    for name, tensor in own.items():
        torch.testing.assert_close(other[name], tensor, rtol=1e-3, atol=2e-5, msg=name)
    assert (result.steps, result.trained_tokens) == (one.steps, one.trained_tokens)
    assert result.evaluation["loss"] == pytest.approx(one.evaluation["loss"], abs=1e-4)
    assert sorted(path.name for path in (tmp_path / "two").iterdir()) == sorted(
        path.name for path in (tmp_path / "one").iterdir()
    )
    assert verified_hash(tmp_path / "two")
    assert watch.steps == list(range(1, 9))  # each once: from process 0 alone
    assert watch.fractions == sorted(watch.fractions)
    assert watch.fractions[-1] == 1.0
    assert _mine() == []
    again = launch(_file(plan, tmp_path), tmp_path / "two", 2, resume=True)
    assert again.files == result.files


@pytest.mark.slow
@pytest.mark.parametrize("objective", ["dpo", "kto"])
def test_preference_tuning_is_the_same_with_two_processes(objective: str, base: Path, tmp_path: Path) -> None:
    data = stored(toy("pairs"), tmp_path / "data")
    plan = _plan(base, data, objective=objective)
    launch(_file(plan, tmp_path), tmp_path / "two", 2)
    tune(_plan(base, data, objective=objective, batch_size=4), tmp_path / "one")
    own, other = (load_file(tmp_path / name / "adapter_model.safetensors") for name in ("one", "two"))
    for name, tensor in own.items():
        torch.testing.assert_close(other[name], tensor, rtol=1e-3, atol=1e-4, msg=name)


@pytest.mark.slow
def test_cancelling_ends_all_and_a_resumed_run_has_the_weights_of_an_uninterrupted_one(
    base: Path, tmp_path: Path
) -> None:
    data = stored(toy("copy"), tmp_path / "data")
    plan_file = _file(_plan(base, data, max_steps=40), tmp_path)
    launch(plan_file, tmp_path / "whole", 2)
    wanted: list[bool] = []
    watch, out = Watch(lambda: wanted.append(True), at=4), tmp_path / "out"
    with pytest.raises(Cancelled, match="stopped at step"):
        launch(plan_file, out, 2, on_metrics=watch.metrics, should_stop=lambda: bool(wanted))
    assert _mine() == []
    assert list((out / "work").glob("checkpoint-*"))
    assert not (out / "training.json").exists()
    launch(plan_file, out, 2, resume=True)
    own, other = (load_file(folder / "adapter_model.safetensors") for folder in (tmp_path / "whole", out))
    for name, tensor in own.items():
        assert torch.equal(other[name], tensor), name


@pytest.mark.slow
def test_a_killed_process_ends_all_with_its_name(base: Path, tmp_path: Path) -> None:
    data = stored(toy("copy"), tmp_path / "data")

    def kill() -> None:
        [victim] = [one for one in _mine() if one.environ().get("RANK") == "1"]
        victim.kill()

    watch = Watch(kill, at=2)
    with pytest.raises(TrainingFailed, match=r"process 2 of 2 was ended by SIGKILL .* the others were ended too"):
        launch(_file(_plan(base, data, max_steps=4000), tmp_path), tmp_path / "out", 2, on_metrics=watch.metrics)
    assert _mine() == []


@pytest.mark.slow
def test_when_the_launcher_dies_nobody_trains_on(base: Path, tmp_path: Path) -> None:
    data = stored(toy("copy"), tmp_path / "data")
    plan_file = _file(_plan(base, data, max_steps=4000), tmp_path)
    script = (
        "import sys; from pathlib import Path; from models_ml.nn.tuning.distributed import launch\n"
        "launch(Path(sys.argv[1]), Path(sys.argv[2]), 2, on_metrics=lambda step, values: print(step, flush=True))"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", script, str(plan_file), str(tmp_path / "out")],
        stdout=subprocess.PIPE,
        env=environment(),
        text=True,
    )
    assert parent.stdout is not None
    assert parent.stdout.readline().strip() == "1"
    children = psutil.Process(parent.pid).children(recursive=True)
    assert len(children) == 3
    parent.kill()
    parent.wait()
    _, alive = psutil.wait_procs(children, timeout=60)
    assert alive == []
    assert list((tmp_path / "out" / "work").glob("checkpoint-*"))
    parent.stdout.close()


def test_the_command_line_names_launcher_and_worker(tmp_path: Path) -> None:
    assert command(tmp_path / "plan.json", tmp_path / "out", 3, resume=True) == [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--max-restarts=0",
        "--nproc-per-node=3",
        "-m",
        "models_ml.nn.tuning.distributed_worker",
        str(tmp_path / "plan.json"),
        str(tmp_path / "out"),
        "--resume",
    ]
    assert environment()["PYTHONPATH"].split(os.pathsep)[0] == str(Path(__file__).resolve().parents[4])


# Workers without training: what they say and how they end.
WORKERS = {
    "refusing": "say('error', type='TuningError', field='dataset', message='there is no folder rows'); sys.exit(1)",
    "dying": "os.kill(os.getpid(), signal.SIGKILL)",
    "obedient": "sys.stdin.readline(); say('error', type='Cancelled', message='stopped at step 3'); sys.exit(0)",
}


def _worker(kind: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    name = f"fake_worker_{kind}"
    (folder / f"{name}.py").write_text(
        "import json, os, signal, sys\n"
        f"def say(kind, **values): print({MARK!r} + json.dumps(dict(values, kind=kind)), flush=True)\n"
        "say('progress', fraction=0.5, stage='train', message='half', metrics={'loss': 1.0})\n"
        f"print({MARK!r} + 'torn', flush=True)\n"
        f"{WORKERS[kind]}\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(folder))
    return name


@pytest.mark.parametrize(
    ("kind", "error", "sentence"),
    [
        ("dying", TrainingFailed, "process 1 of 1 was ended by SIGKILL"),
        ("refusing", TuningError, "dataset: there is no folder rows"),
    ],
)
@pytest.mark.slow
def test_an_error_of_a_process_arrives_as_it_is(
    kind: str, error: type[Exception], sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan_file, watch = _file(TuningPlan("base", "rows"), tmp_path), Watch()
    worker = _worker(kind, tmp_path, monkeypatch)
    with pytest.raises(error, match=sentence):
        launch(plan_file, tmp_path / "out", 1, worker=worker, on_progress=watch.progress)
    assert watch.fractions == [0.5]
    assert _mine() == []


def _line(kind: str, **values: Any) -> str:
    return f"{MARK}{json.dumps({'kind': kind, **values})}\n"


@pytest.mark.parametrize(
    ("lines", "code", "error", "sentence"),
    [
        ([_line("error", type="TrainingFailed", message="the loss is nan")], 1, TrainingFailed, "^the loss is nan$"),
        ([_line("error", type="KeyError", message="KeyError: lost")], 1, TrainingFailed, "^KeyError: lost$"),
        (
            [
                _line("error", type="RuntimeError", message="RuntimeError: connection closed by peer"),
                _line("error", type="TuningError", field="rank", message="too large"),
            ],
            1,
            TuningError,
            "^rank: too large$",
        ),
        (
            [
                _line("error", type="RuntimeError", message="RuntimeError: connection closed by peer"),
                "  exitcode  : -9 (pid: 77)\n",
                "failed (exitcode: -9) local_rank: 1 (pid: 77)\n",
            ],
            1,
            TrainingFailed,
            "process 2 of 2 was ended by SIGKILL",
        ),
        (["a last word\n", "\n"], 0, TrainingFailed, "training with 2 processes ended with code 0: a last word"),
        ([], 5, TrainingFailed, "ended with code 5: nothing was said"),
    ],
)
def test_what_explains_best_is_said(lines: list[str], code: int, error: type[Exception], sentence: str) -> None:
    heard = _Heard(silent, unheard)
    for line in lines:
        heard.line(line)
    with pytest.raises(error, match=sentence):
        heard.conclude(code, 2)


@pytest.mark.slow
def test_the_wish_to_stop_reaches_the_first_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan_file, started = _file(TuningPlan("base", "rows"), tmp_path), time.monotonic()
    with pytest.raises(Cancelled, match="stopped at step 3"):
        launch(
            plan_file,
            tmp_path / "out",
            1,
            worker=_worker("obedient", tmp_path, monkeypatch),
            should_stop=lambda: True,
        )
    assert time.monotonic() - started < 60
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.slow
def test_an_error_of_the_listener_ends_the_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(fraction: float, stage: str, message: str, metrics: Mapping[str, float]) -> None:
        raise RuntimeError("the page is gone")

    with pytest.raises(RuntimeError, match="the page is gone"):
        launch(
            _file(TuningPlan("base", "rows"), tmp_path),
            tmp_path / "out",
            1,
            worker=_worker("obedient", tmp_path, monkeypatch),
            on_progress=refuse,
        )
    assert _mine() == []


def test_a_process_that_runs_out_of_memory_alone_ends_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`tune` would begin anew with smaller batches, and the others would wait for it for ever."""
    for processes, refused in (("1", False), ("2", True)):
        monkeypatch.setenv("WORLD_SIZE", processes)
        member = Member(1, tmp_path)
        for split in ("train", "validation"):
            member.on_progress(0.0, "prepare", f"reading the {split} split", {})
        if not refused:
            member.on_progress(0.0, "prepare", "reading the train split", {})
            continue
        with pytest.raises(TrainingFailed, match="process 2 of 2 ran out of memory"):
            member.on_progress(0.0, "prepare", "reading the train split", {})


def test_others_wait_for_the_tokens_of_both_splits(tmp_path: Path) -> None:
    work, member = tmp_path / "work", Member(1, tmp_path)
    waiting = threading.Thread(target=member.wait_for_tokens, daemon=True)
    waiting.start()
    work.mkdir()
    (work / "run.json").write_text("{}")
    for name in ("tokens-a", "tokens-b"):
        waiting.join(0.3)
        assert waiting.is_alive()
        (work / name).mkdir()
        (work / name / "meta.json").write_text("{}")
    waiting.join(5)
    assert not waiting.is_alive()
    assert not member.should_stop()


def test_what_cannot_be_started_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan_file = _file(TuningPlan("base", "rows"), tmp_path)
    with pytest.raises(TuningError, match="processes: must be at least 1"):
        launch(plan_file, tmp_path / "out", 0)
    with pytest.raises(TuningError, match=r"plan: .*missing.json cannot be read"):
        launch(tmp_path / "missing.json", tmp_path / "out", 2)
    plan_file.write_text("{}")
    with pytest.raises(TuningError, match="base: is missing"):
        launch(plan_file, tmp_path / "out", 2)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    plan_file.write_text(json.dumps(TuningPlan("base", "rows").to_json()))
    with pytest.raises(TuningError, match="processes: is 3, but this machine has 2 GPUs"):
        launch(plan_file, tmp_path / "out", 3)
    assert not (tmp_path / "out").exists()
