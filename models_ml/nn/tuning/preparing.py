"""Everything before the first step: data, base, tokens, order and method, each checked as soon as it can be.

Peculiar: whatever can be refused is refused here. `Preparing` is the first half of `training.Job`; preference tuning
puts its own rows in by overriding `_stores` and `_order`.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from models_ml.nn.progress import OnProgress, ShouldStop
from models_ml.nn.tuning import checkpoints, saving
from models_ml.nn.tuning.adapters import apply_method, output_layer
from models_ml.nn.tuning.bases import Base, find_base, open_model, open_tokenizer
from models_ml.nn.tuning.batches import Batches, Collator
from models_ml.nn.tuning.evaluate import Evaluator
from models_ml.nn.tuning.packing import Order, fitting_capacity
from models_ml.nn.tuning.plan import TuningError, TuningPlan
from models_ml.nn.tuning.probe import is_causal, packs_exactly, uses_bf16, weight_type, world_size
from models_ml.nn.tuning.rows import Dataset, Encoder
from models_ml.nn.tuning.store import TokenStore, key_of, token_store
from models_ml.nn.tuning.watch import OnMetrics, Run

_LEAST_ROWS = 2
_SPLITS = ("train", "validation")
_SAMPLE = 512  # tokens of real text for a prefix to start from


@dataclass
class Preparing:
    """What a run is about, and how its first half is made. `parts` is the number of micro-batches a step."""

    plan: TuningPlan
    out: Path
    dataset: Dataset
    on_progress: OnProgress
    on_metrics: OnMetrics
    should_stop: ShouldStop
    parts: int = 0
    notes: list[str] = field(default_factory=list)

    @property
    def work(self) -> Path:
        """Where tokens and checkpoints lie."""
        return self.out / "work"

    def _prepared(self) -> tuple[Run, saving.Origin, Any]:
        plan = self.plan
        labels, rows = self._checked_dataset()
        base = find_base(plan)
        tokenizer = open_tokenizer(base)
        bf16 = uses_bf16(plan)
        opened = open_model(base, plan, tokenizer, labels=labels, dtype=weight_type(plan, bf16=bf16))
        causal = is_causal(opened.model, plan)
        packed = self._packs(opened.model, plan)
        stores = self._stores(base, tokenizer, labels)
        order = self._order(stores["train"], packed=packed)
        steps = plan.max_steps or order.steps(plan.epochs)
        head = output_layer(opened.model)
        if plan.gradient_checkpointing:
            opened.model.activation_checkpointing_enable(activation_checkpointing_kwargs={"use_reentrant": False})
        sample = stores["train"].ids[:_SAMPLE].tolist()
        model = apply_method(opened, plan, base=base, steps=steps, sample=sample)
        checkpoints.check_space(self.work, checkpoints.checkpoint_bytes(model))
        collator = Collator(stores["train"], plan, tokenizer, packed=packed, causal=causal)
        evaluator = self._evaluator(stores, collator)
        run = Run(
            plan=plan,
            model=model,
            head=head,
            batches=Batches(order, collator, steps=steps, parts=self.parts, processes=world_size()),
            evaluator=evaluator,
            work=self.work,
            bf16=bf16,
            on_progress=self.on_progress,
            on_metrics=self.on_metrics,
            should_stop=self.should_stop,
        )
        return run, saving.Origin(base, str(self.dataset.record.hash), rows, labels), tokenizer

    def _checked_dataset(self) -> tuple[tuple[str, ...], dict[str, int]]:
        record = self.dataset.record
        if record.task != self.plan.task:
            raise TuningError(
                "dataset", f"is for {record.task!r}, but the objective {self.plan.objective} reads {self.plan.task!r}"
            )
        rows = {split: self.dataset.count(split) for split in _SPLITS}
        if rows["train"] < _LEAST_ROWS:
            raise TuningError("dataset", f"holds {rows['train']} rows to train on; at least {_LEAST_ROWS} are needed")
        if self.plan.early_stopping_patience and not rows["validation"]:
            raise TuningError("early_stopping_patience", "needs a validation split, and the dataset has none")
        labels = tuple(record.labels) if self.plan.objective == "classify" else ()
        if self.plan.objective == "classify" and len(labels) < 2:
            raise TuningError("dataset", f"names {len(labels)} labels; a classifier needs at least two")
        return labels, rows

    def _packs(self, model: Any, plan: TuningPlan) -> bool:
        if not plan.packing or plan.objective not in ("causal", "supervised"):
            return False
        if not packs_exactly(model, plan):
            self.notes.append("not packed: this model or method does not keep packed examples apart")
            return False
        return True

    def _stores(self, base: Base, tokenizer: Any, labels: tuple[str, ...]) -> dict[str, TokenStore]:
        plan, found = self.plan, {}
        for split in _SPLITS:
            self.on_progress(0.0, "prepare", f"reading the {split} split", {})
            encoder = Encoder(plan, copy.deepcopy(tokenizer), labels)  # truncation would stay set, and be saved
            rows = self.dataset.rows(split)
            if split == "validation":
                rows = islice(rows, plan.evaluate_rows)
            key = key_of(
                self.dataset.record.hash,
                base.hash,
                plan.objective,
                plan.max_length,
                plan.whole_word,
                labels,
                plan.evaluate_rows,
                split,
            )
            found[split] = token_store(
                self.work / f"tokens-{key}",
                encoder(rows, split),
                encoder.tally,
                words=plan.objective == "masked" and plan.whole_word,
                should_stop=self.should_stop,
            )
        self._check_store(found["train"])
        return found

    def _check_store(self, store: TokenStore) -> None:
        tally, longest = store.tally, self.plan.max_length
        if len(store) < _LEAST_ROWS:
            raise TuningError(
                "max_length", f"is {longest}: {tally.left_out} of {tally.rows} rows are longer, too few are left"
            )
        if tally.left_out:
            self.notes.append(f"{tally.left_out} of {tally.rows} rows left out: longer than {longest} tokens")
        if tally.cut:
            self.notes.append(f"{tally.cut} of {tally.rows} rows cut to {longest} tokens")

    def _order(self, store: TokenStore, *, packed: bool) -> Order:
        """Packed steps read batch_size x max_length tokens at most, in shorter and more bins where rows are short."""
        most = self.plan.max_length
        capacity = fitting_capacity(store.lengths, most=most) if packed else None
        return Order(
            store.lengths,
            seed=self.plan.seed,
            bins_a_step=self.plan.rows_a_step * world_size() * (most // capacity if capacity else 1),
            capacity=capacity,
            rows_a_bin=2 if self.plan.objective == "score_pairs" else 1,
        )

    def _evaluator(self, stores: Mapping[str, TokenStore], collator: Collator) -> Evaluator | None:
        held = stores["validation"]
        if not len(held):
            return None
        plan = self.plan
        return Evaluator(
            Collator(held, plan, collator.tokenizer, packed=False, causal=collator.causal), plan.evaluate_rows
        )
