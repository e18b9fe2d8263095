"""`benchmarks/gpu_tuning.py --small`: the code that prints the GPU's figures, run on whatever is here."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parents[4] / "benchmarks"


def test_small_prints_speed_share_and_memory_of_all_four_cases(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "path", [str(BENCHMARKS), *sys.path])
    import gpu_tuning

    gpu_tuning.main(["--small"])
    told = capsys.readouterr().out
    pattern = (
        r"small (full|lora) (with|without) gradient checkpointing: ([\d,]+) tokens/s, ([\d.]+)% of peak, ([\d.]+) GiB"
    )
    cases = re.findall(pattern, told)
    assert [case[:2] for case in cases] == [(method, how) for method in ("full", "lora") for how in ("without", "with")]
    assert all(float(case[2].replace(",", "")) > 0 and 0 < float(case[3]) < 100 for case in cases)
    assert "to reach 30% on a GPU" in told


def test_operations_follow_the_usual_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [str(BENCHMARKS), *sys.path])
    import gpu_tuning
    import torch

    shape = gpu_tuning.Shape("x", 8, 3, 2, 2, 16, 100, 64, 1, 3)
    model = torch.nn.Sequential(torch.nn.Linear(8, 100, bias=False), torch.nn.LayerNorm(8))
    assert gpu_tuning.operations(shape, model, full=True) == 6 * 800 + 12 * 3 * 8 * 32
    assert gpu_tuning.operations(shape, model, full=False) == 4 * 800 + 12 * 3 * 8 * 32 * 2 / 3
