"""From bins of token rows to tensors: padding, packing, masking.

Peculiar: a batch names the few positions that carry loss (`index`, `targets`), so that the large output layer need not
be computed anywhere else. Packed examples are kept apart by position ids that begin anew with each: transformers then
builds the block-diagonal mask. Causal batches without virtual tokens are given no padding mask: padding stands on the
right, where nothing real looks, and SDPA may use its quick causal kernel.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.utils.data import Dataset
from transformers import PreTrainedTokenizerBase

from models_ml.nn.tuning.packing import Bin, Order, micro_batches
from models_ml.nn.tuning.plan import VIRTUAL, TuningPlan
from models_ml.nn.tuning.store import TokenStore

Batch = dict[str, Any]
EVALUATION_EPOCH = 2**31 - 1  # the masks of the evaluation are drawn once


@dataclass(frozen=True)
class Collator:
    """Makes the batch of some bins: {"inputs": for the model, "index", "targets", "weights", and the counts}."""

    store: TokenStore
    plan: TuningPlan
    tokenizer: PreTrainedTokenizerBase
    packed: bool
    causal: bool

    def __call__(self, bins: Sequence[Bin], *, epoch: int) -> Batch:
        """Tensors on the CPU. `inputs` are (bins, longest), `index` points into them flattened."""
        rows = [self._cells(one, epoch) for one in bins] if self.packed else self._single(bins, epoch)
        width = max(len(cells) for cells in rows)
        batch: Batch = {"inputs": self._inputs(rows, width)}
        batch |= self._loss_places(rows, width)
        batch["values"] = torch.tensor([float(self.store.values[one[0]]) for one in bins], dtype=torch.float32)
        batch["tokens"] = sum(len(cells) for cells in rows)
        return batch

    def _single(self, bins: Sequence[Bin], epoch: int) -> list[Cells]:
        return [self._cells((row,), epoch) for one in bins for row in one]

    def _cells(self, one: Bin, epoch: int) -> Cells:
        parts = [self._row(row, epoch) for row in one]
        return parts[0] if len(parts) == 1 else Cells(*(np.concatenate(column) for column in zip(*parts, strict=True)))

    def _row(self, row: int, epoch: int) -> Cells:
        ids = np.asarray(self.store.row(row), dtype=np.int64)
        places = np.arange(len(ids), dtype=np.int64)
        if self.plan.objective == "masked":
            return Cells(*self._masked(ids, row, epoch), places)
        targets = np.full(len(ids), -1, dtype=np.int64)
        first = max(1, int(self.store.starts[row]))
        targets[first - 1 : -1] = ids[first:]  # each position predicts the next token
        return Cells(ids, targets, places)

    def _masked(self, ids: npt.NDArray[np.int64], row: int, epoch: int) -> tuple[Any, Any]:
        draw = np.random.default_rng([self.plan.seed, 2, epoch, row])
        return mask(
            ids,
            draw,
            share=self.plan.mask_share,
            special=np.asarray(sorted(self.tokenizer.all_special_ids)),
            mask_id=int(self.tokenizer.mask_token_id),
            vocabulary=len(self.tokenizer),
            words=self.store.row_words(row),
        )

    def _inputs(self, rows: Sequence[Cells], width: int) -> dict[str, torch.Tensor | bool]:
        left = self.left_padded
        pad = int(self.tokenizer.pad_token_id)
        inputs: dict[str, torch.Tensor | bool] = {
            "input_ids": _padded([one.ids for one in rows], width, pad, left=left)
        }
        if self.packed:
            tail = [np.concatenate([one.places, np.arange(width - len(one))]) for one in rows]
            inputs["position_ids"] = torch.from_numpy(np.stack(tail))
        elif not self.causal or self.plan.method in VIRTUAL:
            ones = [np.ones(len(one), dtype=np.int64) for one in rows]
            inputs["attention_mask"] = _padded(ones, width, 0, left=left)
        if self.causal and self.plan.method != "prefix":
            inputs["use_cache"] = False
        return inputs

    @property
    def left_padded(self) -> bool:
        """A causal scorer behind virtual tokens sees embeddings, not ids: its last real token must be the last."""
        scored = self.plan.objective in ("classify", "score_pairs")
        return scored and self.causal and self.plan.method in VIRTUAL

    def _loss_places(self, rows: Sequence[Cells], width: int) -> Batch:
        index = [np.flatnonzero(one.targets >= 0) + place * width for place, one in enumerate(rows)]
        targets = [one.targets[one.targets >= 0] for one in rows]
        return {
            "index": torch.from_numpy(np.concatenate(index)),
            "targets": torch.from_numpy(np.concatenate(targets)),
        }


@dataclass(frozen=True)
class Cells:
    """One row of a batch before padding: ids, the target at each position (-1: none), the position ids."""

    ids: npt.NDArray[np.int64]
    targets: npt.NDArray[np.int64]
    places: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.ids)

    def __iter__(self) -> Any:
        return iter((self.ids, self.targets, self.places))


def _padded(rows: Sequence[npt.NDArray[np.int64]], width: int, fill: int, *, left: bool) -> torch.Tensor:
    out = np.full((len(rows), width), fill, dtype=np.int64)
    for index, row in enumerate(rows):
        out[index, width - len(row) if left else 0 : width if left else len(row)] = row
    return torch.from_numpy(out)


def mask(
    ids: npt.NDArray[np.int64],
    draw: np.random.Generator,
    *,
    share: float,
    special: npt.NDArray[np.int64],
    mask_id: int,
    vocabulary: int,
    words: npt.NDArray[np.int32] | None = None,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Masked ids, and the targets: the old id where it was chosen, -1 elsewhere. Special tokens are never chosen.

    Of the chosen, 80 % become the mask, 10 % a random token, 10 % stay (BERT, arXiv 1810.04805). With `words` whole
    words are chosen (the word list of the tokenizer: in Chinese BERT each character is one). At least one is chosen.
    """
    units = np.arange(len(ids)) if words is None else np.asarray(words, dtype=np.int64)
    free = ~np.isin(ids, special) & (units >= 0)
    names = np.unique(units[free])
    targets = np.full(len(ids), -1, dtype=np.int64)
    if not len(names):
        return ids, targets
    count = max(1, round(share * len(names)))
    chosen = free & np.isin(units, draw.choice(names, size=count, replace=False))
    fate = draw.random(len(ids))
    targets[chosen] = ids[chosen]
    found = np.where(chosen & (fate < 0.8), mask_id, ids)
    return np.where(chosen & (fate >= 0.9), draw.integers(0, vocabulary, len(ids)), found), targets


@dataclass(frozen=True)
class Batches(Dataset[Batch]):
    """All micro-batches of a run by number: `parts` of them a step and process, `processes` side by side."""

    order: Order
    collator: Collator
    steps: int
    parts: int
    processes: int = 1

    def __len__(self) -> int:
        return self.steps * self.parts * self.processes

    def __getitem__(self, index: int) -> Batch:
        runs = self.parts * self.processes
        step, part = divmod(index, runs)
        bins = micro_batches(self.order.step(step), parts=runs)[part]
        return self.collator(bins, epoch=self.order.epoch_of(step))


def first_of(batches: Sequence[Batch]) -> Batch:
    """The collate function of a loader whose every item is a batch already."""
    return batches[0]
