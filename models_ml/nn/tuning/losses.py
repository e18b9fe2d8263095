"""The losses of the objectives, as sums with their counts, so that accumulation and several processes divide once.

Peculiar: the output layer is computed only where a position carries loss. A hook before it picks those positions, so
that this works for any model with output embeddings, through adapters and wrappers, and whatever the model does to its
logits afterwards. With completion-only loss and a large vocabulary that layer is most of a small model's work.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from models_ml.nn.tuning.batches import Batch


@dataclass(frozen=True)
class Outcome:
    """What a batch gave: the summed loss (differentiable), what it is divided by, and how many were right of `of`."""

    total: torch.Tensor
    count: float
    right: int
    of: int
    predicted: torch.Tensor | None = None  # classes, with `expected`
    expected: torch.Tensor | None = None


@contextmanager
def selecting(head: nn.Module, index: torch.Tensor, *, rows: int, width: int) -> Iterator[None]:
    """Let `head` see only the positions `index` of (rows, width): its input (rows, …, hidden) becomes (n, hidden).

    Virtual tokens before the text make the input wider than `width`; they are stepped over.
    """

    def pick(_: nn.Module, inputs: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        hidden = inputs[0]
        if hidden.dim() != 3:  # the model has flattened or picked already
            return inputs
        virtual = hidden.shape[1] - width
        places = index + (index // width + 1) * virtual
        return (hidden.reshape(rows * hidden.shape[1], -1)[places], *inputs[1:])

    handle = head.register_forward_pre_hook(pick)
    try:
        yield
    finally:
        handle.remove()


def token_loss(model: nn.Module, head: nn.Module, batch: Batch) -> Outcome:
    """Cross-entropy at the positions that carry loss, summed. For causal, supervised and masked."""
    ids = batch["inputs"]["input_ids"]
    with selecting(head, batch["index"], rows=ids.shape[0], width=ids.shape[1]):
        logits = model(**batch["inputs"]).logits
    logits, targets = logits.reshape(-1, logits.shape[-1]).float(), batch["targets"]
    total = functional.cross_entropy(logits, targets, reduction="sum")
    right = int((logits.detach().argmax(-1) == targets).sum()) if not torch.is_grad_enabled() else 0
    return Outcome(total, float(len(targets)), right, len(targets))


def label_loss(model: nn.Module, _: nn.Module | None, batch: Batch) -> Outcome:
    """Cross-entropy over classes, one label a text, summed over the texts."""
    logits = model(**batch["inputs"]).logits.float()
    expected = batch["values"].long()
    predicted = logits.detach().argmax(-1)
    total = functional.cross_entropy(logits, expected, reduction="sum")
    return Outcome(total, len(expected), int((predicted == expected).sum()), len(expected), predicted, expected)


def pair_loss(model: nn.Module, _: nn.Module | None, batch: Batch) -> Outcome:
    """Bradley-Terry: -w log sigmoid(score of the better - score of the worse), summed; divided by the summed weights.

    Rows come in pairs, the better first (Bradley and Terry 1952; arXiv 2203.02155, equation 1).
    """
    scores = model(**batch["inputs"]).logits.float().reshape(-1, 2)
    margin, weights = scores[:, 0] - scores[:, 1], batch["values"]
    total = -(weights * functional.logsigmoid(margin)).sum()
    return Outcome(total, float(weights.sum()), int((margin.detach() > 0).sum()), len(margin))


def loss_of(objective: str) -> Any:
    """The loss function of an objective."""
    return {"classify": label_loss, "score_pairs": pair_loss}.get(objective, token_loss)


def batch_count(objective: str, batch: Batch) -> float:
    """What the summed loss of a batch is divided by, known before the model has run.

    Pairs are counted and not weighed: divided by its own weights, a step of weak pairs would pull with full force.
    """
    return float(len(batch["values"] if objective in ("classify", "score_pairs") else batch["targets"]))


def orthogonal_penalty(model: nn.Module) -> torch.Tensor | None:
    """AdaLoRA's regulariser (arXiv 2303.10512, equation 4): how far the factors are from orthogonal, mean of norms.

    PEFT adds it only to a loss that the model itself computes, which ours does not. None without AdaLoRA factors.
    """
    norms = []
    for name, factor in model.named_parameters():
        if "lora_A" in name or "lora_B" in name:
            square = factor @ factor.T if "lora_A" in name else factor.T @ factor
            norms.append(torch.linalg.norm(square - torch.eye(len(square), device=square.device, dtype=square.dtype)))
    return torch.stack(norms).mean() if norms else None
