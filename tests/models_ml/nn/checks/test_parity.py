"""Adapters give the same output loaded, merged and swapped; one that does not is found."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import (
    AdaLoraConfig,
    IA3Config,
    LoraConfig,
    PrefixTuningConfig,
    PromptTuningConfig,
)

from models_ml.nn.artifacts import ModelFolderError
from models_ml.nn.checks import adapter_parity
from models_ml.nn.checks.parity import TOLERANCES
from models_ml.nn.loading import load
from models_ml.nn.tuning.bottleneck import add_bottleneck, save_bottleneck
from models_ml.nn.tuning.plan import TuningPlan
from tests.models_ml.nn.checks.conftest import put_on

TARGETS = ["q_proj", "v_proj", "down_proj"]
CONFIGS: dict[str, Callable[[], Any]] = {
    "lora": lambda: LoraConfig(r=4, target_modules=TARGETS, task_type="CAUSAL_LM", use_rslora=True),
    "dora": lambda: LoraConfig(r=4, target_modules=TARGETS, task_type="CAUSAL_LM", use_dora=True),
    "adalora": lambda: AdaLoraConfig(
        init_r=4, target_r=2, target_modules=TARGETS, task_type="CAUSAL_LM", total_step=10
    ),
    "ia3": lambda: IA3Config(target_modules=TARGETS, feedforward_modules=["down_proj"], task_type="CAUSAL_LM"),
    "prefix": lambda: PrefixTuningConfig(num_virtual_tokens=3, task_type="CAUSAL_LM"),
    "prompt": lambda: PromptTuningConfig(num_virtual_tokens=3, task_type="CAUSAL_LM"),
}


def _noise(model: Any, *, size: float = 0.3) -> None:
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.add_(size * torch.randn(parameter.shape, generator=generator).to(parameter))


def _saved(tiny_folder: Path, folder: Path, kind: str) -> Path:
    adapted = put_on(load(tiny_folder).model, CONFIGS[kind]())
    _noise(adapted)
    adapted.save_pretrained(str(folder))
    return folder


@pytest.mark.parametrize("kind", list(CONFIGS))
def test_a_sound_adapter_is_the_same_everywhere(tiny_folder: Path, tmp_path: Path, kind: str) -> None:
    folder = _saved(tiny_folder, tmp_path / "adapter", kind)
    found = adapter_parity(lambda: load(tiny_folder).model, folder)
    assert found.same
    assert found.effect > 100 * found.tolerance
    assert found.dtype == "float32"
    assert (found.merge is None) == (kind in ("prefix", "prompt"))
    assert found.reload == 0.0
    assert json.loads(json.dumps(found.to_json()))["same"] is True


def test_a_bottleneck_adapter(tiny_folder: Path, tmp_path: Path) -> None:
    plan = TuningPlan(objective="causal", method="bottleneck", base=str(tiny_folder), dataset="none", rank=4)
    model = add_bottleneck(load(tiny_folder).model, plan)
    _noise(model)
    save_bottleneck(model, tmp_path / "adapter")
    found = adapter_parity(lambda: load(tiny_folder).model, tmp_path / "adapter")
    assert found.kind == "bottleneck"
    assert found.same
    assert found.merge is None
    assert found.effect > 100 * found.tolerance


def test_in_half_precision(tiny_folder: Path, tmp_path: Path) -> None:
    folder = _saved(tiny_folder, tmp_path / "adapter", "lora")

    def base() -> Any:
        model: Any = load(tiny_folder).model
        return model.to(torch.bfloat16)

    found = adapter_parity(base, folder)
    assert found.tolerance == TOLERANCES[torch.bfloat16]
    assert found.same
    assert found.merge is not None
    assert found.merge > TOLERANCES[torch.float32]


def test_a_base_that_differs_between_loads_is_found(tiny_folder: Path, tmp_path: Path) -> None:
    folder = _saved(tiny_folder, tmp_path / "adapter", "lora")
    loads = iter(range(9))

    def base() -> Any:
        model: Any = load(tiny_folder).model
        with torch.no_grad():
            model.get_input_embeddings().weight.mul_(1.0 + 0.1 * next(loads))
        return model

    found = adapter_parity(base, folder)
    assert not found.same
    assert found.reload > found.tolerance
    assert found.swap <= found.tolerance


def test_a_number_that_is_none_is_not_the_same(tiny_folder: Path, tmp_path: Path) -> None:
    found = adapter_parity(lambda: load(tiny_folder).model, _saved(tiny_folder, tmp_path / "adapter", "lora"))
    assert not replace(found, merge=float("nan")).same
    assert not replace(found, off=1.0).same
    assert replace(found, merge=None).same


def test_a_folder_without_adapter_is_refused(tiny_folder: Path, tmp_path: Path) -> None:
    tmp_path.joinpath("adapter_config.json").write_text("{}", encoding="utf-8")
    with pytest.raises(ModelFolderError, match="cannot be put on its base"):
        adapter_parity(lambda: load(tiny_folder).model, tmp_path)


def test_an_adapter_of_another_shape_is_refused(tiny_folder: Path, shipped: Any, tmp_path: Path) -> None:
    folder = _saved(tiny_folder, tmp_path / "adapter", "lora")
    with pytest.raises(ModelFolderError, match="cannot be put on its base"):
        adapter_parity(lambda: shipped.model, folder)
