"""Metric loggers: the event file read back, MLflow and W&B as small fakes, loggers that fail, hang or are missing."""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from models_ml.nn.tuning import loggers
from models_ml.nn.tuning.loggers import metric_loggers, tag

_NAMES = ("MLFLOW_TRACKING_URI", "WANDB_API_KEY", "WANDB_MODE", "WANDB_PROJECT")


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in _NAMES:
        monkeypatch.delenv(name, raising=False)


class FakeMLflow(ModuleType):
    """Keeps what it is told, and the threads that told it."""

    def __init__(self, fails: str = "") -> None:
        super().__init__("mlflow")
        self.calls: list[tuple[Any, ...]] = []
        self.threads: set[str] = set()
        self.fails = fails

    def _take(self, name: str, *values: Any) -> None:
        self.threads.add(threading.current_thread().name)
        if name == self.fails:
            raise ConnectionError(f"{name}: server away\nand a long trace")
        self.calls.append((name, *values))

    def start_run(self, run_name: str) -> None:
        self._take("start_run", run_name)

    def log_params(self, values: dict[str, str]) -> None:
        self._take("log_params", values)

    def log_metrics(self, values: dict[str, float], step: int) -> None:
        self._take("log_metrics", values, step)

    def end_run(self, status: str) -> None:
        self._take("end_run", status)


class FakeWandb(ModuleType):
    """A run that keeps what is logged."""

    def __init__(self, gate: threading.Event | None = None) -> None:
        super().__init__("wandb")
        self.started: dict[str, Any] = {}
        self.logged: list[tuple[int, dict[str, float]]] = []
        self.exit_code: int | None = None
        self.gate, self.entered = gate, threading.Event()

    def init(self, **settings: Any) -> FakeWandb:
        self.entered.set()
        if self.gate is not None:
            self.gate.wait(60)
        self.started = settings
        return self

    def log(self, values: dict[str, float], step: int) -> None:
        self.logged.append((step, values))

    def finish(self, exit_code: int) -> None:
        self.exit_code = exit_code


def _with(monkeypatch: pytest.MonkeyPatch, package: ModuleType, **environment: str) -> None:
    monkeypatch.setitem(sys.modules, package.__name__, package)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)


def _scalars(folder: Path) -> dict[str, list[tuple[int, float]]]:
    read = EventAccumulator(str(folder))
    read.Reload()
    return {
        name: [(event.step, round(event.value, 6)) for event in read.Scalars(name)] for name in read.Tags()["scalars"]
    }


def test_events_can_be_read_back(tmp_path: Path) -> None:
    with metric_loggers(tmp_path / "out", "run 1", {"rank": 8, "base": "starter", "中": "文"}) as log:
        log(1, {"loss": 2.5, "learning_rate": 0.001})
        log(2, {"loss": 2.25, "eval_loss": 2.0})
        assert log.names == ("TensorBoard",)
    assert log.notes == ()
    assert _scalars(tmp_path / "out.events") == {
        "train/loss": [(1, 2.5), (2, 2.25)],
        "train/learning_rate": [(1, 0.001)],
        "eval/loss": [(2, 2.0)],
    }
    read = EventAccumulator(str(tmp_path / "out.events"))
    read.Reload()
    [event] = read.Tensors("plan/text_summary")
    text = event.tensor_proto.string_val[0].decode()
    assert '"rank": 8' in text
    assert '"run": "run 1"' in text
    assert '"中": "文"' in text


def test_events_can_lie_elsewhere_and_are_on_disk_before_the_end(tmp_path: Path) -> None:
    log = metric_loggers(tmp_path / "out", "run", {}, events=tmp_path / "runs" / "7")
    log(3, {"loss": 1.5})
    assert _scalars(tmp_path / "runs" / "7") == {"train/loss": [(3, 1.5)]}
    assert not (tmp_path / "out").exists()
    log.close()
    log.close()
    log(4, {"loss": 1.0})  # after the end nobody listens
    assert _scalars(tmp_path / "runs" / "7") == {"train/loss": [(3, 1.5)]}


def test_a_resumed_run_replaces_the_steps_it_does_again(tmp_path: Path) -> None:
    with metric_loggers(tmp_path / "out", "run", {}) as log:
        for step in (1, 2, 3):
            log(step, {"loss": float(step)})
    time.sleep(1.1)  # event files are told apart, and ordered, by the second they were opened in
    with metric_loggers(tmp_path / "out", "run", {}) as log:
        for step in (3, 4):
            log(step, {"loss": 10.0 * step})
    assert _scalars(tmp_path / "out.events") == {"train/loss": [(1, 1.0), (2, 2.0), (3, 30.0), (4, 40.0)]}


def test_mlflow_gets_parameters_and_figures_in_one_thread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeMLflow()
    _with(monkeypatch, fake, MLFLOW_TRACKING_URI="http://localhost:9")
    with metric_loggers(tmp_path / "out", "run 1", {"rank": 8, "modules": ["a"] * 400}) as log:
        log(1, {"loss": 2.5})
        log(2, {"eval_loss": 2.0})
        assert log.names == ("TensorBoard", "MLflow")
    assert fake.calls == [
        ("start_run", "run 1"),
        ("log_params", {"rank": "8", "modules": str(["a"] * 400)[:500]}),
        ("log_metrics", {"train/loss": 2.5}, 1),
        ("log_metrics", {"eval/loss": 2.0}, 2),
        ("end_run", "FINISHED"),
    ]
    assert fake.threads == {"metrics to MLflow"}
    assert log.notes == ()


def test_a_run_that_failed_is_marked_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake, other = FakeMLflow(), FakeWandb()
    _with(monkeypatch, fake, MLFLOW_TRACKING_URI="http://localhost:9")
    _with(monkeypatch, other, WANDB_MODE="offline")
    with pytest.raises(RuntimeError, match="no memory"):
        _run_out_of_memory(tmp_path / "out")
    assert fake.calls[-1] == ("end_run", "FAILED")
    assert other.exit_code == 1


def _run_out_of_memory(folder: Path) -> None:
    with metric_loggers(folder, "run", {}) as log:
        log(1, {"loss": 2.5})
        raise RuntimeError("no memory")


@pytest.mark.parametrize("environment", [{"WANDB_MODE": "offline"}, {"WANDB_API_KEY": "k"}])
def test_wandb_gets_figures(environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeWandb()
    _with(monkeypatch, fake, **environment)
    with metric_loggers(tmp_path / "out", "run 1", {"rank": 8}) as log:
        log(1, {"loss": 2.5})
    assert fake.started == {
        "project": "copylift",
        "name": "run 1",
        "config": {"rank": 8},
        "dir": str(tmp_path / "out.events"),
    }
    assert (fake.logged, fake.exit_code) == ([(1, {"train/loss": 2.5})], 0)


@pytest.mark.parametrize("environment", [{}, {"WANDB_MODE": "disabled", "WANDB_API_KEY": "k"}])
def test_nobody_is_asked_without_the_environment(
    environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake, other = FakeMLflow(), FakeWandb()
    _with(monkeypatch, fake)
    _with(monkeypatch, other, **environment)
    with metric_loggers(tmp_path / "out", "run", {}) as log:
        log(1, {"loss": 2.5})
        assert log.names == ("TensorBoard",)
    assert (fake.calls, other.logged, log.notes) == ([], [], ())


def test_a_missing_package_is_a_note(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.import_module", _missing)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://localhost:9")
    monkeypatch.setenv("WANDB_MODE", "offline")
    with metric_loggers(tmp_path / "out", "run", {}) as log:
        log(1, {"loss": 2.5})
    assert log.notes == (
        "MLflow is named in the environment but not used: the package mlflow is not installed.",
        "W&B is named in the environment but not used: the package wandb is not installed.",
    )
    assert _scalars(tmp_path / "out.events") == {"train/loss": [(1, 2.5)]}


def _missing(name: str) -> ModuleType:
    raise ModuleNotFoundError(f"No module named {name!r}", name=name)


@pytest.mark.parametrize("fails", ["start_run", "log_params", "log_metrics", "end_run"])
def test_a_failing_server_is_left_out_and_training_goes_on(
    fails: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = FakeMLflow(fails)
    _with(monkeypatch, fake, MLFLOW_TRACKING_URI="http://localhost:9")
    with metric_loggers(tmp_path / "out", "run", {}) as log:
        for step in range(1, 6):
            log(step, {"loss": float(step)})
            time.sleep(0.01)
    assert log.notes == (f"MLflow stopped logging: {fails}: server away. The training goes on without it.",)
    assert [step for step, _ in _scalars(tmp_path / "out.events")["train/loss"]] == [1, 2, 3, 4, 5]


def test_a_folder_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "out.events").write_text("a file stands here")
    with metric_loggers(tmp_path / "out", "run", {}) as log:
        log(1, {"loss": 2.5})
        log(2, {"loss": 2.0})
        assert log.names == ()
    assert len(log.notes) == 1
    assert log.notes[0].startswith("TensorBoard stopped logging: ")


def test_a_hanging_server_holds_nobody_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = threading.Event()
    fake = FakeWandb(gate)
    _with(monkeypatch, fake, WANDB_MODE="offline")
    monkeypatch.setattr(loggers, "_PATIENCE", 0.2)
    monkeypatch.setattr(loggers, "_QUEUE", 3)
    log = metric_loggers(tmp_path / "out", "run", {})
    started = time.monotonic()
    for step in range(1, 4):
        log(step, {"loss": 1.0})
    log.close()
    assert time.monotonic() - started < 5
    assert log.notes == (
        "W&B stopped logging: its server did not answer within 0.2 s. The training goes on without it.",
    )
    gate.set()


def test_a_full_queue_ends_the_logger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = threading.Event()
    fake = FakeWandb(gate)
    _with(monkeypatch, fake, WANDB_MODE="offline")
    monkeypatch.setattr(loggers, "_QUEUE", 3)
    log = metric_loggers(tmp_path / "out", "run", {})
    log(1, {"loss": 1.0})
    assert fake.entered.wait(30)  # it holds the first report, and the queue is empty
    for step in range(2, 9):
        log(step, {"loss": 1.0})
    assert log.names == ("TensorBoard",)
    [note] = log.notes
    assert "3 reports are waiting; its server does not keep up" in note
    gate.set()
    log.close()
    for thread in threading.enumerate():
        if thread.name == "metrics to W&B":
            thread.join(30)
            assert not thread.is_alive()
    assert (len(fake.logged), fake.exit_code) == (1, 1)


def test_names_are_grouped_as_transformers_groups_them() -> None:
    assert [tag(name) for name in ("loss", "eval_loss", "learning_rate")] == [
        "train/loss",
        "eval/loss",
        "train/learning_rate",
    ]
