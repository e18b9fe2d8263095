"""A plan: what it accepts, what it refuses and by which field, and the defaults of the methods."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from models_ml.nn.tuning import methods
from models_ml.nn.tuning.plan import METHODS, OBJECTIVES, TASKS, TuningError, TuningPlan, TuningResult

ROOT = Path(__file__).resolve().parents[4]


def test_json_and_back_is_the_same_plan() -> None:
    plan = TuningPlan("base", "data", objective="classify", method="dora", rank=4, target_modules=("q_proj", "v_proj"))
    assert TuningPlan.from_json(plan.to_json()) == plan
    assert TuningPlan.from_json('{"base": "b", "dataset": "d", "seed": 3}') == TuningPlan("b", "d", seed=3)


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("base", {"base": " "}),
        ("dataset", {"dataset": 3}),
        ("objective", {"objective": "guess"}),
        ("method", {"method": "adapter"}),
        ("schedule", {"schedule": "step"}),
        ("precision", {"precision": "fp16"}),
        ("packing", {"packing": 1}),
        ("seed", {"seed": -1}),
        ("seed", {"seed": True}),
        ("epochs", {"epochs": 0}),
        ("epochs", {"epochs": float("nan")}),
        ("max_steps", {"max_steps": 0}),
        ("batch_size", {"batch_size": 2.0}),
        ("learning_rate", {"learning_rate": "fast"}),
        ("learning_rate", {"learning_rate": 11}),
        ("warmup_share", {"warmup_share": 1.5}),
        ("dropout", {"dropout": 1.0}),
        ("rank", {"rank": 0}),
        ("mask_share", {"mask_share": 0}),
        ("revision", {"revision": ""}),
        ("target_modules", {"target_modules": "q_proj"}),
        ("target_modules", {"target_modules": []}),
        ("target_modules", {"target_modules": ["q_proj"], "method": "full"}),
        ("gradient_checkpointing", {"method": "prefix", "gradient_checkpointing": True}),
        ("method", {"method": "prompt", "objective": "masked"}),
        ("desirable_weight", {"objective": "kto", "desirable_weight": 0, "undesirable_weight": 0}),
    ],
)
def test_a_bad_field_is_refused_by_its_name(field: str, changes: dict[str, Any]) -> None:
    with pytest.raises(TuningError) as caught:
        TuningPlan.from_json({"base": "b", "dataset": "d", **changes})
    assert caught.value.field == field
    assert str(caught.value).startswith(f"{field}: ")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{", "plan: is not readable JSON"),
        ("[]", "plan: must be a JSON object"),
        ('{"base": "b"}', "dataset: is missing"),
        ('{"base": "b", "dataset": "d", "lr": 1}', "lr: is no field of a tuning plan"),
    ],
)
def test_text_that_is_no_plan_is_refused(text: str, sentence: str) -> None:
    with pytest.raises(TuningError, match=sentence):
        TuningPlan.from_json(text)


def test_every_objective_has_a_task_and_a_step_has_rows() -> None:
    assert set(TASKS) == set(OBJECTIVES)
    assert TuningPlan("b", "d", objective="score_pairs").task == "pairs"
    assert TuningPlan("b", "d", batch_size=4, gradient_accumulation=3).rows_a_step == 12


def test_a_result_survives_json() -> None:
    result = TuningResult(3, 1.5, {"loss": 1.0}, 10, 2.0, {"a": "b"}, best_step=2, notes=("cut",))
    assert TuningResult.from_json(result.to_json()) == result


def test_every_method_has_defaults_with_a_source() -> None:
    assert tuple(methods.METHODS) == METHODS
    for method in methods.METHODS.values():
        assert "arXiv" in method.source, method.name
        assert 1e-6 < method.learning_rate <= 1e-2


def test_low_rank_methods_learn_ten_times_as_fast_as_full_tuning() -> None:
    rate = {name: method.learning_rate for name, method in methods.METHODS.items()}
    assert rate["full"] == 1e-5
    assert 1e-4 <= rate["lora"] <= 2e-4
    assert 1e-4 <= rate["dora"] <= 2e-4
    assert min(rate["prefix"], rate["prompt"], rate["ia3"], rate["adalora"]) >= 1e-3


def test_open_fields_are_decided_by_the_method() -> None:
    lora = methods.settings_of(TuningPlan("b", "d"))
    assert (lora.learning_rate, lora.rank, lora.alpha, lora.dropout) == (2e-4, 16, 16.0, 0.05)
    assert methods.settings_of(TuningPlan("b", "d", rank=64)).alpha == 64.0
    own = methods.settings_of(TuningPlan("b", "d", rank=64, alpha=8, dropout=0, learning_rate=1e-3))
    assert (own.learning_rate, own.rank, own.alpha, own.dropout) == (1e-3, 64, 8, 0)
    assert methods.settings_of(TuningPlan("b", "d", method="prefix")).virtual_tokens == 50
    assert methods.settings_of(TuningPlan("b", "d", method="bottleneck")).rank is None


def test_a_plan_and_its_methods_bring_no_torch() -> None:
    code = "import sys, models_ml.nn.tuning.methods, models_ml.nn.tuning.plan; print('torch' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "False"
