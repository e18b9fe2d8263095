"""How much a tuned model has lost of what its base knew: the loss on texts of the previous domain, before and after.

Loss is the mean negative log-likelihood of a token in nats, each text on its own, its first token given. A rise of
perplexity by r is a rise of the loss by ln(1 + r). Measured so by Biderman et al. 2024 (arXiv 2405.09673, section 4.2)
and others: LoRA learns less and forgets less.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn import functional

from models_ml.nn.checks.rates import CheckError
from models_ml.nn.loading import LoadedModel
from models_ml.nn.progress import Cancelled, ShouldStop, never

_IGNORED = -100


@dataclass(frozen=True)
class LossResult:
    """Mean loss a token in nats, its exponential, and how many tokens were predicted."""

    loss: float
    perplexity: float
    tokens: int


@torch.inference_mode()
def language_model_loss(
    loaded: LoadedModel,
    texts: Sequence[str],
    *,
    batch_size: int = 8,
    max_length: int = 512,
    should_stop: ShouldStop = never,
) -> LossResult:
    """The loss of `loaded` on `texts`, each cut to `max_length` tokens or the model's context.

    The result does not depend on the batches, but for rounding. Raises CheckError where no text has two tokens,
    Cancelled when asked to stop.
    """
    rows = _token_rows(loaded, texts, min(max_length, loaded.context))
    model = loaded.model
    total, tokens = 0.0, 0
    for batch in _batches(rows, batch_size):
        if should_stop():
            raise Cancelled
        loss, count = _batch_loss(model, batch, pad=int(loaded.tokenizer.pad_token_id or 0))
        total, tokens = total + loss, tokens + count
    mean = total / tokens
    return LossResult(mean, math.exp(min(mean, 700.0)), tokens)


def forgetting(
    base: LoadedModel,
    tuned: LoadedModel,
    texts: Sequence[str],
    *,
    batch_size: int = 8,
    max_length: int = 512,
    should_stop: ShouldStop = never,
) -> dict[str, float]:
    """{"before", "after", "forgetting"}: perplexity of base and tuned model on `texts`, and the relative rise.

    Below 0 the tuned model knows the texts better. Raises CheckError where the two split text into tokens differently,
    since their losses a token could then not be compared.
    """
    if base.tokenizer.get_vocab() != tuned.tokenizer.get_vocab():
        raise CheckError(f"{base.id} and {tuned.id} have different tokenizers, so their losses cannot be compared")
    measured = [
        language_model_loss(one, texts, batch_size=batch_size, max_length=max_length, should_stop=should_stop)
        for one in (base, tuned)
    ]
    before, after = (result.perplexity for result in measured)
    return {"before": before, "after": after, "forgetting": math.expm1(measured[1].loss - measured[0].loss)}


def _token_rows(loaded: LoadedModel, texts: Sequence[str], longest: int) -> list[list[int]]:
    """Token ids of each text with at least two tokens, the longest first, so that memory fails at once or never."""
    if longest < 2:
        raise CheckError("max_length must be at least 2")
    ids = loaded.tokenizer(list(texts), truncation=True, max_length=longest)["input_ids"] if texts else []
    rows = sorted((list(row) for row in ids if len(row) > 1), key=len, reverse=True)
    if not rows:
        raise CheckError("no text has two tokens or more, so there is nothing to predict")
    return rows


def _batches(rows: Sequence[list[int]], size: int) -> Iterator[Sequence[list[int]]]:
    if size < 1:
        raise CheckError("batch_size must be at least 1")
    return (rows[start : start + size] for start in range(0, len(rows), size))


def _batch_loss(model: Any, rows: Sequence[list[int]], *, pad: int) -> tuple[float, int]:
    """Summed loss of a batch and its number of predicted tokens. Padding is on the right, where nothing looks back."""
    longest = max(map(len, rows))
    ids = torch.tensor([[*row, *[pad] * (longest - len(row))] for row in rows], device=model.device)
    mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in rows], device=model.device)
    logits = model(input_ids=ids, attention_mask=mask).logits[:, -longest:]  # prompt tuning puts tokens before the text
    labels = ids.masked_fill(mask == 0, _IGNORED)[:, 1:]
    losses = functional.cross_entropy(
        logits[:, :-1].float().transpose(1, 2), labels, ignore_index=_IGNORED, reduction="sum"
    )
    return float(losses), int((labels != _IGNORED).sum())
