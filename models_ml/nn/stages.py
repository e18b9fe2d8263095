"""The stages of the starter's recipe: their rows, their settings, and how long a step of each takes.

Pre-training reads copies alone, tuning learns to follow briefs, and polishing tunes once more, on other texts and at a
lower rate that again falls to zero.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch
from transformers import PreTrainedTokenizerFast

from models_ml.nn.architecture import Preset, build
from models_ml.nn.data import PadRight, Rows, answer_rows, in_order, packed_rows
from models_ml.nn.grammar.corpus import dataset_hash, examples
from models_ml.nn.training import StageSettings

Stage = Literal["pretrain", "tune", "polish"]
STAGES: tuple[Stage, ...] = ("pretrain", "tune", "polish")
SEED_SHIFT: Mapping[Stage, int] = {"pretrain": 1, "tune": 0, "polish": 2}  # no stage reads another's texts
_RATES: Mapping[Stage, float] = {"pretrain": 1.0, "tune": 0.75, "polish": 0.4}
PRETRAIN_SHARE = 0.25  # of a time budget

_BLOCK = 256
_TEXTS_A_BLOCK = 7  # a copy takes 35 tokens and more, so this many fill a block
_TIMED_STEPS = 12


@dataclass(frozen=True)
class StageData:
    """The rows of a stage in order, and the hash of the texts they were made from."""

    rows: Rows
    hash: str
    texts: int


def stage_data(stage: Stage, preset: Preset, tokenizer: PreTrainedTokenizerFast, *, steps: int, seed: int) -> StageData:
    """Rows for `steps` steps. Pre-training reads the copies alone, tuning the briefs and, with loss, the copies."""
    size = batch_size(stage, preset)
    if stage == "pretrain":
        items = list(examples(steps * size * _TEXTS_A_BLOCK + 50, seed + SEED_SHIFT[stage]))
        rows = packed_rows((item.answer for item in items), tokenizer, block=_BLOCK)[: steps * size]
        return StageData(Rows(rows), dataset_hash(items), len(items))
    items = list(examples(steps * size, seed + SEED_SHIFT[stage]))
    rows = answer_rows([item.chat() for item in items], tokenizer, longest=preset.context)
    return StageData(in_order(rows, batch_size=size, seed=seed), dataset_hash(items), len(items))


def stage_settings(stage: Stage, preset: Preset, *, steps: int, seed: int) -> StageSettings:
    """How the stage trains. The later ones start from warm weights, so at lower rates."""
    return StageSettings(
        name=stage,
        steps=steps,
        batch_size=batch_size(stage, preset),
        learning_rate=preset.learning_rate * _RATES[stage],
        seed=seed,
        save_every=max(2, min(400, steps // 5)),
        bf16=bf16_pays(),
    )


def batch_size(stage: Stage, preset: Preset) -> int:
    """Rows a step. A packed block is about twice an answer row, hence half as many."""
    return max(2, preset.batch_size // 2) if stage == "pretrain" else preset.batch_size


def bf16_pays() -> bool:
    """Whether half precision is faster here: on a GPU that has it, or a CPU with native bf16 instructions."""
    if torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported())
    return bool(torch.cpu._is_avx512_bf16_supported())  # noqa: SLF001 - torch offers no public name for it


def seconds_a_step(stage: Stage, preset: Preset, tokenizer: PreTrainedTokenizerFast) -> float:
    """Seconds one step takes here, from a few steps on a throwaway model (the first warms up and does not count)."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model: Any = build(preset, tokenizer, seed=0).train()
    model.to(device)
    optimiser = torch.optim.AdamW(model.parameters())
    rows = stage_data(stage, preset, tokenizer, steps=_TIMED_STEPS, seed=0).rows.rows
    size, pad = batch_size(stage, preset), PadRight(int(tokenizer.pad_token_id))
    started = time.monotonic()
    for step in range(len(rows) // size):
        started = time.monotonic() if step == 1 else started
        batch = {name: value.to(device) for name, value in pad(rows[step * size : (step + 1) * size]).items()}
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=bf16_pays()):
            loss = model(**batch).loss
        loss.backward()
        optimiser.step()
        optimiser.zero_grad()
        loss.item()  # waits for the device
    return (time.monotonic() - started) / max(1, len(rows) // size - 1)
