"""Token rows for training: packed blocks for pre-training, prompt and answer with completion-only loss for tuning.

Rows are put in their final order here (batches of similar length, batches shuffled by seed) and read in that order, so
a resumed run sees exactly the rows an uninterrupted one would.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import torch
from torch.utils.data import Dataset
from transformers import PreTrainedTokenizerBase

IGNORED = -100  # the label that torch's cross-entropy leaves out
_BATCHES_A_BUCKET = 40


@dataclass(frozen=True)
class Row:
    """Token ids and, position by position, the label or IGNORED."""

    input_ids: list[int]
    labels: list[int]


class Rows(Dataset[Row]):
    """Rows in their final order."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Row:
        return self.rows[index]

    @property
    def tokens(self) -> int:
        """All tokens read."""
        return sum(len(row.input_ids) for row in self.rows)

    @property
    def trained_tokens(self) -> int:
        """Tokens that carry loss."""
        return sum(sum(label != IGNORED for label in row.labels) for row in self.rows)


def packed_rows(texts: Iterable[str], tokenizer: PreTrainedTokenizerBase, *, block: int) -> list[Row]:
    """Blocks of `block` tokens cut from all texts in a row, each text closed by the end token. The rest is dropped."""
    stream: list[int] = []
    for ids in tokenizer(list(texts), add_special_tokens=False)["input_ids"]:
        stream += [*ids, int(tokenizer.eos_token_id)]
    blocks = [stream[start : start + block] for start in range(0, len(stream) - block + 1, block)]
    return [Row(ids, ids) for ids in blocks]


def answer_rows(
    chats: Sequence[Sequence[dict[str, str]]], tokenizer: PreTrainedTokenizerBase, *, longest: int
) -> list[Row]:
    """One row a chat: the prompt without loss, the last message and the end token with it. Longer rows are dropped.

    Prompt and answer are tokenized apart, since generation too starts from the tokens of the prompt alone.
    """
    prompts = [
        str(tokenizer.apply_chat_template(list(chat[:-1]), tokenize=False, add_generation_prompt=True))
        for chat in chats
    ]
    heads = tokenizer(prompts, add_special_tokens=False)["input_ids"]
    tails = tokenizer([chat[-1]["content"] for chat in chats], add_special_tokens=False)["input_ids"]
    rows = [_answer_row(head, [*tail, int(tokenizer.eos_token_id)]) for head, tail in zip(heads, tails, strict=True)]
    return [row for row in rows if len(row.input_ids) <= longest]


def _answer_row(head: list[int], tail: list[int]) -> Row:
    return Row(head + tail, [IGNORED] * len(head) + tail)


def in_order(rows: Sequence[Row], *, batch_size: int, seed: int) -> Rows:
    """Rows shuffled, sorted by length within buckets of batches, the batches shuffled: little padding, no bias."""
    rng = Random(seed)  # noqa: S311 - an order, not a secret
    shuffled = rng.sample(rows, len(rows))
    bucket = batch_size * _BATCHES_A_BUCKET
    batches: list[list[Row]] = []
    for start in range(0, len(shuffled), bucket):
        part = sorted(shuffled[start : start + bucket], key=lambda row: len(row.input_ids))
        batches += [part[index : index + batch_size] for index in range(0, len(part), batch_size)]
    full = [batch for batch in batches if len(batch) == batch_size]
    rng.shuffle(full)
    return Rows([row for batch in full for row in batch])


@dataclass(frozen=True)
class PadRight:
    """Collates rows into a batch padded on the right with `pad` (labels with IGNORED)."""

    pad: int

    def __call__(self, rows: Sequence[Row]) -> dict[str, Any]:
        """Tensors input_ids, attention_mask and labels, each (batch, longest)."""
        longest = max(len(row.input_ids) for row in rows)
        return {
            "input_ids": torch.tensor([row.input_ids + [self.pad] * (longest - len(row.input_ids)) for row in rows]),
            "attention_mask": torch.tensor(
                [[1] * len(row.input_ids) + [0] * (longest - len(row.input_ids)) for row in rows]
            ),
            "labels": torch.tensor([row.labels + [IGNORED] * (longest - len(row.labels)) for row in rows]),
        }
