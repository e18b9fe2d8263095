"""How well a model knows given answers: their loss in nats a byte, so that models of different tokenizers compare.

The mean over tokens, which training reports, depends on how a tokenizer cuts the text: more tokens, less loss each.
The sum over an answer's tokens does not; divided by the bytes of the answer in UTF-8 it is the bits per byte of Gao et
al. 2020 (arXiv 2101.00027, section 3.1) but for the logarithm's base.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn import functional

from models_ml.nn.loading import LoadedModel
from models_ml.nn.progress import Cancelled, ShouldStop, never
from models_ml.nn.tuning.rows import chat_texts

Chat = Sequence[Mapping[str, str]]


@dataclass(frozen=True)
class AnswerLoss:
    """Summed loss in nats, bytes of the answers, and how many were measured; `cut` did not fit the context whole."""

    nats: float
    bytes: int
    answers: int
    cut: int

    @property
    def a_byte(self) -> float | None:
        """Nats a byte; None where no answer was measured."""
        return self.nats / self.bytes if self.bytes else None


@torch.inference_mode()
def answer_loss(
    loaded: LoadedModel, rows: Sequence[tuple[Chat, str]], *, should_stop: ShouldStop = never
) -> AnswerLoss:
    """The loss of `loaded` on each answer, given its prompt in the model's own template.

    A row that does not fit the context is left out and counted, since a cut prompt is another task. An empty prompt
    gives the first token of the answer for free. Raises Cancelled when asked to stop.
    """
    nats, size, answers, cut = 0.0, 0, 0, 0
    for prompt, answer in rows:
        if should_stop():
            raise Cancelled
        head, tail = _ids(loaded, prompt, answer)
        if len(head) + len(tail) > loaded.context:
            cut += 1
            continue
        nats, size, answers = nats + _nats(loaded, head, tail), size + len(answer.encode()), answers + 1
    return AnswerLoss(nats, size, answers, cut)


def _ids(loaded: LoadedModel, prompt: Chat, answer: str) -> tuple[list[int], list[int]]:
    tokenizer = loaded.tokenizer
    head, tail = chat_texts(tokenizer, prompt, answer) if prompt else ("", answer)
    plain = not tokenizer.chat_template  # a template writes its special tokens itself
    before = list(tokenizer(head, add_special_tokens=plain)["input_ids"]) if head else []
    own = list(tokenizer(tail, add_special_tokens=False)["input_ids"])
    return (before, own) if before else (own[:1], own[1:])


def _nats(loaded: LoadedModel, head: list[int], tail: list[int]) -> float:
    model: Any = loaded.model
    ids = torch.tensor([head + tail], device=model.device)
    # Prompt tuning puts tokens of its own before the text, so the last ones are counted from the end.
    logits = model(input_ids=ids).logits[0, -len(tail) - 1 : -1].float()
    return float(functional.cross_entropy(logits, ids[0, len(head) :], reduction="sum")) if tail else 0.0
