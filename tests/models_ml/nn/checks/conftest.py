"""A few briefs in both languages, and LoRA adapters on the tiny model."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model

from models_ml.brief import Audience, Brief, Offer, Product
from models_ml.nn.loading import LoadedModel, load

MakeAdapter = Callable[[float], Path]


def put_on(model: Any, config: Any) -> Any:
    """`get_peft_model`, which asks transformers for a name that is to go."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*gradient_checkpointing.* is deprecated", category=FutureWarning)
        return get_peft_model(model, config)


@pytest.fixture
def briefs() -> list[Brief]:
    return [
        Brief("en", "email", Product("Oak Lamp", "lamps", {"material": "oak wood"}), offer=Offer("percent", "20%")),
        Brief("zh", "push", Product("橡木台灯", "灯具", {"material": "橡木"}), audience=Audience("students")),
    ]


@pytest.fixture(scope="session")
def make_adapter(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> MakeAdapter:
    """Make a LoRA folder on the tiny model, with weights of the given size."""

    def make(size: float) -> Path:
        folder = tmp_path_factory.mktemp("adapter")
        base = load(tiny_folder).model
        config = LoraConfig(r=4, target_modules=["q_proj", "v_proj", "down_proj"], task_type="CAUSAL_LM")
        adapted = put_on(base, config)
        generator = torch.Generator().manual_seed(5)
        with torch.no_grad():
            for name, parameter in adapted.named_parameters():
                if "lora_" in name:
                    parameter.copy_(size * torch.randn(parameter.shape, generator=generator))
        adapted.save_pretrained(str(folder))
        return folder

    return make


@pytest.fixture(scope="session")
def tuned(make_adapter: MakeAdapter) -> LoadedModel:
    """The tiny model with a strong random adapter: it must know less than its base."""
    return load(make_adapter(0.5))
