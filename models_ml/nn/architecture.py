"""Model shapes from scratch: Qwen3 (grouped heads, normalised queries and keys, tied embeddings), three presets."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM


@dataclass(frozen=True)
class Preset:
    """A model shape and the training that suits it. Steps are of `batch_size` examples."""

    name: str
    hidden: int
    layers: int
    heads: int
    key_value_heads: int
    intermediate: int
    vocabulary: int
    context: int
    batch_size: int
    learning_rate: float
    pretrain_steps: int
    tune_steps: int
    polish_steps: int


PRESETS = {
    preset.name: preset
    for preset in (
        Preset("tiny", 32, 2, 2, 1, 64, 768, 512, 8, 3e-3, 6, 6, 0),
        Preset("cpu", 256, 4, 8, 2, 640, 4096, 512, 16, 2e-3, 380, 4400, 2600),
        Preset("gpu", 384, 8, 6, 2, 896, 6144, 512, 128, 1.5e-3, 3000, 20000, 4000),
    )
}


def build(preset: Preset, tokenizer: PreTrainedTokenizerFast, *, seed: int) -> Qwen3ForCausalLM:
    """A model of the preset's shape with fresh weights drawn from `seed`."""
    config = Qwen3Config(
        vocab_size=len(tokenizer),
        hidden_size=preset.hidden,
        num_hidden_layers=preset.layers,
        num_attention_heads=preset.heads,
        num_key_value_heads=preset.key_value_heads,
        head_dim=preset.hidden // preset.heads,
        intermediate_size=preset.intermediate,
        max_position_embeddings=preset.context,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Qwen3ForCausalLM(config)


def parameter_count(model: torch.nn.Module) -> int:
    """Parameters, tied ones once."""
    return sum(parameter.numel() for parameter in model.parameters())
