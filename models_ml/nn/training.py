"""One training stage on transformers' Trainer: seeded, checkpointed, resumable after a kill, cancellable, reporting.

Rows come already in order (`data.in_order`) and are read once, so the state of a stage is its step alone and a resumed
run ends with the weights of an uninterrupted one (tested on CPU). Checkpoints hold the optimiser as torch writes it;
they are this process's own scratch files and are never shipped.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers import PreTrainedModel, Trainer, TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.trainer_callback import PrinterCallback
from transformers.trainer_utils import get_last_checkpoint

from models_ml.nn.data import PadRight, Rows
from models_ml.nn.progress import Cancelled, OnProgress, ShouldStop, never, silent

_REPORT_EVERY = 10  # steps


class TrainingFailed(Exception):
    """Training cannot go on (loss is not a number, no rows); says why."""


@dataclass(frozen=True)
class StageSettings:
    """How one stage trains. Warmup is a share of the steps; the rate falls to zero by a cosine."""

    name: str
    steps: int
    batch_size: int
    learning_rate: float
    seed: int
    warmup_share: float = 0.03
    weight_decay: float = 0.05
    save_every: int = 500
    bf16: bool = False


@dataclass(frozen=True)
class StageResult:
    """What a stage did: steps, last mean loss, tokens read and trained on, seconds by the clock and of the processor.

    Both of the process that ended the stage: what an interrupted one used before is not known.
    """

    steps: int
    loss: float
    tokens: int
    trained_tokens: int
    seconds: float
    cpu_seconds: float
    losses: list[tuple[int, float]] = field(default_factory=list)


class _Watch(TrainerCallback):
    """Carries progress out and the wish to stop in."""

    def __init__(self, settings: StageSettings, on_progress: OnProgress, should_stop: ShouldStop) -> None:
        self.settings, self.on_progress, self.should_stop = settings, on_progress, should_stop
        self.started, self.first_step, self.cancelled = time.monotonic(), 0, False

    def on_train_begin(self, args: Any, state: TrainerState, control: TrainerControl, **_: Any) -> None:  # noqa: ARG002
        self.started, self.first_step = time.monotonic(), state.global_step

    def on_step_end(self, args: Any, state: TrainerState, control: TrainerControl, **_: Any) -> None:  # noqa: ARG002
        if self.should_stop():
            self.cancelled = control.should_training_stop = control.should_save = True

    def on_log(self, args: Any, state: TrainerState, control: TrainerControl, logs: Any = None, **_: Any) -> None:  # noqa: ARG002
        loss = (logs or {}).get("loss")
        if loss is None:
            return
        if not math.isfinite(loss):
            raise TrainingFailed(
                f"{self.settings.name}: the loss is {loss} at step {state.global_step}; lower the rate"
            )
        done, steps = state.global_step, self.settings.steps
        speed = (done - self.first_step) / max(1e-9, time.monotonic() - self.started)
        metrics = {"loss": float(loss), "step": float(done), "steps_per_second": speed}
        metrics["seconds_left"] = (steps - done) / max(1e-9, speed)
        self.on_progress(done / steps, self.settings.name, f"step {done} of {steps}, loss {loss:.3f}", metrics)


def train_stage(
    model: PreTrainedModel,
    rows: Rows,
    settings: StageSettings,
    folder: Path,
    *,
    pad: int,
    on_progress: OnProgress = silent,
    should_stop: ShouldStop = never,
    resume: bool = False,
) -> StageResult:
    """Train `model` in place on `rows`, once through, checkpoints under `folder`.

    With `resume` the last checkpoint there, if any, is taken up. Raises Cancelled (a checkpoint is left) and
    TrainingFailed.
    """
    if len(rows) < settings.batch_size:
        raise TrainingFailed(f"{settings.name}: {len(rows)} rows are fewer than one batch of {settings.batch_size}")
    transformers.utils.logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    started, cpu_started = time.monotonic(), time.process_time()
    watch = _Watch(settings, on_progress, should_stop)
    trainer = Trainer(
        model=model,
        args=_arguments(settings, folder),
        train_dataset=rows,
        data_collator=PadRight(pad),
        callbacks=[watch],
    )
    trainer.remove_callback(PrinterCallback)
    checkpoint = _last_checkpoint(folder) if resume else None
    outcome = trainer.train(resume_from_checkpoint=checkpoint)
    if watch.cancelled and outcome.global_step < settings.steps:
        raise Cancelled(f"{settings.name}: stopped at step {outcome.global_step} of {settings.steps}")
    losses = [(int(entry["step"]), float(entry["loss"])) for entry in trainer.state.log_history if "loss" in entry]
    last = [loss for _, loss in losses[-10:]]
    return StageResult(
        steps=int(outcome.global_step),
        loss=sum(last) / max(1, len(last)),
        tokens=rows.tokens,
        trained_tokens=rows.trained_tokens,
        seconds=time.monotonic() - started,
        cpu_seconds=time.process_time() - cpu_started,
        losses=losses,
    )


def _last_checkpoint(folder: Path) -> str | None:
    found = get_last_checkpoint(str(folder)) if folder.is_dir() else None  # type: ignore[no-untyped-call]
    return str(found) if found else None


def _arguments(settings: StageSettings, folder: Path) -> TrainingArguments:
    return TrainingArguments(
        output_dir=str(folder),
        max_steps=settings.steps,
        per_device_train_batch_size=settings.batch_size,
        learning_rate=settings.learning_rate,
        lr_scheduler_type="cosine",
        warmup_steps=max(1, round(settings.warmup_share * settings.steps)),
        weight_decay=settings.weight_decay,
        adam_beta2=0.95,
        max_grad_norm=1.0,
        bf16=settings.bf16,
        use_cpu=not torch.cuda.is_available(),
        seed=settings.seed,
        train_sampling_strategy="sequential",
        remove_unused_columns=False,
        dataloader_pin_memory=False,
        save_strategy="steps",
        save_steps=settings.save_every,
        save_total_limit=1,
        logging_steps=max(1, min(_REPORT_EVERY, settings.steps // 4)),
        logging_nan_inf_filter=False,
        disable_tqdm=True,
        report_to=[],
        log_level="error",
    )
