"""The training loop: transformers' Trainer with our order, loss, checkpoints and evaluation.

Peculiar: an item of the data is a whole micro-batch, so Trainer's own batching, sampling and epochs do nothing; the
order is `packing.Order`. Everything Trainer would write as a pickle is written by `checkpoints` instead.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from accelerate.optimizer import AcceleratedOptimizer
from accelerate.scheduler import AcceleratedScheduler
from transformers import Trainer, TrainingArguments
from transformers.trainer import TRAINER_STATE_NAME
from transformers.trainer_callback import PrinterCallback

from models_ml.nn.artifacts import write_json
from models_ml.nn.training import TrainingFailed
from models_ml.nn.tuning import checkpoints
from models_ml.nn.tuning.batches import Batch, first_of
from models_ml.nn.tuning.evaluate import to_device
from models_ml.nn.tuning.losses import batch_count, loss_of, orthogonal_penalty
from models_ml.nn.tuning.methods import settings_of
from models_ml.nn.tuning.watch import Ranks, Run, Watch

_PENALTY = 0.1  # of AdaLoRA's orthogonality, arXiv 2303.10512 section 4
_NO_DECAY = ("ia3", "prefix", "prompt")  # their rest is not at zero, or is someone else's embedding
BEST, BEST_RECORD = "best.safetensors", "best.json"


@dataclass
class Progress:
    """What a run knows beside Trainer's own state; saved with each checkpoint."""

    best_loss: float = math.inf
    best_step: int | None = None
    worse: int = 0  # evaluations in a row without a better one
    tokens: int = 0
    trained_tokens: int = 0
    stopped_early: bool = False
    best: dict[str, float] = field(default_factory=dict)


class Loop(Trainer):
    """Trainer for one Run."""

    loss_is_scaled_for_ga = True  # our loss is divided by the count of the whole step

    def __init__(self, run: Run) -> None:
        self.run, self.progress, self.watch = run, Progress(), Watch(run)
        super().__init__(
            model=run.model,
            args=arguments(run),
            train_dataset=run.batches,
            data_collator=first_of,  # an item is a batch already
            callbacks=[self.watch, *([Ranks(run.model)] if run.plan.method == "adalora" else [])],
        )
        self.remove_callback(PrinterCallback)
        self.loss = loss_of(run.plan.objective)

    # --- the loss ---
    def get_decay_parameter_names(self, model: Any) -> list[str]:
        """Names of the parameters that decay."""
        return [] if self.run.plan.method in _NO_DECAY else list(super().get_decay_parameter_names(model))

    def _get_num_items_in_batch(self, batch_samples: list[Batch], device: Any) -> Any:
        count = torch.tensor(sum(batch_count(self.run.plan.objective, batch) for batch in batch_samples), device=device)
        if self.args.world_size > 1:
            count = self.accelerator.gather(count).sum()
        return count.clamp_min(1e-9)

    def compute_loss(
        self,
        model: Any,
        inputs: Batch,
        return_outputs: bool = False,  # noqa: ARG002
        num_items_in_batch: Any = None,
    ) -> Any:
        """The share of this micro-batch in the loss of its step. Raises TrainingFailed where it is not a number."""
        batch = to_device(inputs, self.args.device)
        outcome = self.loss(model, self.run.head, batch)
        loss = outcome.total / num_items_in_batch * self.args.world_size
        if self.run.plan.method == "adalora":
            penalty = orthogonal_penalty(model)
            loss = loss if penalty is None else loss + _PENALTY * penalty / self.args.gradient_accumulation_steps
        if not torch.isfinite(loss):
            rate = settings_of(self.run.plan).learning_rate
            raise TrainingFailed(
                f"the loss is {float(loss.detach())} at step {self.state.global_step + 1}; the last good checkpoint is "
                f"kept. Lower the learning rate (now {rate:g}) or use precision fp32"
            )
        self.progress.tokens += int(batch["tokens"]) * self.args.world_size
        whole = self.run.plan.objective in ("classify", "score_pairs")  # their loss hangs on all tokens
        self.progress.trained_tokens += (int(batch["tokens"]) if whole else outcome.of) * self.args.world_size
        return loss

    def floating_point_ops(self, inputs: Any) -> int:  # noqa: ARG002
        """Not counted here: `benchmarks/gpu_tuning.py` does."""
        return 0

    # --- evaluation ---
    def evaluate(self, *_: Any, **__: Any) -> dict[str, float]:
        """Figures on the validation split; keeps the weights where they are the best yet."""
        figures = self.measured()
        named = {f"eval_{name}": value for name, value in figures.items()}
        self.log(named)
        if figures:
            self._keep_best(figures)
        return named

    def measured(self) -> dict[str, float]:
        """Figures of the weights as they are."""
        if self.run.evaluator is None:
            return {}
        return self.run.evaluator(self.run.model, self.run.head, device=self.args.device, bf16=self.run.bf16)

    def _keep_best(self, figures: Mapping[str, float]) -> None:
        held, step = self.progress, self.state.global_step
        if not figures["loss"] < held.best_loss:
            held.worse += 1
            patience = self.run.plan.early_stopping_patience
            if patience and held.worse >= patience and step < self.run.steps:
                held.stopped_early = self.control.should_training_stop = True
                self.control.should_save = False  # a run killed now stops here again, from the checkpoint before
            return
        held.best_loss, held.best_step, held.worse, held.best = figures["loss"], step, 0, dict(figures)
        if self.is_world_process_zero():
            draft = self.run.work / (BEST + ".part")
            with checkpoints.guarded(draft):
                checkpoints.save_weights(self.run.model, draft)
            draft.replace(self.run.work / BEST)
            write_json(self.run.work / BEST_RECORD, {"step": step, **figures})

    # --- checkpoints ---
    def _save_checkpoint(self, model: Any, trial: Any) -> None:  # noqa: ARG002
        if not all(bool(torch.isfinite(one).all()) for one in checkpoints.trainable(self.run.model).values()):
            raise TrainingFailed(f"a weight is not a number after step {self.state.global_step}; lower the rate")
        draft = self.run.work / f"checkpoint-{self.state.global_step}.part"
        if self.is_world_process_zero():
            checkpoints.check_space(self.run.work, checkpoints.checkpoint_bytes(self.run.model))
            with checkpoints.guarded(draft):
                self._write(checkpoints.draft_of(self.run.work, self.state.global_step))
        self.accelerator.wait_for_everyone()
        if self.args.world_size > 1:
            write_json(draft / f"random-{self.args.process_index}.json", checkpoints.random_state())
            self.accelerator.wait_for_everyone()
        if self.is_world_process_zero():
            checkpoints.publish(draft)
        self.accelerator.wait_for_everyone()

    def _write(self, draft: Path) -> None:
        checkpoints.save_weights(self.run.model, draft / checkpoints.WEIGHTS)
        checkpoints.save_allocator(self.run.model, draft / "allocator.safetensors")
        left = checkpoints.save_optimiser(_bare(self.optimizer), draft / checkpoints.OPTIMISER)
        self.state.save_to_json(str(draft / TRAINER_STATE_NAME))
        state = {
            "optimiser": left,
            "schedule": _bare(self.lr_scheduler).state_dict(),
            "random": checkpoints.random_state(),
            "progress": asdict(self.progress),
            "ranks": _ranks(self.run.model),
        }
        checkpoints.write_state(draft, state)

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:  # noqa: ARG002
        folder = Path(resume_from_checkpoint)
        checkpoints.load_weights(self.run.model, folder / checkpoints.WEIGHTS)
        checkpoints.load_allocator(self.run.model, folder / "allocator.safetensors")
        state = checkpoints.read_state(folder)
        self.progress = Progress(**state["progress"])
        if state["ranks"] is not None:
            self.run.model.peft_config["default"].rank_pattern = state["ranks"]

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        if checkpoint is not None:
            folder = Path(checkpoint)
            state = checkpoints.read_state(folder)
            checkpoints.load_optimiser(_bare(self.optimizer), folder / checkpoints.OPTIMISER, state["optimiser"])
            _bare(self.lr_scheduler).load_state_dict(state["schedule"])

    def _load_rng_state(self, checkpoint: str | None) -> None:
        if checkpoint is not None:
            own = Path(checkpoint) / f"random-{self.args.process_index}.json"
            state = checkpoints.read_json(own) if own.is_file() else checkpoints.read_state(Path(checkpoint))["random"]
            checkpoints.set_random_state(state)


def _ranks(model: Any) -> Any:
    config = getattr(model, "peft_config", {})
    return getattr(config.get("default"), "rank_pattern", None) if isinstance(config, dict) else None


def _bare(wrapped: Any) -> Any:
    """The optimiser or schedule inside accelerate's wrapper."""
    if isinstance(wrapped, AcceleratedOptimizer):
        return wrapped.optimizer
    return wrapped.scheduler if isinstance(wrapped, AcceleratedScheduler) else wrapped


def arguments(run: Run) -> TrainingArguments:
    """Trainer's settings. Logging, evaluation and saving are left to `Watch`."""
    plan, steps = run.plan, run.steps
    device_is_cpu = not torch.cuda.is_available()
    return TrainingArguments(
        output_dir=str(run.work),
        max_steps=steps,
        per_device_train_batch_size=1,
        gradient_accumulation_steps=run.batches.parts,
        learning_rate=settings_of(plan).learning_rate,
        lr_scheduler_type={"cosine": "cosine", "linear": "linear", "constant": "constant_with_warmup"}[plan.schedule],
        warmup_steps=min(steps - 1, math.ceil(plan.warmup_share * steps)),
        weight_decay=plan.weight_decay,
        max_grad_norm=plan.max_gradient_norm,
        optim="adafactor" if plan.optimiser == "adafactor" else "adamw_torch_fused",
        bf16=run.bf16,
        use_cpu=device_is_cpu,
        seed=plan.seed,
        train_sampling_strategy="sequential",
        remove_unused_columns=False,
        dataloader_pin_memory=False,
        save_strategy="no",
        logging_strategy="no",
        logging_nan_inf_filter=False,
        disable_tqdm=True,
        report_to=[],
        log_level="error",
    )
