"""DPO and KTO over log-probabilities of whole answers, each pair weighted by its evidence.

    DPO   -log sigmoid(beta (r_chosen - r_rejected)),  r = log pi(y|x) - log pi_ref(y|x)
          Rafailov et al. 2023, arXiv 2305.18290, equation 7; with label smoothing the conservative form, which takes
          the share `label_smoothing` of the pairs for swapped
    KTO   lambda_D (1 - sigmoid(beta (r - z)))   for a chosen answer,
          lambda_U (1 - sigmoid(beta (z - r)))   for a rejected one,  z = max(0, KL estimate)
          Ethayarajh et al. 2024, arXiv 2402.01306, section 4.1: z is the mean of r over answers to other prompts

Weights: arXiv 2507.20227 weights the pairs of a shop's copy by the gain in clicks and its confidence. Peculiar: a
step's loss is divided by its number of pairs times the mean weight of the whole dataset, not by the step's own weights.
So a pair of weight w counts exactly w times one of weight 1, whatever stands beside it, and one of weight 0 not at all.
Written here and not taken from TRL because its trainers have no weight for a pair and keep state that a resumed run
would lack; the tests compare with TRL's own loss and gradient on the same batch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from models_ml.nn.tuning.batches import Batch
from models_ml.nn.tuning.losses import Outcome, selecting
from models_ml.nn.tuning.plan import TuningPlan

Sum = Callable[[torch.Tensor], torch.Tensor]
"""Sums a tensor over all processes."""


@dataclass(frozen=True)
class Answers:
    """Log-ratios r of pairs, each (pairs,), and their weights. `mismatched` (2, pairs) is KTO's, else None."""

    chosen: torch.Tensor
    rejected: torch.Tensor
    weights: torch.Tensor
    mismatched: torch.Tensor | None = None
    mismatched_weights: torch.Tensor | None = None


def answer_log_probs(model: nn.Module, head: nn.Module, batch: Batch) -> torch.Tensor:
    """log pi(answer | prompt), summed over the answer's tokens, for each row of the batch: (rows,) in float32."""
    ids, index = batch["inputs"]["input_ids"], batch["index"]
    rows, width = ids.shape
    with selecting(head, index, rows=rows, width=width):
        logits = model(**batch["inputs"]).logits
    logits = logits.reshape(-1, logits.shape[-1]).float()
    tokens = -functional.cross_entropy(logits, batch["targets"], reduction="none")
    return torch.zeros(rows, device=ids.device).index_add(0, index // width, tokens)


def log_ratios(model: nn.Module, head: nn.Module, batch: Batch) -> Answers:
    """The log-ratios to the reference, whose figures the batch brings along. Mismatched ones carry no gradient."""
    ratios = (answer_log_probs(model, head, batch) - batch["reference"]).reshape(-1, 2)
    mismatched = weights = None
    if "mismatched" in batch:
        part = batch["mismatched"]
        with torch.no_grad():
            mismatched = (answer_log_probs(model, head, part) - part["reference"]).reshape(-1, 2).T
        weights = part["values"].expand_as(mismatched)
    return Answers(ratios[:, 0], ratios[:, 1], batch["values"], mismatched, weights)


def dpo_losses(answers: Answers, *, beta: float, label_smoothing: float = 0.0) -> torch.Tensor:
    """The loss of each pair, unweighted: (pairs,)."""
    margin = beta * (answers.chosen - answers.rejected)
    kept, swapped = functional.logsigmoid(margin), functional.logsigmoid(-margin)
    return -(1 - label_smoothing) * kept - label_smoothing * swapped


def kto_losses(answers: Answers, baseline: torch.Tensor, plan: TuningPlan) -> torch.Tensor:
    """The mean loss of the two answers of each pair, unweighted: (pairs,). `baseline` is z, a number."""
    good = plan.desirable_weight * (1 - torch.sigmoid(plan.beta * (answers.chosen - baseline)))
    bad = plan.undesirable_weight * (1 - torch.sigmoid(plan.beta * (baseline - answers.rejected)))
    return (good + bad) / 2


def baseline_of(answers: Answers, total: Sum = lambda tensor: tensor) -> torch.Tensor:
    """KTO's z: the weighted mean of mismatched log-ratios, at least 0, over all processes."""
    if answers.mismatched is None or answers.mismatched_weights is None:
        raise ValueError("KTO needs answers to other prompts")
    weights = answers.mismatched_weights
    found = total(torch.stack([(weights * answers.mismatched).sum(), weights.sum()]))
    return (found[0] / found[1].clamp_min(1e-12)).clamp_min(0.0)


def pair_losses(answers: Answers, plan: TuningPlan, total: Sum = lambda tensor: tensor) -> torch.Tensor:
    """The loss of each pair by the plan's objective, unweighted: (pairs,)."""
    if plan.objective == "kto":
        return kto_losses(answers, baseline_of(answers, total), plan)
    return dpo_losses(answers, beta=plan.beta, label_smoothing=plan.label_smoothing)


def preference_loss(plan: TuningPlan, total: Sum = lambda tensor: tensor) -> Callable[..., Outcome]:
    """The loss function of `loop.Loop`: the weighted sum over a batch's pairs. Its divisor is `divisor`'s to say."""

    def loss(model: nn.Module, head: nn.Module, batch: Batch) -> Outcome:
        answers = log_ratios(model, head, batch)
        summed = (answers.weights * pair_losses(answers, plan, total)).sum()
        right = int((answers.chosen.detach() > answers.rejected.detach()).sum())
        return Outcome(summed, float(len(answers.weights)), right, len(batch["targets"]))

    return loss


def divisor(batches: list[Batch], mean_weight: float) -> float:
    """What the summed loss of these batches is divided by: pairs times the mean weight of the dataset."""
    return mean_weight * sum(len(batch["values"]) for batch in batches)


def token_divergence(policy: torch.Tensor, reference: torch.Tensor) -> torch.Tensor:
    """KL(policy || reference) at each position, exact over the vocabulary, in nats. Logits (…, vocabulary) in."""
    own, other = (functional.log_softmax(logits.float(), dim=-1) for logits in (policy, reference))
    return (own.exp() * (own - other)).sum(-1)


def answer_logits(model: nn.Module, head: nn.Module, batch: Batch) -> torch.Tensor:
    """The logits at the positions that carry loss: (positions, vocabulary)."""
    ids = batch["inputs"]["input_ids"]
    with selecting(head, batch["index"], rows=ids.shape[0], width=ids.shape[1]):
        logits: Any = model(**batch["inputs"]).logits
    flat: torch.Tensor = logits.reshape(-1, logits.shape[-1])
    return flat
