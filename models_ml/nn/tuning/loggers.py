"""Where a run's figures go: TensorBoard events always, MLflow and Weights & Biases where the environment names them.

Peculiar: nothing here may stop or slow a training. Events are written to the local disk at once. MLflow and W&B talk to
servers that may hang for minutes, so each has a thread of its own with a queue; a full queue drops figures rather than
wait. A logger that fails is left out from then on, and what happened is a sentence in `notes`.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import logging
import os
import queue
import threading
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any, Protocol, Self

EVENTS = ".events"  # after the name of the run's folder
_QUEUE = 1000  # reports waiting for a server
_PATIENCE = 10.0  # seconds that close() waits for each server

_log = logging.getLogger(__name__)
Values = Mapping[str, float]


class _Sink(Protocol):
    """One place figures go to. Made lazily: the first report opens it."""

    name: str

    def write(self, step: int, values: Values) -> None:
        """Take one report."""

    def close(self, *, finished: bool) -> None:
        """Flush and let go. `finished` is False for a run that failed or was cancelled."""


class MetricLoggers:
    """Takes a run's figures, as `on_metrics` does, and hands them to every logger. Use as a context or close it."""

    def __init__(self, sinks: list[_Sink], notes: list[str]) -> None:
        self._sinks, self._notes = sinks, notes

    def __call__(self, step: int, values: Values) -> None:
        """Log the figures of a step."""
        for sink in list(self._sinks):
            self._try(sink, partial(sink.write, step, values))

    def close(self, *, finished: bool = True) -> None:
        """Write what waits and close. Never raises; waits some seconds at most. Twice is once."""
        for sink in list(self._sinks):
            self._try(sink, partial(sink.close, finished=finished))
        self._sinks.clear()

    @property
    def notes(self) -> tuple[str, ...]:
        """What was left out or failed, a sentence each."""
        return tuple(self._notes)

    @property
    def names(self) -> tuple[str, ...]:
        """The loggers still at work."""
        return tuple(sink.name for sink in self._sinks)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close(finished=kind is None)

    def _try(self, sink: _Sink, action: Callable[[], None]) -> None:
        try:
            action()
        except Exception as error:  # noqa: BLE001 - whatever a logger does wrong, the training goes on
            self._sinks.remove(sink)
            note = f"{sink.name} stopped logging: {_sentence(error)}. The training goes on without it."
            self._notes.append(note)
            _log.warning(note)


def metric_loggers(out: Path, run_name: str, config: Mapping[str, Any], *, events: Path | None = None) -> MetricLoggers:
    """Loggers for one run. TensorBoard events lie in `events`, else beside `out`, in "NAME.events"; never raises.

    Beside and not within it, because `out` becomes a model folder, and a run is resumed only where nothing else lies.
    MLflow joins where MLFLOW_TRACKING_URI is set, W&B where WANDB_API_KEY is or WANDB_MODE is "offline", each if its
    package is installed (else a note). `config` is shown with the run: the plan, as plain values.
    """
    notes: list[str] = []
    place = events or out.with_name(out.name + EVENTS)
    sinks: list[_Sink] = [_TensorBoard(place, run_name, config)]
    if os.environ.get("MLFLOW_TRACKING_URI"):
        _join(sinks, notes, "MLflow", "mlflow", lambda package: _MLflow(package, run_name, config))
    mode = os.environ.get("WANDB_MODE", "").lower()
    if mode != "disabled" and (os.environ.get("WANDB_API_KEY") or mode == "offline"):
        _join(sinks, notes, "W&B", "wandb", lambda package: _Wandb(package, run_name, config, place))
    return MetricLoggers(sinks, notes)


def _join(sinks: list[_Sink], notes: list[str], title: str, name: str, make: Callable[[ModuleType], _Sink]) -> None:
    try:
        sinks.append(_Aside(make(importlib.import_module(name))))
    except Exception as error:  # noqa: BLE001 - a broken package may raise anything at import
        missing = isinstance(error, ModuleNotFoundError) and error.name == name
        reason = f"the package {name} is not installed" if missing else _sentence(error)
        notes.append(f"{title} is named in the environment but not used: {reason}.")
        _log.warning(notes[-1])


class _TensorBoard:
    """Event files. After a resume the steps that are done again replace the old ones (purge_step)."""

    name = "TensorBoard"

    def __init__(self, folder: Path, run_name: str, config: Mapping[str, Any]) -> None:
        self.folder, self.run_name, self.config = folder, run_name, config
        self._writer: Any = None

    def write(self, step: int, values: Values) -> None:
        if self._writer is None:
            self._open(step)
        for name, value in values.items():
            self._writer.add_scalar(tag(name), value, step)
        self._writer.flush()

    def close(self, *, finished: bool) -> None:  # noqa: ARG002 - an event file has no state
        if self._writer is not None:
            self._writer.close()

    def _open(self, step: int) -> None:
        from torch.utils.tensorboard import SummaryWriter  # noqa: PLC0415 - slow to import, and a form needs none of it

        self.folder.mkdir(parents=True, exist_ok=True)
        again = step if any(self.folder.glob("events.out.tfevents.*")) else None
        self._writer = SummaryWriter(str(self.folder), purge_step=again)
        text = json.dumps({"run": self.run_name, **self.config}, indent=2, ensure_ascii=False, default=str)
        self._writer.add_text("plan", f"```\n{text}\n```", step)


class _MLflow:
    name = "MLflow"

    def __init__(self, package: Any, run_name: str, config: Mapping[str, Any]) -> None:
        self.package, self.run_name, self.config, self._open = package, run_name, config, False

    def write(self, step: int, values: Values) -> None:
        if not self._open:
            self.package.start_run(run_name=self.run_name)
            self._open = True
            self.package.log_params({name: str(value)[:500] for name, value in self.config.items()})
        self.package.log_metrics({tag(name): float(value) for name, value in values.items()}, step=step)

    def close(self, *, finished: bool) -> None:
        if self._open:
            self.package.end_run(status="FINISHED" if finished else "FAILED")


class _Wandb:
    name = "W&B"

    def __init__(self, package: Any, run_name: str, config: Mapping[str, Any], folder: Path) -> None:
        self.package, self.run_name, self.config, self.folder = package, run_name, config, folder
        self._run: Any = None

    def write(self, step: int, values: Values) -> None:
        if self._run is None:
            self.folder.mkdir(parents=True, exist_ok=True)
            project = os.environ.get("WANDB_PROJECT", "copylift")
            self._run = self.package.init(
                project=project, name=self.run_name, config=dict(self.config), dir=str(self.folder)
            )
        self._run.log({tag(name): float(value) for name, value in values.items()}, step=step)

    def close(self, *, finished: bool) -> None:
        if self._run is not None:
            self._run.finish(exit_code=0 if finished else 1)


class _Aside:
    """Runs a sink in a thread of its own, where it opens, writes and closes (MLflow keeps its run by thread)."""

    def __init__(self, sink: _Sink) -> None:
        self.name, self._sink = sink.name, sink
        self._waiting: queue.Queue[tuple[int, dict[str, float]] | bool] = queue.Queue(_QUEUE)
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._work, name=f"metrics to {sink.name}", daemon=True)
        self._thread.start()

    def write(self, step: int, values: Values) -> None:
        if self._error is not None:
            raise self._error
        try:
            self._waiting.put_nowait((step, dict(values)))
        except queue.Full:
            self._give_up()
            raise TimeoutError(f"{_QUEUE} reports are waiting; its server does not keep up") from None

    def close(self, *, finished: bool) -> None:
        try:
            self._waiting.put(finished, timeout=_PATIENCE)
        except queue.Full:
            raise TimeoutError("its server takes no more reports") from None
        self._thread.join(_PATIENCE)
        if self._error is not None:
            raise self._error
        if self._thread.is_alive():
            raise TimeoutError(f"its server did not answer within {_PATIENCE:g} s")

    def _give_up(self) -> None:
        with contextlib.suppress(queue.Empty):
            while True:
                self._waiting.get_nowait()
        self._waiting.put_nowait(False)  # the thread closes and ends as soon as its server answers

    def _work(self) -> None:
        try:
            while not isinstance(item := self._waiting.get(), bool):
                self._sink.write(*item)
            self._sink.close(finished=item)
        except Exception as error:  # noqa: BLE001 - handed to the training's thread, which leaves the logger out
            self._error = error


def tag(name: str) -> str:
    """The name a figure has in the loggers: train/ or eval/ and the rest, as transformers' own loggers write it."""
    return f"eval/{name.removeprefix('eval_')}" if name.startswith("eval_") else f"train/{name}"


def _sentence(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return (lines[0].rstrip(".") if lines else "")[:300] or type(error).__name__
