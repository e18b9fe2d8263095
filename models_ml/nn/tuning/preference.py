"""Preference tuning: DPO and KTO on pairs weighted by their evidence, any method, over the loop of `training`.

Peculiar: the reference is the base itself. Its log-probabilities are taken once, with the adapter off and before any
step, so there is never a second model in memory while training; only the last figure of a full run, the distance from
its base, opens the base again. Dropout is off, as in TRL: policy and reference must differ by what was learned alone.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from models_ml.nn.progress import OnProgress, ShouldStop, never, silent
from models_ml.nn.tuning import saving
from models_ml.nn.tuning.bases import Base, open_model
from models_ml.nn.tuning.batches import Batch
from models_ml.nn.tuning.loop import Loop
from models_ml.nn.tuning.packing import Order
from models_ml.nn.tuning.plan import PREFERENCE, TuningError, TuningPlan, TuningResult
from models_ml.nn.tuning.preference_evaluate import TOKENS_A_BATCH, PairEvaluator, reference_log_probs, this_device
from models_ml.nn.tuning.preference_losses import divisor, preference_loss
from models_ml.nn.tuning.preference_rows import PairCollator, Reference, mean_weight, pair_rows, partners_of
from models_ml.nn.tuning.rows import Dataset, Tally
from models_ml.nn.tuning.store import TokenStore, key_of, token_store
from models_ml.nn.tuning.training import (
    Job,
    _open,
    _prepare_folder,
    _until_it_fits,
    unheard,
    weight_type,
    world_size,
)
from models_ml.nn.tuning.watch import OnMetrics, Run

FULL_RATE, ADAPTER_RATE = 1e-6, 1e-5
"""Learning rates where the plan names none: 1e-6 is the DPO paper's (appendix B) and TRL's; adapters take ten times."""


def tune_preference(
    plan: TuningPlan,
    out: Path,
    *,
    on_progress: OnProgress = silent,
    on_metrics: OnMetrics = unheard,
    should_stop: ShouldStop = never,
    resume: bool = False,
    dataset: Dataset | None = None,
) -> TuningResult:
    """As `training.tune`, for the objectives "dpo" and "kto" on a dataset of the task "pairs".

    The result's evaluation, on held-out pairs: "loss" (weighted), "accuracy" (share of pairs whose chosen answer gained
    more on the reference than the rejected one; a tie counts half), "reward_margin", "reward_chosen", "reward_rejected"
    (beta times the log-ratio), and "kl", the mean over answer tokens of KL(policy || reference) in nats.
    """
    if plan.objective not in PREFERENCE:
        raise TuningError("objective", f"must be one of {', '.join(PREFERENCE)} here, not {plan.objective!r}")
    settled = settled_plan(plan)
    done = _prepare_folder(settled, Path(out), resume=resume)
    if done is not None:
        return done
    return _until_it_fits(
        PreferenceJob(settled, Path(out), dataset or _open(settled), on_progress, on_metrics, should_stop)
    )


def settled_plan(plan: TuningPlan) -> TuningPlan:
    """The plan with this objective's own defaults: a far lower rate than for imitation, and no dropout."""
    rate = FULL_RATE if plan.method == "full" else ADAPTER_RATE
    return replace(plan, learning_rate=plan.learning_rate or rate, dropout=0.0)


@dataclass
class PreferenceJob(Job):
    """A Job whose rows are pairs, whose loss is DPO's or KTO's, and which knows its reference."""

    weight: float = field(default=1.0, init=False)  # the mean over the training pairs
    base: Base | None = field(default=None, init=False)

    def loop(self, run: Run) -> Loop:
        """The loop with this objective's loss, weighted against the mean pair."""
        return PreferenceLoop(run, self.weight)

    def _prepared(self) -> tuple[Run, saving.Origin, Any]:
        run, origin, tokenizer = super()._prepared()
        without_dropout(run.model)
        run.model.to(this_device())
        self.weight = mean_weight(run.batches.collator.store)
        collator = self._with_reference(run, run.batches.collator.store, "train")
        evaluator = None
        if run.evaluator is not None:
            held = self._with_reference(run, run.evaluator.collator.store, "validation")
            evaluator = PairEvaluator(held, run.evaluator.rows)
        run = replace(run, batches=replace(run.batches, collator=collator), evaluator=evaluator)
        self.base = origin.base
        return run, origin, tokenizer

    def _stores(self, base: Base, tokenizer: Any, labels: tuple[str, ...]) -> dict[str, TokenStore]:  # noqa: ARG002
        found = {}
        for split in ("train", "validation"):
            self.on_progress(0.0, "prepare", f"reading the {split} split", {})
            rows = self.dataset.rows(split)
            if split == "validation":
                rows = islice(rows, self.plan.evaluate_rows)
            tally = Tally()
            key = key_of(
                self.dataset.record.hash, base.hash, "pairs", self.plan.max_length, self.plan.evaluate_rows, split
            )
            found[split] = token_store(
                self.work / f"tokens-{key}",
                pair_rows(self.plan, tokenizer, rows, split, tally),
                tally,
                should_stop=self.should_stop,
            )
        self._check_store(found["train"])
        return found

    def _order(self, store: TokenStore, *, packed: bool) -> Order:  # noqa: ARG002 - pairs are never packed
        step = self.plan.rows_a_step * world_size()
        return Order(store.lengths, seed=self.plan.seed, bins_a_step=step, rows_a_bin=2)

    def _with_reference(self, run: Run, store: TokenStore, split: str) -> PairCollator:
        plain = run.batches.collator
        partners = partners_of(store, self.plan.seed) if self.plan.objective == "kto" else None
        collator = PairCollator(store, self.plan, plain.tokenizer, packed=False, causal=plain.causal, partners=partners)
        self.on_progress(0.01, "reference", f"reading the {split} split with the base", {})
        return replace(collator, reference=self._reference(run, collator, split))

    def _reference(self, run: Run, collator: PairCollator, split: str) -> Reference:
        """The reference's log-probabilities, from the file of an earlier attempt where there is one."""
        held = self.work / f"reference-{split}.npy"
        if not held.is_file():
            tokens = TOKENS_A_BATCH * self.plan.gradient_accumulation // self.parts  # less after running out of memory
            found = reference_log_probs(run, collator, tokens=tokens, should_stop=self.should_stop)
            draft = held.with_suffix(f".{os.getpid()}.npy")
            np.save(draft, found)
            draft.replace(held)
        rows = np.load(held, allow_pickle=False)
        return Reference(rows[0], rows[1] if len(rows) > 1 else None)

    def _result(self, loop: Loop, before: Mapping[str, float]) -> TuningResult:
        result = super()._result(loop, before)
        evaluator = loop.run.evaluator
        if not isinstance(evaluator, PairEvaluator) or not result.evaluation:
            return result
        self.on_progress(0.98, "evaluate", "measuring the distance from the base", {})
        divergence = evaluator.divergence(loop.run, self._reference_model(loop), device=loop.args.device)
        return replace(result, evaluation={**result.evaluation, "kl": divergence})

    def _reference_model(self, loop: Loop) -> nn.Module | None:
        """The base opened again, for a full run; None where switching the adapter off does."""
        if self.plan.method != "full" or self.base is None:
            return None
        tokenizer = loop.run.batches.collator.tokenizer
        opened = open_model(self.base, self.plan, tokenizer, dtype=weight_type(self.plan, bf16=loop.run.bf16))
        model: nn.Module = opened.model
        return model.to(loop.args.device).eval()


class PreferenceLoop(Loop):
    """The loop with the loss of pairs."""

    def __init__(self, run: Run, mean: float) -> None:
        super().__init__(run)
        self.mean = mean
        self.loss = preference_loss(run.plan, self._summed)

    def _summed(self, value: torch.Tensor) -> torch.Tensor:
        if self.args.world_size == 1:
            return value
        total: torch.Tensor = self.accelerator.reduce(value, reduction="sum")
        return total

    def _get_num_items_in_batch(self, batch_samples: list[Batch], device: Any) -> Any:
        count = torch.tensor(divisor(batch_samples, self.mean), device=device)
        if self.args.world_size > 1:
            count = self.accelerator.gather(count).sum()
        return count.clamp_min(1e-9)


def without_dropout(model: nn.Module) -> None:
    """Switch all dropout layers off for good."""
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
