"""Finds, by structure alone, where adapters go in a transformer: after which module of which layer.

A layer list is a list of equal blocks, each with an attention and an MLP, under one of the names transformers gives
them. Within a sublayer the place is its projection back to the hidden size: the last linear map whose output has that
size, in the order of definition (`o_proj`, `down_proj`, `output.dense`, `c_proj`, `fc2`, `Wo`). In encoders that
normalise after the sum (BERT) that lies before skip connection and layer norm, as in Houlsby et al. A mixture of
experts has no single projection, so there the MLP's own output is the place.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from torch import nn
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from models_ml.nn.artifacts import ModelFolderError

Kind = Literal["attention", "mlp"]

_LISTS = ("layers", "layer", "h", "blocks", "block")
_ATTENTION = ("self_attn", "attn", "attention", "self_attention")
_MLP = ("mlp", "ffn", "feed_forward", "output", "fc2")  # BERT's MLP ends in "output", OPT's in "fc2"
_EXPERTS = ("experts", "router")


@dataclass(frozen=True)
class Site:
    """An adapter of this kind belongs to `layer` and works on the output of `target`."""

    kind: Kind
    layer: nn.Module
    target: nn.Module


def hidden_size(model: PreTrainedModel) -> int:
    """Width of the residual stream."""
    return int(model.config.get_text_config().hidden_size)


def sites(model: PreTrainedModel, *, attention: bool) -> list[Site]:
    """The places in order of the layers. Raises ModelFolderError where the model is of no known structure."""
    if getattr(model.config, "is_encoder_decoder", False):
        raise ModelFolderError(f"{_name(model)} is an encoder-decoder; bottleneck adapters take encoders or decoders")
    width = hidden_size(model)
    found: list[Site] = []
    for layer in _layers(model):
        if attention:
            found.append(Site("attention", layer, _target(layer, _ATTENTION, width, model)))
        found.append(Site("mlp", layer, _target(layer, _MLP, width, model)))
    return found


def _layers(model: PreTrainedModel) -> list[nn.Module]:
    for name, module in model.named_modules():
        if isinstance(module, nn.ModuleList) and name.rsplit(".", 1)[-1] in _LISTS and _is_stack(module):
            return list(module)
    raise ModelFolderError(f"{_name(model)} has no list of layers with attention and MLP that adapters could follow")


def _is_stack(modules: nn.ModuleList) -> bool:
    return len(modules) > 0 and all(_child(module, _ATTENTION) and _child(module, _MLP) for module in modules)


def _child(layer: nn.Module, names: tuple[str, ...]) -> nn.Module | None:
    children = dict(layer.named_children())
    return next((children[name] for name in names if name in children), None)


def _target(layer: nn.Module, names: tuple[str, ...], width: int, model: PreTrainedModel) -> nn.Module:
    sublayer = _child(layer, names)
    if sublayer is None:
        raise ModelFolderError(f"{_name(model)}: a layer has none of {', '.join(names)}")
    if any(part in _EXPERTS for name, _ in sublayer.named_modules() for part in name.split(".")):
        return sublayer
    projections = [module for module in _linear(sublayer) if _outputs(module) == width]
    return projections[-1] if projections else sublayer


def _linear(module: nn.Module) -> Iterator[nn.Linear | Conv1D]:
    return (part for part in module.modules() if isinstance(part, nn.Linear | Conv1D))


def _outputs(module: nn.Linear | Conv1D) -> int:
    return int(module.out_features if isinstance(module, nn.Linear) else module.nf)


def _name(model: PreTrainedModel) -> str:
    return type(model).__name__
