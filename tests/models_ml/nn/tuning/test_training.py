"""What a run tells on its way and at its end: progress with the time left, metrics, exact counts of tokens."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from models_ml.nn.progress import Cancelled
from models_ml.nn.tuning.plan import TuningPlan
from models_ml.nn.tuning.rows import Encoder
from models_ml.nn.tuning.training import tune
from models_ml.nn.tuning.watch import duration
from tests.models_ml.nn.tuning import toys


def plan_of(base: Path, **changes: Any) -> TuningPlan:
    common: dict[str, Any] = {"batch_size": 6, "max_length": 40, "precision": "fp32", "packing": False}
    return TuningPlan(str(base), "toy", **{**common, **changes})


def test_progress_rises_and_names_step_loss_and_time_left(bases: dict[str, Path], tmp_path: Path) -> None:
    told: list[tuple[float, str, str, Mapping[str, float]]] = []
    tune(
        plan_of(bases["qwen3"], max_steps=5), tmp_path / "out", dataset=toys.toy("copy"),
        on_progress=lambda *report: told.append(report),
    )  # fmt: skip
    fractions = [fraction for fraction, *_ in told]
    assert fractions == sorted(fractions)
    assert (fractions[0], fractions[-1]) == (0.0, 1.0)
    stages = list(dict.fromkeys(stage for _, stage, *_ in told))
    assert stages == ["prepare", "train", "save", "done"]
    trained = [(message, metrics) for _, stage, message, metrics in told if stage == "train"]
    assert re.fullmatch(r"step 2 of 5, loss \d\.\d{3}, about [\d.]+ (s|min|h) left", trained[1][0])
    assert trained[1][1]["seconds_left"] > 0
    assert {"loss", "learning_rate", "step"} <= set(trained[1][1])
    assert "left" not in trained[-1][0]


def test_metrics_carry_loss_rate_and_evaluation(bases: dict[str, Path], tmp_path: Path) -> None:
    told: list[tuple[int, dict[str, float]]] = []
    plan = plan_of(bases["qwen3"], max_steps=10, evaluate_every=5, warmup_share=0.2, learning_rate=1e-3)
    result = tune(
        plan,
        tmp_path / "out",
        dataset=toys.toy("copy"),
        on_metrics=lambda step, values: told.append((step, dict(values))),
    )
    rates = {step: values["learning_rate"] for step, values in told if "learning_rate" in values}
    assert rates[1] < rates[2] < rates[3] == pytest.approx(1e-3)  # warm after two steps
    assert rates[10] < rates[6] < rates[3]  # and down by a cosine
    evaluated = {step: values["eval_loss"] for step, values in told if "eval_loss" in values}
    assert list(evaluated) == [5, 10]
    assert result.evaluation["loss"] == min(evaluated.values())
    assert result.evaluation["perplexity"] < result.evaluation["perplexity_before"]


@pytest.mark.parametrize("packing", [True, False])
def test_tokens_are_counted_without_padding(bases: dict[str, Path], tmp_path: Path, packing: bool) -> None:
    data = toys.toy("copy", rows=36, validation=0)
    plan = plan_of(bases["qwen3"], packing=packing, epochs=1.0, batch_size=1, gradient_accumulation=1, max_length=48)
    result = tune(plan, tmp_path / "out", dataset=data)
    rows = list(Encoder(plan, toys.tokenizer())(data.rows("train"), "train"))
    assert result.tokens == sum(len(row.ids) for row in rows)
    assert result.trained_tokens == sum(len(row.ids) - row.start for row in rows)
    assert result.steps == 36 if not packing else result.steps < 20
    assert result.evaluation == {}
    assert result.best_step is None


def test_a_stop_while_tokenising_ends_at_once(bases: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(Cancelled, match="tokenised"):
        tune(plan_of(bases["qwen3"]), tmp_path / "out", dataset=toys.toy("copy"), should_stop=lambda: True)


def test_rows_left_out_are_told(bases: dict[str, Path], tmp_path: Path) -> None:
    data = toys.toy("copy")
    data.splits["train"][0]["messages"][0]["content"] = "good " * 50
    result = tune(plan_of(bases["qwen3"], max_steps=1), tmp_path / "out", dataset=data)
    assert result.notes == ("1 of 36 rows left out: longer than 40 tokens",)


@pytest.mark.parametrize(("seconds", "text"), [(4.4, "4 s"), (100, "2 min"), (7200, "2.0 h")])
def test_a_duration_reads_well(seconds: float, text: str) -> None:
    assert duration(seconds) == text
