"""Preference pairs as token rows and batches: chosen and rejected side by side, the reference's figures beside them.

Peculiar: the reference never changes, so its log-probabilities are computed once, before training, from the model with
its adapter off, and then read from an array: no second model is held and no second pass is made a step. KTO's answers
to other prompts are put together when a batch is made, from the prompt of one pair and the answers of its partner; who
is whose partner is drawn once, by seed, among pairs with another prompt.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from transformers import PreTrainedTokenizerBase

from models_ml.nn.tuning.batches import Batch, Cells, Collator
from models_ml.nn.tuning.packing import Bin
from models_ml.nn.tuning.plan import TuningError, TuningPlan
from models_ml.nn.tuning.rows import Encoder, Tally, TokenRow
from models_ml.nn.tuning.store import TokenStore

Floats = npt.NDArray[np.float64]
_BATCH = 128  # pairs tokenised at once
_TRIES = 20  # draws for a partner with another prompt


def pair_rows(
    plan: TuningPlan, tokenizer: PreTrainedTokenizerBase, rows: Iterable[Mapping[str, Any]], split: str, tally: Tally
) -> Iterator[TokenRow]:
    """Two rows a pair, the chosen answer first, `value` being its weight. A pair that is too long is left out whole.

    Raises TuningError("dataset", …) naming the row that has no usable messages, answers or weight.
    """
    encode = Encoder(replace(plan, objective="supervised", max_length=1_000_000), tokenizer)
    source, done = iter(rows), 0
    while pairs := list(islice(source, _BATCH)):
        weights = [_checked(pair, f"row {done + index + 1} of {split}") for index, pair in enumerate(pairs)]
        chats = [{"messages": _chat(pair, name)} for pair in pairs for name in ("chosen", "rejected")]
        found = list(encode(chats, split))
        tally.rows += len(pairs)
        for weight, chosen, rejected in zip(weights, found[::2], found[1::2], strict=True):
            if max(len(chosen.ids), len(rejected.ids)) > plan.max_length:
                tally.left_out += 1
                continue
            yield from (replace(one, value=weight) for one in (chosen, rejected))
        done += len(pairs)


def _checked(pair: Mapping[str, Any], where: str) -> float:
    for name in ("chosen", "rejected"):
        if not isinstance(pair.get(name), str) or not str(pair[name]).strip():
            raise TuningError("dataset", f"{where} has no usable {name!r}")
    if not isinstance(pair.get("messages"), list) or not pair["messages"]:
        raise TuningError("dataset", f"{where} has no usable 'messages'")
    weight = pair.get("weight", 1.0)
    if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 <= weight <= 1:
        raise TuningError("dataset", f"{where}: 'weight' must be a number from 0 to 1, not {weight!r}")
    return float(weight)


def _chat(pair: Mapping[str, Any], name: str) -> list[Any]:
    return [*pair["messages"], {"role": "assistant", "content": pair[name]}]


@dataclass(frozen=True)
class Reference:
    """The reference's log-probabilities: of each row of a store and, for KTO, of each mismatched answer."""

    rows: Floats
    mismatched: Floats | None = None


@dataclass(frozen=True)
class PairCollator(Collator):
    """Batches of pairs. A bin is the two rows of a pair; `partners` (by pair) are given where KTO needs them."""

    partners: npt.NDArray[np.int64] | None = None
    reference: Reference | None = None

    def __call__(self, bins: Sequence[Bin], *, epoch: int) -> Batch:
        """As `Collator`, with "reference" (rows,) and for KTO "mismatched", a batch of its own."""
        batch = super().__call__(bins, epoch=epoch)
        order = [row for one in bins for row in one]
        if self.reference is not None:
            batch["reference"] = torch.tensor(self.reference.rows[order], dtype=torch.float32)
        if self.partners is not None:
            batch["mismatched"] = self._mismatched(order)
            batch["tokens"] += batch["mismatched"]["tokens"]
        return batch

    def _mismatched(self, order: Sequence[int]) -> Batch:
        rows = [self._put_together(row) for row in order]
        width = max(len(cells) for cells in rows)
        batch: Batch = {"inputs": self._inputs(rows, width), **self._loss_places(rows, width)}
        batch["tokens"] = sum(len(cells) for cells in rows)
        firsts = np.asarray(order[::2]) // 2
        weights = self.store.values[2 * firsts] * self.store.values[2 * self._partner(firsts)]
        batch["values"] = torch.tensor(weights, dtype=torch.float32)
        if self.reference is not None and self.reference.mismatched is not None:
            batch["reference"] = torch.tensor(self.reference.mismatched[list(order)], dtype=torch.float32)
        return batch

    def _put_together(self, row: int) -> Cells:
        """The row's prompt and its partner's answer of the same kind (chosen or rejected)."""
        other = 2 * int(self._partner(np.asarray([row // 2]))[0]) + row % 2
        start, begin = int(self.store.starts[row]), int(self.store.starts[other])
        ids = np.concatenate([self.store.row(row)[:start], self.store.row(other)[begin:]]).astype(np.int64)
        ids = ids[: self.plan.max_length]
        targets = np.full(len(ids), -1, dtype=np.int64)
        first = min(max(1, start), len(ids) - 1)
        targets[first - 1 : -1] = ids[first:]
        return Cells(ids, targets, np.arange(len(ids), dtype=np.int64))

    def _partner(self, pairs: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        assert self.partners is not None  # noqa: S101 - only called where KTO has drawn them
        return self.partners[pairs]


def partners_of(store: TokenStore, seed: int) -> npt.NDArray[np.int64]:
    """For each pair another one, with another prompt where some twenty draws find one. Decided by seed and store."""
    prompts = [_prompt_key(store, row) for row in range(0, len(store), 2)]
    draw = np.random.default_rng([seed, 3])
    found = np.empty(len(prompts), dtype=np.int64)
    for pair, prompt in enumerate(prompts):
        others = draw.integers(0, len(prompts), _TRIES)
        found[pair] = next((other for other in others if prompts[other] != prompt), (pair + 1) % len(prompts))
    return found


def _prompt_key(store: TokenStore, row: int) -> bytes:
    return hashlib.blake2b(store.row(row)[: int(store.starts[row])].tobytes(), digest_size=8).digest()


def mean_weight(store: TokenStore) -> float:
    """The mean weight of the pairs. Raises TuningError where no pair has any."""
    weights = store.values[::2]
    if not len(weights) or not weights.sum():
        raise TuningError("dataset", "has no pair with a weight above 0")
    return float(weights.mean())
