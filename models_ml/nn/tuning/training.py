"""`tune`: one fine-tuning run from plan to model folder. It checks, prepares, trains and keeps the best weights.

Peculiar: everything that can be refused is refused before the first step. Out of memory halves the batch, doubles the
accumulation (so the steps stay the same) and goes on from the last checkpoint. `out/work` holds tokens and checkpoints
and goes when the run ends.
"""

from __future__ import annotations

import gc
import json
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from models_ml.data.errors import DataError
from models_ml.data.store import open_dataset
from models_ml.nn.artifacts import write_json
from models_ml.nn.progress import Cancelled, OnProgress, ShouldStop, never, silent
from models_ml.nn.training import TrainingFailed
from models_ml.nn.tuning import checkpoints, saving
from models_ml.nn.tuning.loop import BEST, Loop
from models_ml.nn.tuning.plan import PREFERENCE, TuningError, TuningPlan, TuningResult
from models_ml.nn.tuning.preparing import Preparing
from models_ml.nn.tuning.probe import weight_type, world_size
from models_ml.nn.tuning.rows import Dataset
from models_ml.nn.tuning.watch import OnMetrics, Run

__all__ = [  # what preference tuning builds on, beside `tune` itself
    "Job",
    "_open",
    "_prepare_folder",
    "_until_it_fits",
    "out_of_memory",
    "tune",
    "unheard",
    "weight_type",
    "world_size",
]


def unheard(step: int, values: Mapping[str, float], /) -> None:
    """Report metrics to nobody."""


def tune(
    plan: TuningPlan,
    out: Path,
    *,
    on_progress: OnProgress = silent,
    on_metrics: OnMetrics = unheard,
    should_stop: ShouldStop = never,
    resume: bool = False,
    dataset: Dataset | None = None,
) -> TuningResult:
    """Run the plan and leave a model folder in `out`: adapter or weights, tokenizer, training.json.

    With `resume` an unfinished run in `out` goes on from its last checkpoint, and a finished one returns its result.
    `dataset` stands in for the folder that the plan names. Raises TuningError (plan, base or data cannot be used),
    TrainingFailed (it went wrong on the way; checkpoints are left) and Cancelled (a checkpoint is left).
    """
    if plan.objective in PREFERENCE:
        from models_ml.nn.tuning.preference import tune_preference  # noqa: PLC0415 - it brings in much of its own

        return tune_preference(
            plan,
            out,
            on_progress=on_progress,
            on_metrics=on_metrics,
            should_stop=should_stop,
            resume=resume,
            dataset=dataset,
        )
    done = _prepare_folder(plan, Path(out), resume=resume)
    if done is not None:
        return done
    job = Job(plan, Path(out), dataset or _open(plan), on_progress, on_metrics, should_stop)
    return _until_it_fits(job)


def _until_it_fits(job: Job) -> TuningResult:
    while True:
        try:
            return job.attempt()
        except RuntimeError as error:  # torch.OutOfMemoryError among them
            if not out_of_memory(error):
                raise
            job.halve(str(error).splitlines()[0])
        gc.collect()  # outside the handler, which holds the frames and with them the tensors
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


def out_of_memory(error: BaseException) -> bool:
    """Whether the device, or the machine itself, had no memory left."""
    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)


def _open(plan: TuningPlan) -> Dataset:
    try:
        return open_dataset(plan.dataset)
    except DataError as error:
        raise TuningError("dataset", error.message) from error
    except OSError as error:
        raise TuningError("dataset", str(error)) from error


def _prepare_folder(plan: TuningPlan, out: Path, *, resume: bool) -> TuningResult | None:
    """The work folder made ready; the result where the run has ended already."""
    done = saving.finished(out) if out.is_dir() else None
    if done is not None and resume:
        return done
    if done is not None or (out.is_dir() and any(path.name != "work" for path in out.iterdir())):
        raise TuningError("out", f"{out} holds something already; name an empty or a new folder")
    work = out / "work"
    begun = work / "run.json"
    if not resume:
        shutil.rmtree(work, ignore_errors=True)
    elif begun.is_file():
        _same_plan(plan, json.loads(begun.read_text(encoding="utf-8"))["plan"])
    work.mkdir(parents=True, exist_ok=True)
    return None


def _same_plan(plan: TuningPlan, begun: Mapping[str, Any]) -> None:
    for name, value in plan.to_json().items():
        if begun.get(name) != value:
            raise TuningError(name, f"is {value!r}, but the run to resume was begun with {begun.get(name)!r}")


@dataclass
class Job(Preparing):
    """A run over all its attempts; `parts` is doubled when memory runs out."""

    started: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        held = self.work / "run.json"
        begun = json.loads(held.read_text(encoding="utf-8")) if held.is_file() else {}
        self.parts = int(begun.get("parts", self.plan.gradient_accumulation))
        self.notes += begun.get("notes", [])
        self._note()

    def _note(self) -> None:
        write_json(self.work / "run.json", {"plan": self.plan.to_json(), "parts": self.parts, "notes": self.notes})

    def halve(self, reason: str) -> None:
        """Cut micro-batches in half; raise TrainingFailed where they are single rows already."""
        if self.parts >= self.plan.rows_a_step:
            raise TrainingFailed(
                f"out of memory with one row at a time ({reason}). Lower max_length (now {self.plan.max_length}), "
                "turn gradient_checkpointing on, or choose a smaller base or a method that trains less"
            )
        self.parts = min(self.plan.rows_a_step, self.parts * 2)
        self.notes.append(f"out of memory: batches of {self.plan.rows_a_step // self.parts}, {self.parts} a step")
        self._note()

    def loop(self, run: Run) -> Loop:
        """What trains; a job with another loss has another."""
        return Loop(run)

    def attempt(self) -> TuningResult:
        """Prepare, train from the last checkpoint on, save."""
        run, origin, tokenizer = self._prepared()
        loop = self.loop(run)
        before = self._before(loop)
        checkpoint = checkpoints.last_checkpoint(self.work)
        outcome = loop.train(resume_from_checkpoint=None if checkpoint is None else str(checkpoint))
        if loop.watch.cancelled and outcome.global_step < run.steps:
            raise Cancelled(f"stopped at step {outcome.global_step} of {run.steps}")
        result = self._result(loop, before)
        self.on_progress(0.98, "save", "writing the model", {})
        if loop.is_world_process_zero():
            result = saving.save_result(run.model, tokenizer, self.out, plan=self.plan, origin=origin, result=result)
            shutil.rmtree(self.work, ignore_errors=True)
        loop.accelerator.wait_for_everyone()
        self.on_progress(1.0, "done", f"{result.steps} steps, {result.tokens:,} tokens", {})
        return result

    def _before(self, loop: Loop) -> dict[str, float]:
        """Figures of the untouched base, measured once."""
        held = self.work / "before.json"
        if not held.is_file():
            loop.run.model.to(loop.args.device)
            figures = loop.measured()
            if loop.is_world_process_zero():
                write_json(held, figures)
            return figures
        return {name: float(value) for name, value in checkpoints.read_json(held).items()}

    def _result(self, loop: Loop, before: Mapping[str, float]) -> TuningResult:
        held = loop.progress
        if held.best_step is not None and held.best_step < loop.state.global_step:
            checkpoints.load_weights(loop.run.model, self.work / BEST)
        losses = [float(entry["loss"]) for entry in loop.state.log_history if "loss" in entry][-10:]
        kept = {**held.best, **{f"{name}_before": value for name, value in before.items()}} if held.best else {}
        return TuningResult(
            steps=loop.state.global_step,
            train_loss=sum(losses) / max(1, len(losses)),
            evaluation=kept,
            tokens=held.tokens,
            trained_tokens=held.trained_tokens,
            seconds=time.monotonic() - self.started,
            files={},
            best_step=held.best_step,
            stopped_early=held.stopped_early,
            notes=tuple(dict.fromkeys(self.notes)),
        )
