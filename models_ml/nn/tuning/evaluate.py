"""Figures of a model on the validation split: loss for every objective, and what its readers ask for.

Peculiar: rows are read in their own order, unpacked and with fixed masks, so that two evaluations compare; no random
number is drawn.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from models_ml.nn.tuning.batches import EVALUATION_EPOCH, Batch, Collator
from models_ml.nn.tuning.losses import Outcome, loss_of
from models_ml.nn.tuning.packing import Bin

_TOKENS_A_BATCH = 8192


@dataclass(frozen=True)
class Evaluator:
    """Measures a model on at most `rows` rows of a validation store."""

    collator: Collator
    rows: int

    def batches(self) -> list[list[Bin]]:
        """Bins of like length, as many a batch as make about 8192 tokens."""
        step = 2 if self.collator.plan.objective == "score_pairs" else 1
        lengths = self.collator.store.lengths
        bins: list[Bin] = [tuple(range(at, at + step)) for at in range(0, min(len(lengths), self.rows * step), step)]
        bins.sort(key=lambda one: max(int(lengths[row]) for row in one))
        found: list[list[Bin]] = []
        for one in bins:
            longest = max(int(lengths[row]) for row in one)
            if not found or (len(found[-1]) + 1) * step * longest > _TOKENS_A_BATCH:
                found.append([])
            found[-1].append(one)
        return found

    def __call__(
        self, model: nn.Module, head: nn.Module | None, *, device: torch.device, bf16: bool
    ) -> dict[str, float]:
        """{"loss", and "perplexity" and "token_accuracy", or "accuracy" (and "macro_f1" for classes)}."""
        loss, training = loss_of(self.collator.plan.objective), model.training
        model.eval()
        found: list[Outcome] = []
        with torch.no_grad(), torch.autocast(device.type, dtype=torch.bfloat16, enabled=bf16):
            for bins in self.batches():
                batch = to_device(self.collator(bins, epoch=EVALUATION_EPOCH), device)
                found.append(loss(model, head, batch))
        model.train(training)
        return figures(found, tokens=self.collator.plan.objective not in ("classify", "score_pairs"))


def figures(outcomes: list[Outcome], *, tokens: bool) -> dict[str, float]:
    """The figures of all batches together."""
    count = sum(outcome.count for outcome in outcomes)
    if not count:
        return {}
    loss = sum(float(outcome.total) for outcome in outcomes) / count
    right = sum(outcome.right for outcome in outcomes) / max(1, sum(outcome.of for outcome in outcomes))
    if tokens:
        return {"loss": loss, "perplexity": math.exp(min(loss, 80.0)), "token_accuracy": right}
    found = {"loss": loss, "accuracy": right}
    predicted = [outcome.predicted for outcome in outcomes if outcome.predicted is not None]
    expected = [outcome.expected for outcome in outcomes if outcome.expected is not None]
    return {**found, "macro_f1": macro_f1(torch.cat(predicted), torch.cat(expected))} if predicted else found


def macro_f1(predicted: torch.Tensor, expected: torch.Tensor) -> float:
    """Mean over the classes that occur of 2 x right / (predicted + expected)."""
    scores = []
    for label in torch.unique(torch.cat([predicted, expected])).tolist():
        right = int(((predicted == label) & (expected == label)).sum())
        scores.append(2 * right / (int((predicted == label).sum()) + int((expected == label).sum())))
    return sum(scores) / len(scores)


def to_device(batch: Batch, device: torch.device) -> Batch:
    """The batch with its tensors, also those of the inputs, on a device."""

    def moved(value: Any) -> Any:
        if torch.is_tensor(value):
            return value.to(device)
        return {name: moved(one) for name, one in value.items()} if isinstance(value, dict) else value

    return {name: moved(value) for name, value in batch.items()}
