"""Preference pairs measured: the reference's log-probabilities, rewards and accuracy, the distance from the base."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import peft
import torch
from torch import nn

from models_ml.nn.progress import Cancelled, ShouldStop, never
from models_ml.nn.tuning.adapters import output_layer
from models_ml.nn.tuning.batches import EVALUATION_EPOCH
from models_ml.nn.tuning.bottleneck import bottleneck_off
from models_ml.nn.tuning.evaluate import Evaluator, to_device
from models_ml.nn.tuning.packing import Bin
from models_ml.nn.tuning.plan import TuningError, TuningPlan
from models_ml.nn.tuning.preference_losses import (
    Answers,
    answer_log_probs,
    answer_logits,
    log_ratios,
    pair_losses,
    token_divergence,
)
from models_ml.nn.tuning.preference_rows import PairCollator
from models_ml.nn.tuning.store import TokenStore
from models_ml.nn.tuning.watch import Run

TOKENS_A_BATCH = 8192
_DIVERGENCE_PAIRS = 200


@dataclass(frozen=True)
class PairEvaluator(Evaluator):
    """Figures on held-out pairs, read in batches of like length."""

    def batches(self) -> list[list[Bin]]:
        """Pairs of like length, as many a batch as make about 8192 tokens."""
        return pair_batches(self.collator.store, self.rows)

    def __call__(
        self, model: nn.Module, head: nn.Module | None, *, device: torch.device, bf16: bool
    ) -> dict[str, float]:
        """{"loss", "accuracy", "reward_margin", "reward_chosen", "reward_rejected"}."""
        parts = []
        with evaluating(model, device, bf16=bf16):
            for bins in self.batches():
                batch = to_device(self.collator(bins, epoch=EVALUATION_EPOCH), device)
                parts.append(log_ratios(model, _known(head), batch))
        return pair_figures(_joined(parts), self.collator.plan)

    def divergence(self, run: Run, reference: nn.Module | None, *, device: torch.device) -> float:
        """Mean KL(policy || reference) over the answer tokens of up to 200 held-out pairs, in nats a token."""
        total, count = 0.0, 0
        with evaluating(run.model, device, bf16=run.bf16):
            for bins in pair_batches(self.collator.store, min(self.rows, _DIVERGENCE_PAIRS), tokens=2048):
                batch = to_device(self.collator(bins, epoch=EVALUATION_EPOCH), device)
                policy = answer_logits(run.model, _known(run.head), batch)
                with adapter_off(run.model) if reference is None else contextlib.nullcontext():
                    model = run.model if reference is None else reference
                    head = run.head if reference is None else _head_of(reference)
                    base = answer_logits(model, _known(head), batch)
                total += float(token_divergence(policy, base).sum())
                count += len(policy)
        return total / max(1, count)


def pair_batches(store: TokenStore, pairs: int, *, tokens: int = TOKENS_A_BATCH) -> list[list[Bin]]:
    """The first `pairs` pairs in batches of like length, each of about `tokens` tokens with its padding."""
    lengths = store.lengths
    bins: list[Bin] = [(row, row + 1) for row in range(0, min(len(lengths), 2 * pairs), 2)]
    bins.sort(key=lambda one: (max(int(lengths[row]) for row in one), one))
    found: list[list[Bin]] = []
    for one in bins:
        longest = max(int(lengths[row]) for row in one)
        if not found or (len(found[-1]) + 1) * 2 * longest > tokens:
            found.append([])
        found[-1].append(one)
    return found


def pair_figures(answers: Answers, plan: TuningPlan) -> dict[str, float]:
    """The figures of pairs whose log-ratios are known; without pairs none."""
    if not len(answers.weights):
        return {}
    losses = pair_losses(answers, plan)
    margin = answers.chosen - answers.rejected
    right = ((margin > 0).float() + (margin == 0).float() / 2).mean()
    return {
        "loss": float((answers.weights * losses).sum() / answers.weights.sum().clamp_min(1e-12)),
        "accuracy": float(right),
        "reward_margin": plan.beta * float(margin.mean()),
        "reward_chosen": plan.beta * float(answers.chosen.mean()),
        "reward_rejected": plan.beta * float(answers.rejected.mean()),
    }


def reference_log_probs(
    run: Run, collator: PairCollator, *, tokens: int = TOKENS_A_BATCH, should_stop: ShouldStop = never
) -> npt.NDArray[np.float64]:
    """(1 or 2, rows) in double precision: log-probabilities under the base of each row and of KTO's mismatched one."""
    store, device = collator.store, this_device()
    found = np.zeros((1 if collator.partners is None else 2, len(store)))
    with evaluating(run.model, device, bf16=run.bf16), adapter_off(run.model):
        for bins in pair_batches(store, len(store), tokens=tokens):
            if should_stop():
                raise Cancelled("stopped while the base was reading the pairs")
            order = [row for one in bins for row in one]
            batch = to_device(collator(bins, epoch=EVALUATION_EPOCH), device)
            found[0, order] = answer_log_probs(run.model, _known(run.head), batch).double().cpu().numpy()
            if "mismatched" in batch:
                held = answer_log_probs(run.model, _known(run.head), batch["mismatched"])
                found[1, order] = held.double().cpu().numpy()
    return found


def adapter_off(model: nn.Module) -> AbstractContextManager[None]:
    """Within this context an adapted model is its base. A model without an adapter stays as it is."""
    if isinstance(model, peft.PeftModel):
        off: AbstractContextManager[None] = model.disable_adapter()
        return off
    return bottleneck_off(model)


@contextlib.contextmanager
def evaluating(model: nn.Module, device: torch.device, *, bf16: bool) -> Iterator[None]:
    """Evaluation mode without gradients, in the run's precision; the mode before comes back at the end."""
    training = model.training
    model.eval()
    with torch.no_grad(), torch.autocast(device.type, dtype=torch.bfloat16, enabled=bf16):
        yield
    model.train(training)


def _joined(parts: list[Answers]) -> Answers:
    if not parts:
        empty = torch.zeros(0)
        return Answers(empty, empty, empty)
    mismatched = weights = None
    if parts[0].mismatched is not None:
        mismatched = torch.cat([part.mismatched for part in parts if part.mismatched is not None], dim=1)
        weights = torch.cat([part.mismatched_weights for part in parts if part.mismatched_weights is not None], dim=1)
    return Answers(
        torch.cat([part.chosen for part in parts]),
        torch.cat([part.rejected for part in parts]),
        torch.cat([part.weights for part in parts]),
        mismatched,
        weights,
    )


def this_device() -> torch.device:
    """Where this process trains, before Trainer has said so."""
    if not torch.cuda.is_available():
        return torch.device("cpu")
    return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))


def _known(head: nn.Module | None) -> nn.Module:
    if head is None:
        raise TuningError("base", "has no output layer over a vocabulary")
    return head


def _head_of(model: Any) -> nn.Module | None:
    return output_layer(model)
