"""What to fine-tune and how: the plan, its checks, and the result. Pure: imports nothing heavy, so a form may use it.

Peculiar: a field left at None is decided later by the method (`methods.py`, each figure with its source), and a plan is
refused as a whole or not at all: every rule that can be checked without the model or the data is checked here.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

# The objective decides the rows that are read (a dataset's task) and the head of the model.
TASKS: Mapping[str, str] = {
    "causal": "text",
    "masked": "text",
    "supervised": "copy",
    "classify": "labels",
    "score_pairs": "pairs",
    "dpo": "pairs",
    "kto": "pairs",
}
OBJECTIVES = tuple(TASKS)
PREFERENCE = ("dpo", "kto")
GENERATING = ("causal", "supervised", *PREFERENCE)  # objectives whose result writes text
METHODS = ("full", "lora", "dora", "adalora", "prefix", "prompt", "ia3", "bottleneck")
LOW_RANK = ("lora", "dora", "adalora")
VIRTUAL = ("prefix", "prompt")  # methods that put virtual tokens before the text
SCHEDULES = ("cosine", "linear", "constant")
OPTIMISERS = ("adamw", "adafactor")
PRECISIONS = ("auto", "fp32", "bf16")


class TuningError(ValueError):
    """A plan, dataset or base that cannot be used: `field` names the plan's field, `message` says why."""

    def __init__(self, field_name: str, message: str) -> None:
        super().__init__(f"{field_name}: {message}")
        self.field = field_name
        self.message = message


@dataclass(frozen=True)
class TuningPlan:
    """One fine-tuning run.

    `base` and `dataset` are folders (the base also a hub id). The run is `epochs` long, or `max_steps` where that is
    given; a step is `batch_size` x `gradient_accumulation` rows (packed: bins of up to `max_length` tokens).
    `evaluate_every` and `save_every` count steps, 0 lets the length of the run decide. `early_stopping_patience` counts
    evaluations without a better validation loss, 0 trains to the end; the best weights are kept either way where there
    is a validation split. `rank` is the rank of LoRA's kin and the width of a bottleneck, `virtual_tokens` the length
    of a prefix or prompt. `beta`, `label_smoothing` and the two weights belong to DPO and KTO.
    """

    base: str
    dataset: str
    objective: str = "supervised"
    method: str = "lora"
    revision: str | None = None  # of a hub id: a branch, tag or commit
    seed: int = 1
    epochs: float = 1.0
    max_steps: int | None = None
    batch_size: int = 8
    gradient_accumulation: int = 1
    learning_rate: float | None = None
    warmup_share: float = 0.06  # RoBERTa, arXiv 1907.11692, table 10
    schedule: str = "cosine"
    optimiser: str = "adamw"
    weight_decay: float = 0.01
    max_gradient_norm: float = 1.0
    max_length: int = 512
    packing: bool = True
    gradient_checkpointing: bool = False
    precision: str = "auto"
    early_stopping_patience: int = 0
    evaluate_every: int = 0
    evaluate_rows: int = 1000  # at most so many validation rows an evaluation
    save_every: int = 0
    rank: int | None = None
    alpha: float | None = None
    dropout: float | None = None
    rank_stabilised: bool = True  # alpha/sqrt(r) instead of alpha/r, arXiv 2312.03732
    target_modules: tuple[str, ...] | None = None  # None: all linear layers but the head
    virtual_tokens: int | None = None
    mask_share: float = 0.15  # BERT, arXiv 1810.04805; of the masked 80 % mask, 10 % random, 10 % kept
    whole_word: bool = False
    beta: float = 0.1  # DPO, arXiv 2305.18290
    label_smoothing: float = 0.0  # conservative DPO
    desirable_weight: float = 1.0  # KTO, arXiv 2402.01306
    undesirable_weight: float = 1.0

    def __post_init__(self) -> None:
        if self.target_modules is not None:
            object.__setattr__(self, "target_modules", _names("target_modules", self.target_modules))
        _check_choices(self)
        _check_numbers(self)
        _check_together(self)

    @property
    def task(self) -> str:
        """The dataset task that the objective reads."""
        return TASKS[self.objective]

    @property
    def rows_a_step(self) -> int:
        """Rows (packed: bins) that one optimiser step sees."""
        return self.batch_size * self.gradient_accumulation

    def to_json(self) -> dict[str, Any]:
        """Plain values, readable by `from_json`."""
        data = asdict(self)
        data["target_modules"] = None if self.target_modules is None else list(self.target_modules)
        return data

    @classmethod
    def from_json(cls, data: Mapping[str, Any] | str | bytes) -> TuningPlan:
        """A plan from JSON text or its object. Raises TuningError naming the field that is unknown or wrong."""
        values = _object(data)
        known = {one.name for one in fields(cls)}
        for name in values:
            if name not in known:
                raise TuningError(str(name), f"is no field of a tuning plan; those are {', '.join(sorted(known))}")
        for name in ("base", "dataset"):
            if name not in values:
                raise TuningError(name, "is missing")
        return cls(**values)


@dataclass(frozen=True)
class TuningResult:
    """What a run did. `tokens` counts real tokens read (no padding), `trained_tokens` those that carried loss.

    `files` are the SHA-256 of the result folder's files by name, `evaluation` the figures of the kept weights on the
    validation split ("loss", and by objective "perplexity", "accuracy" ...), `best_step` the step they are from.
    """

    steps: int
    train_loss: float
    evaluation: dict[str, float]
    tokens: int
    seconds: float
    files: dict[str, str]
    trained_tokens: int = 0
    best_step: int | None = None
    stopped_early: bool = False
    notes: tuple[str, ...] = field(default=())  # e.g. rows left out, a batch that was halved

    def to_json(self) -> dict[str, Any]:
        """Plain values, readable by `from_json`."""
        return {**asdict(self), "notes": list(self.notes)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> TuningResult:
        """The result that `to_json` wrote."""
        return cls(**{**data, "notes": tuple(data.get("notes", ()))})


def _object(data: Mapping[str, Any] | str | bytes) -> dict[str, Any]:
    if isinstance(data, Mapping):
        return dict(data)
    try:
        values = json.loads(data)
    except ValueError as error:
        raise TuningError("plan", f"is not readable JSON: {error}") from error
    if not isinstance(values, dict):
        raise TuningError("plan", "must be a JSON object")
    return values


def _check_choices(plan: TuningPlan) -> None:
    for name in ("base", "dataset"):
        value: Any = getattr(plan, name)
        if not isinstance(value, str) or not value.strip():
            raise TuningError(name, "must name a folder" + (" or a hub id" if name == "base" else ""))
    revision: Any = plan.revision
    if revision is not None and (not isinstance(revision, str) or not revision):
        raise TuningError("revision", "must be a branch, tag or commit, or left out")
    for name, allowed in (
        ("objective", OBJECTIVES),
        ("method", METHODS),
        ("schedule", SCHEDULES),
        ("optimiser", OPTIMISERS),
        ("precision", PRECISIONS),
    ):
        if getattr(plan, name) not in allowed:
            raise TuningError(name, f"must be one of {', '.join(allowed)}, not {getattr(plan, name)!r}")
    for name in ("packing", "gradient_checkpointing", "rank_stabilised", "whole_word"):
        if not isinstance(getattr(plan, name), bool):
            raise TuningError(name, "must be true or false")


_WHOLE: Mapping[str, tuple[int, int]] = {
    "seed": (0, 2**32 - 1),
    "max_steps": (1, 10_000_000),
    "batch_size": (1, 4096),
    "gradient_accumulation": (1, 4096),
    "max_length": (8, 1_000_000),
    "early_stopping_patience": (0, 1000),
    "evaluate_every": (0, 10_000_000),
    "evaluate_rows": (1, 10_000_000),
    "save_every": (0, 10_000_000),
    "rank": (1, 4096),
    "virtual_tokens": (1, 4096),
}
_REAL: Mapping[str, tuple[float, float]] = {  # from, to; the ends are allowed
    "epochs": (1e-6, 10_000.0),
    "learning_rate": (1e-9, 10.0),
    "warmup_share": (0.0, 1.0),
    "weight_decay": (0.0, 1.0),
    "max_gradient_norm": (1e-6, 1e6),
    "alpha": (1e-6, 1e6),
    "dropout": (0.0, 0.99),
    "mask_share": (0.01, 0.9),
    "beta": (1e-6, 100.0),
    "label_smoothing": (0.0, 0.49),
    "desirable_weight": (0.0, 1000.0),
    "undesirable_weight": (0.0, 1000.0),
}
_OPTIONAL = ("max_steps", "learning_rate", "rank", "alpha", "dropout", "virtual_tokens")


def _check_numbers(plan: TuningPlan) -> None:
    for name, (least, most) in {**_WHOLE, **_REAL}.items():
        value = getattr(plan, name)
        if value is None and name in _OPTIONAL:
            continue
        kinds: tuple[type, ...] = (int,) if name in _WHOLE else (int, float)
        if type(value) not in kinds or not math.isfinite(value):
            raise TuningError(name, f"must be a {'whole ' if name in _WHOLE else ''}number, not {value!r}")
        if not least <= value <= most:
            raise TuningError(name, f"must be from {least:g} to {most:g}, not {value:g}")


def _check_together(plan: TuningPlan) -> None:
    if plan.method == "prefix" and plan.gradient_checkpointing:
        raise TuningError("gradient_checkpointing", "cannot be had with a prefix, whose keys go in as a cache")
    if plan.method in VIRTUAL and plan.objective == "masked":
        raise TuningError("method", f"{plan.method} is not defined for the masked objective; use lora or bottleneck")
    if plan.target_modules is not None and plan.method in ("full", "bottleneck", *VIRTUAL):
        raise TuningError("target_modules", f"means nothing to the method {plan.method}")
    if plan.objective == "kto" and plan.desirable_weight == plan.undesirable_weight == 0:
        raise TuningError("desirable_weight", "and undesirable_weight cannot both be 0")


def _names(name: str, value: Any) -> tuple[str, ...]:
    if isinstance(value, str) or not isinstance(value, (list, tuple)):
        raise TuningError(name, "must be a list of module names")
    if not value or any(not isinstance(one, str) or not one.strip() for one in value):
        raise TuningError(name, "must hold at least one module name, none of them empty")
    return tuple(value)
