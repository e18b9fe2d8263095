"""Begins each case of `test_resume` in a process of its own, which kills itself by SIGKILL in the midst of a step.

Run as a script: one interpreter loads torch, and each case is a fork of it.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from models_ml.nn.tuning.plan import TuningPlan
from models_ml.nn.tuning.training import tune
from tests.models_ml.nn.tuning import toys

KILLED_AT = 8
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "full": ("gpt2", {"objective": "causal", "epochs": 3.0, "batch_size": 2, "learning_rate": 3e-3}),
    "lora": ("qwen3", {"dropout": 0.2, "epochs": 4.0, "batch_size": 2, "gradient_accumulation": 2}),
    "adalora": ("qwen3", {"max_steps": 14, "batch_size": 2, "rank": 2}),
    "bottleneck": ("bert", {"objective": "masked", "max_steps": 13, "batch_size": 6, "dropout": 0.1}),
}


def plan_of(method: str, bases: Path) -> TuningPlan:
    """The plan of a case; a checkpoint falls every five steps, an evaluation every four."""
    kind, changes = CASES[method]
    common: dict[str, Any] = {
        "max_length": 48,
        "precision": "fp32",
        "save_every": 5,
        "evaluate_every": 4,
        "warmup_share": 0.2,
    }
    return TuningPlan(str(bases / kind), "toy", method=method, **{**common, **changes})


def kill_at_the_step(step: int, values: Mapping[str, float]) -> None:
    """End this process as the out-of-memory killer would."""
    if step >= KILLED_AT and "loss" in values:
        os.kill(os.getpid(), signal.SIGKILL)


def main(bases: Path, out: Path) -> None:
    """Begin every case below `out`."""
    torch.set_num_threads(1)
    for method in CASES:
        child = os.fork()
        if child == 0:
            plan = plan_of(method, bases)
            tune(plan, out / method, dataset=toys.toy(plan.task), on_metrics=kill_at_the_step)
            os._exit(3)  # it was to be killed
        _, status = os.waitpid(child, 0)
        if not (os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL):
            raise SystemExit(f"{method} ended with {status}, not by SIGKILL")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
