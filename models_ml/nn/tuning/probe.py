"""What a model and a device can do, found out by trying: half precision, causality, exact packing."""

from __future__ import annotations

import os
from typing import Any

import torch
from transformers.models.auto.modeling_auto import MODEL_FOR_MASKED_LM_MAPPING_NAMES

from models_ml.nn.tuning.methods import METHODS
from models_ml.nn.tuning.plan import GENERATING, TuningError, TuningPlan

_TOLERANCE = 2e-3  # of logits in single precision
_FIRST, _SECOND = 7, 6  # lengths of the two examples tried


def device_has_bf16() -> bool:
    """Whether half precision runs natively: on a GPU that has it, or a CPU with bf16 instructions."""
    if torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported())
    return bool(torch.cpu._is_avx512_bf16_supported())  # noqa: SLF001 - torch offers no public name for it


def uses_bf16(plan: TuningPlan) -> bool:
    """Whether the plan trains in bf16 here. Raises TuningError where it asks for what the device lacks."""
    if plan.precision == "bf16" and not device_has_bf16():
        raise TuningError("precision", "is bf16, which this device does not have; use auto or fp32")
    return plan.precision == "bf16" or (plan.precision == "auto" and device_has_bf16())


def is_causal(model: Any, plan: TuningPlan) -> bool:
    """Whether each position sees only those before it. Encoders are told by having a masked head in the library."""
    return plan.objective in GENERATING or model.config.model_type not in MODEL_FOR_MASKED_LM_MAPPING_NAMES


def packs_exactly(model: Any, plan: TuningPlan) -> bool:
    """Whether two examples in one bin get the logits that they get apart, by position ids alone.

    Fails for methods with virtual tokens, recurrent models (their state runs on) and models without position ids.
    """
    if not METHODS[plan.method].exact_bins:
        return False
    ids = torch.arange(_FIRST + _SECOND).reshape(1, -1) % model.get_input_embeddings().num_embeddings
    places = torch.cat([torch.arange(_FIRST), torch.arange(_SECOND)]).reshape(1, -1)
    training = model.training
    model.eval()
    try:
        with torch.no_grad():
            packed = model(input_ids=ids, position_ids=places, use_cache=False).logits
            apart = [model(input_ids=part, use_cache=False).logits for part in (ids[:, :_FIRST], ids[:, _FIRST:])]
    except (TypeError, ValueError):
        return False
    finally:
        model.train(training)
    return bool((packed.float() - torch.cat(apart, dim=1).float()).abs().max() < _TOLERANCE)


def weight_type(plan: TuningPlan, *, bf16: bool) -> torch.dtype:
    """In which type the base is held: half precision on a GPU where low-rank factors alone are trained."""
    frozen = plan.method in ("lora", "dora", "adalora")
    return torch.bfloat16 if bf16 and frozen and torch.cuda.is_available() else torch.float32


def world_size() -> int:
    """Processes that train together (accelerate, torchrun)."""
    return max(1, int(os.environ.get("WORLD_SIZE", "1")))
