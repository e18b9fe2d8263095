"""Bottleneck adapters in six architectures: where they go, identity at the start, training, saving, wrong bases."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers as hf
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from transformers import PreTrainedModel

from models_ml.nn.artifacts import ModelFolderError, file_hashes, write_json
from models_ml.nn.tuning.bottleneck import (
    CONFIGURATION,
    WEIGHTS,
    Bottleneck,
    Placement,
    add_bottleneck,
    bottleneck_config,
    bottleneck_off,
    is_bottleneck,
    load_bottleneck,
    read_bottleneck,
    save_bottleneck,
)
from models_ml.nn.tuning.bottleneck_sites import sites
from models_ml.nn.tuning.plan import TuningPlan

_SMALL: dict[str, Any] = {
    "vocab_size": 61,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 48,
}


def _qwen(**other: Any) -> PreTrainedModel:
    return hf.Qwen3ForCausalLM(hf.Qwen3Config(**{**_SMALL, "num_key_value_heads": 1, "head_dim": 16, **other}))


def _bert() -> PreTrainedModel:
    return hf.BertForMaskedLM(hf.BertConfig(**_SMALL, max_position_embeddings=64))


def _gpt2() -> PreTrainedModel:
    return hf.GPT2LMHeadModel(hf.GPT2Config(vocab_size=61, n_embd=32, n_layer=2, n_head=2, n_positions=64))


def _opt() -> PreTrainedModel:
    return hf.OPTForCausalLM(
        hf.OPTConfig(
            vocab_size=61,
            hidden_size=32,
            num_hidden_layers=2,
            num_attention_heads=2,
            ffn_dim=48,
            word_embed_proj_dim=32,
        )
    )


def _neox() -> PreTrainedModel:
    return hf.GPTNeoXForCausalLM(hf.GPTNeoXConfig(**_SMALL, max_position_embeddings=64))


def _mixture() -> PreTrainedModel:
    return hf.Qwen3MoeForCausalLM(
        hf.Qwen3MoeConfig(
            **_SMALL, num_key_value_heads=1, moe_intermediate_size=16, num_experts=4, num_experts_per_tok=2
        )
    )


ARCHITECTURES: dict[str, tuple[Callable[[], PreTrainedModel], str, str]] = {
    "qwen3": (_qwen, "model.layers.0.self_attn.o_proj", "model.layers.0.mlp.down_proj"),
    "bert": (_bert, "bert.encoder.layer.0.attention.output.dense", "bert.encoder.layer.0.output.dense"),
    "gpt2": (_gpt2, "transformer.h.0.attn.c_proj", "transformer.h.0.mlp.c_proj"),
    "opt": (_opt, "model.decoder.layers.0.self_attn.out_proj", "model.decoder.layers.0.fc2"),
    "gpt_neox": (_neox, "gpt_neox.layers.0.attention.dense", "gpt_neox.layers.0.mlp.dense_4h_to_h"),
    "qwen3_moe": (_mixture, "model.layers.0.self_attn.o_proj", "model.layers.0.mlp"),
}
PLACEMENTS: tuple[Placement, Placement] = ("mlp", "attention_and_mlp")


def _plan(**other: Any) -> TuningPlan:
    return TuningPlan(**{"base": "no-such-folder", "dataset": "rows", "method": "bottleneck", "rank": 4, **other})


def _seeded(build: Callable[[], PreTrainedModel]) -> PreTrainedModel:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        model = build()
    model.train(mode=False)
    return model


def _ids(rows: int = 2, length: int = 9, seed: int = 0) -> torch.Tensor:
    return torch.randint(3, 60, (rows, length), generator=torch.Generator().manual_seed(seed))


def _logits(model: PreTrainedModel) -> torch.Tensor:
    with torch.no_grad():
        logits: torch.Tensor = model(input_ids=_ids()).logits
    return logits


def _stir(model: PreTrainedModel, seed: int = 1) -> PreTrainedModel:
    """Move every adapter away from the identity, as training would."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, Bottleneck):
                module.up.weight.normal_(0.0, 0.3, generator=generator)
    return model


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_places_are_the_projections_back_to_the_hidden_size(name: str) -> None:
    build, attention, mlp = ARCHITECTURES[name]
    model = build()
    names = {module: path for path, module in model.named_modules()}
    found = sites(model, attention=True)
    assert [site.kind for site in found] == ["attention", "mlp"] * 2
    assert [names[site.target] for site in found[:2]] == [attention, mlp]
    assert [names[site.target] for site in sites(model, attention=False)] == [mlp, mlp.replace(".0.", ".1.")]


@pytest.mark.parametrize("placement", PLACEMENTS)
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_a_fresh_adapter_changes_nothing_and_a_trained_one_comes_back(
    name: str, placement: Placement, tmp_path: Path
) -> None:
    build = ARCHITECTURES[name][0]
    base = _logits(_seeded(build))
    model = add_bottleneck(_seeded(build), _plan(), placement=placement)
    assert torch.equal(_logits(model), base)
    trained = _logits(_stir(model))
    assert (trained - base).abs().max() > 1e-3
    with bottleneck_off(model):
        assert torch.equal(_logits(model), base)
    assert torch.equal(_logits(model), trained)
    save_bottleneck(model, tmp_path)
    assert torch.equal(_logits(load_bottleneck(_seeded(build), tmp_path)), trained)


def test_only_adapters_train_and_the_base_stays(tmp_path: Path) -> None:
    model = add_bottleneck(_seeded(_qwen), _plan(rank=4), placement="attention_and_mlp")
    trainable = {name for name, tensor in model.named_parameters() if tensor.requires_grad}
    assert len(trainable) == 2 * 2 * 4
    assert all(".bottleneck_" in name for name in trainable)
    assert sum(tensor.numel() for tensor in model.parameters() if tensor.requires_grad) == 4 * (2 * 32 * 4 + 4 + 32)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    optimiser = torch.optim.AdamW([tensor for tensor in model.parameters() if tensor.requires_grad], lr=1e-2)
    losses = []
    for _ in range(30):
        loss = model(input_ids=_ids(), labels=_ids()).loss
        loss.backward()
        optimiser.step()
        optimiser.zero_grad()
        losses.append(loss.item())
    assert losses[-1] < losses[0] - 0.1
    changed = {name for name, tensor in model.state_dict().items() if not torch.equal(tensor, before[name])}
    assert changed == trainable


def test_the_default_width_is_a_sixteenth_of_the_hidden_size() -> None:
    model = add_bottleneck(_qwen(), _plan(rank=None, dropout=0.1))
    config = bottleneck_config(model)
    assert config is not None
    assert (config.width, config.dropout, config.placement, config.layers) == (2, 0.1, "mlp", 2)
    assert bottleneck_config(_qwen()) is None


def test_seeds_decide_the_start() -> None:
    one, same, other = (add_bottleneck(_qwen(), _plan(seed=seed)).state_dict() for seed in (1, 1, 2))
    name = "model.layers.1.bottleneck_mlp.down.weight"
    assert torch.equal(one[name], same[name])
    assert not torch.equal(one[name], other[name])


@pytest.mark.parametrize("placement", PLACEMENTS)
def test_gradient_checkpointing_gives_the_same_gradients(placement: Placement) -> None:
    model = _stir(add_bottleneck(_seeded(_qwen), _plan(), placement=placement)).train()
    plain = _gradients(model)
    model.activation_checkpointing_enable()
    again = _gradients(model)
    assert plain.keys() == again.keys()
    for name, tensor in plain.items():
        assert tensor.abs().max() > 0
        torch.testing.assert_close(again[name], tensor, msg=name)


def _gradients(model: PreTrainedModel) -> dict[str, torch.Tensor]:
    model.zero_grad()
    model(input_ids=_ids(), labels=_ids()).loss.backward()
    return {name: tensor.grad.clone() for name, tensor in model.named_parameters() if tensor.grad is not None}


def test_generating_with_the_cache_equals_generating_without() -> None:
    model: Any = _stir(add_bottleneck(_seeded(_qwen), _plan(), placement="attention_and_mlp"))
    prompt = _ids(2, 5)
    mask = torch.ones_like(prompt)
    options: dict[str, Any] = {"max_new_tokens": 8, "do_sample": False, "pad_token_id": 0, "attention_mask": mask}
    cached, plain = (model.generate(prompt, use_cache=use, **options) for use in (True, False))
    assert torch.equal(cached, plain)
    with bottleneck_off(model):
        assert not torch.equal(model.generate(prompt, use_cache=True, **options), cached)


def test_a_copy_of_the_model_has_adapters_of_its_own() -> None:
    model = add_bottleneck(_seeded(_qwen), _plan())
    other = _stir(copy.deepcopy(model))
    assert torch.equal(_logits(model), _logits(_seeded(_qwen)))
    assert not torch.equal(_logits(other), _logits(model))


def test_a_head_can_be_trained_and_saved_beside_them(tmp_path: Path) -> None:
    config = hf.BertConfig(**{**_SMALL, "num_labels": 3})
    model: Any = add_bottleneck(hf.BertForSequenceClassification(config), _plan(), modules_to_save=["classifier"])
    trainable = {name for name, tensor in model.named_parameters() if tensor.requires_grad}
    assert {"classifier.weight", "classifier.bias"} < trainable
    with torch.no_grad():
        model.classifier.weight.fill_(0.5)
    save_bottleneck(model, tmp_path)
    fresh: Any = load_bottleneck(hf.BertForSequenceClassification(config), tmp_path)
    assert torch.equal(fresh.classifier.weight, torch.full((3, 32), 0.5))


def test_the_folder_says_what_it_is(tmp_path: Path) -> None:
    base = tmp_path / "base"
    model = _seeded(_qwen)
    model.save_pretrained(base)
    adapter = tmp_path / "adapter"
    written = save_bottleneck(add_bottleneck(model, _plan(base=str(base))), adapter)
    assert read_bottleneck(adapter) == written
    assert written.base_model_name_or_path == str(base)
    assert len(written.base_hash) == 64
    assert is_bottleneck(adapter)
    assert not is_bottleneck(base)
    assert sorted(path.name for path in adapter.iterdir()) == [CONFIGURATION, WEIGHTS]
    names = set(load_file(adapter / WEIGHTS))
    assert names == {
        f"model.layers.{layer}.bottleneck_mlp.{part}.{kind}"
        for layer in (0, 1)
        for part in ("down", "up")
        for kind in ("weight", "bias")
    }
    loaded = hf.AutoModelForCausalLM.from_pretrained(base)
    assert torch.equal(_logits(load_bottleneck(loaded, adapter)), _logits(model))


@pytest.mark.parametrize(
    ("build", "sentence"),
    [
        (_bert, "a base with architecture qwen3, but this model's is bert"),
        (lambda: _qwen(hidden_size=64), "a base with hidden_size 32, but this model's is 64"),
        (lambda: _qwen(num_hidden_layers=3), "a base with layers 2, but this model's is 3"),
    ],
)
def test_another_base_is_refused_and_left_alone(
    build: Callable[[], PreTrainedModel], sentence: str, tmp_path: Path
) -> None:
    save_bottleneck(add_bottleneck(_qwen(), _plan()), tmp_path)
    model = build()
    with pytest.raises(ModelFolderError, match=sentence):
        load_bottleneck(model, tmp_path)
    assert bottleneck_config(model) is None
    assert not any(isinstance(module, Bottleneck) for module in model.modules())


def test_the_same_shape_with_other_weights_is_refused(tmp_path: Path) -> None:
    base = tmp_path / "base"
    _seeded(_qwen).save_pretrained(base)
    adapter = tmp_path / "adapter"
    save_bottleneck(add_bottleneck(hf.AutoModelForCausalLM.from_pretrained(base), _plan(base=str(base))), adapter)
    with pytest.raises(ModelFolderError, match="but this base has hash ffff"):
        load_bottleneck(_qwen(), adapter, base_hash="f" * 64)
    assert load_bottleneck(_qwen(), adapter) is not None  # a base of unknown origin has only its shape to show


def test_a_changed_adapter_is_refused(tmp_path: Path) -> None:
    save_bottleneck(add_bottleneck(_qwen(), _plan()), tmp_path)
    write_json(tmp_path / "training.json", {"files": file_hashes(tmp_path)})
    load_bottleneck(_qwen(), tmp_path)
    tensors = load_file(tmp_path / WEIGHTS)
    save_file({name: tensor + 1 for name, tensor in tensors.items()}, tmp_path / WEIGHTS)
    with pytest.raises(ModelFolderError, match="is not the file that was trained"):
        load_bottleneck(_qwen(), tmp_path)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"width": 5}, "has shape .4, 32., the model needs .5, 32."),
        ({"placement": "attention_and_mlp"}, "bottleneck_attention.* is in one of them only"),
        ({"placement": "before"}, "placement is 'before'; known: mlp, attention_and_mlp"),
        ({"activation": "tanh"}, "activation is 'tanh'; known: relu, gelu, silu"),
        ({"width": "4"}, "width must be a whole number above 0"),
        ({"dropout": 1.0}, "dropout must be at least 0 and below 1"),
        ({"version": 2}, "version is 2; this program reads version 1"),
        ({"adapter_type": "LORA"}, "does not describe a bottleneck adapter"),
        ({"base_hash": None}, "the field base_hash is missing"),
    ],
)
def test_a_configuration_that_does_not_fit_is_refused(change: dict[str, Any], sentence: str, tmp_path: Path) -> None:
    save_bottleneck(add_bottleneck(_qwen(), _plan()), tmp_path)
    path = tmp_path / CONFIGURATION
    data = {**json.loads(path.read_text()), **change}
    path.write_text(json.dumps({name: value for name, value in data.items() if value is not None}))
    with pytest.raises(ModelFolderError, match=sentence):
        load_bottleneck(_qwen(), tmp_path)


@pytest.mark.parametrize("content", [b"", b"not safetensors at all", b"\x80\x04pickle"])
def test_foreign_weights_are_refused(content: bytes, tmp_path: Path) -> None:
    save_bottleneck(add_bottleneck(_qwen(), _plan()), tmp_path)
    (tmp_path / WEIGHTS).write_bytes(content)
    with pytest.raises(ModelFolderError, match="is not a readable safetensors file"):
        load_bottleneck(_qwen(), tmp_path)


def test_what_cannot_be_adapted_is_said(tmp_path: Path) -> None:
    model = add_bottleneck(_qwen(), _plan())
    with pytest.raises(ModelFolderError, match="has bottleneck adapters already"):
        add_bottleneck(model, _plan())
    with pytest.raises(ModelFolderError, match="no bottleneck adapters to save"):
        save_bottleneck(_qwen(), tmp_path / "new")
    assert not (tmp_path / "new").exists()
    with pytest.raises(ModelFolderError, match="T5ForConditionalGeneration is an encoder-decoder"):
        add_bottleneck(
            hf.T5ForConditionalGeneration(
                hf.T5Config(vocab_size=61, d_model=32, d_kv=16, d_ff=48, num_layers=1, num_heads=2)
            ),
            _plan(),
        )
    mamba = hf.MambaForCausalLM(hf.MambaConfig(vocab_size=61, hidden_size=32, num_hidden_layers=1, state_size=4))
    with pytest.raises(ModelFolderError, match="MambaForCausalLM has no list of layers with attention and MLP"):
        add_bottleneck(mamba, _plan())
    assert all(tensor.requires_grad for tensor in mamba.parameters())


@settings(max_examples=25, deadline=None)
@given(
    hidden=st.integers(1, 40),
    width=st.integers(1, 9),
    activation=st.sampled_from(["relu", "gelu", "silu"]),
    shape=st.lists(st.integers(1, 4), min_size=0, max_size=3),
)
def test_a_fresh_adapter_is_the_identity_for_any_shape(
    hidden: int, width: int, activation: str, shape: list[int]
) -> None:
    states = torch.randn(*shape, hidden, generator=torch.Generator().manual_seed(hidden))
    assert torch.equal(Bottleneck(hidden, width, activation=activation)(states), states)
