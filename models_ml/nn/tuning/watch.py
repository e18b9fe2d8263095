"""One attempt at a plan, and the watch over it: when to log, evaluate, save and stop, and what is told outside."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from transformers import TrainerCallback, TrainerControl, TrainerState

from models_ml.nn.progress import OnProgress, ShouldStop
from models_ml.nn.tuning.batches import Batches
from models_ml.nn.tuning.evaluate import Evaluator
from models_ml.nn.tuning.plan import TuningPlan


class OnMetrics(Protocol):
    """Called at each logging step and each evaluation."""

    def __call__(self, step: int, values: Mapping[str, float], /) -> None:
        """`values` e.g. {"loss", "learning_rate"} or {"eval_loss", "eval_perplexity"}."""


@dataclass(frozen=True)
class Run:
    """One attempt at a plan: all that the loop needs. `parts` is the number of micro-batches a step and process."""

    plan: TuningPlan
    model: Any
    head: Any
    batches: Batches
    evaluator: Evaluator | None
    work: Path
    bf16: bool
    on_progress: OnProgress
    on_metrics: OnMetrics
    should_stop: ShouldStop

    @property
    def steps(self) -> int:
        """Optimiser steps of the whole run."""
        return self.batches.steps


def every(wanted: int, steps: int, *, times: int) -> int:
    """How many steps apart: as the plan says, else so that it happens about `times` times."""
    return wanted or max(1, steps // times)


class Watch(TrainerCallback):
    """Decides when to log, evaluate, save and stop; carries progress out."""

    def __init__(self, run: Run) -> None:
        plan, steps = run.plan, run.steps
        self.run, self.cancelled = run, False
        self.log_every = max(1, min(10, steps // 20))
        self.evaluate_every = every(plan.evaluate_every, steps, times=5)
        self.save_every = every(plan.save_every, steps, times=4)
        self.first, self.began = 0, time.monotonic()

    def on_train_begin(self, args: Any, state: TrainerState, control: TrainerControl, **_: Any) -> None:  # noqa: ARG002
        """Note where the clock starts."""
        self.first, self.began = state.global_step, time.monotonic()

    def on_step_end(self, args: Any, state: TrainerState, control: TrainerControl, **_: Any) -> None:  # noqa: ARG002
        """Set what Trainer shall do after this step."""
        step, last = state.global_step, state.global_step >= self.run.steps
        control.should_log = step % self.log_every == 0 or last or step == 1
        control.should_evaluate = self.run.evaluator is not None and (step % self.evaluate_every == 0 or last)
        control.should_save = step % self.save_every == 0 and not last
        if self.run.should_stop() and not last:
            self.cancelled = control.should_training_stop = control.should_save = True

    def on_log(self, args: Any, state: TrainerState, control: TrainerControl, logs: Any = None, **_: Any) -> None:  # noqa: ARG002
        """Report what Trainer logged."""
        values = {name: float(value) for name, value in (logs or {}).items() if isinstance(value, (int, float))}
        if "loss" not in values and "eval_loss" not in values:
            return
        self.run.on_metrics(state.global_step, values)
        if "loss" in values:
            self._report(state.global_step, values)

    def _report(self, step: int, values: Mapping[str, float]) -> None:
        speed = (step - self.first) / max(1e-9, time.monotonic() - self.began)
        left = (self.run.steps - step) / max(1e-9, speed)
        message = f"step {step} of {self.run.steps}, loss {values['loss']:.3f}"
        message += f", about {duration(left)} left" if step < self.run.steps else ""
        metrics = {**values, "step": float(step), "steps_per_second": speed, "seconds_left": left}
        self.run.on_progress(0.02 + 0.96 * step / self.run.steps, "train", message, metrics)


def duration(seconds: float) -> str:
    """A time span for a reader: seconds, minutes or hours."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


class Ranks(TrainerCallback):
    """AdaLoRA's budget: ranks fall after each step, while the gradients are still there."""

    def __init__(self, model: Any) -> None:
        self.model = model

    def on_optimizer_step(self, args: Any, state: TrainerState, control: TrainerControl, **_: Any) -> None:  # noqa: ARG002
        """Let PEFT weigh the factors."""
        self.model.base_model.update_and_allocate(state.global_step + 1)
