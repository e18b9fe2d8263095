"""The quick paths equal the plain ones: packing, the picked output layer, accumulation, checkpointing, masks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoModelForMaskedLM

from models_ml.nn.tuning.bases import Base, find_base, open_model, open_tokenizer
from models_ml.nn.tuning.batches import Collator, mask
from models_ml.nn.tuning.losses import token_loss
from models_ml.nn.tuning.packing import Bin, Order
from models_ml.nn.tuning.plan import TuningPlan
from models_ml.nn.tuning.probe import packs_exactly
from models_ml.nn.tuning.rows import Encoder
from models_ml.nn.tuning.store import TokenStore, token_store
from tests.models_ml.nn.tuning import toys


def plan_for(base: Path, objective: str = "supervised", **changes: Any) -> TuningPlan:
    return TuningPlan(**{"base": str(base), "dataset": "toy", "objective": objective, "max_length": 48, **changes})


def opened(base: Path, plan: TuningPlan, folder: Path) -> tuple[Any, TokenStore, Base]:
    found = find_base(plan)
    tokenizer = open_tokenizer(found)
    encoder = Encoder(plan, tokenizer)
    rows = toys.toy(plan.task).rows("train")
    return open_model(found, plan, tokenizer).model, token_store(folder, encoder(rows, "train"), encoder.tally), found


@pytest.mark.parametrize("kind", ["qwen3", "llama", "gpt2"])
def test_packed_logits_equal_unpacked_ones(bases: dict[str, Path], tmp_path: Path, kind: str) -> None:
    plan = plan_for(bases[kind])
    model, store, found = opened(bases[kind], plan, tmp_path / "store")
    model.eval()
    tokenizer = open_tokenizer(found)
    order = Order(store.lengths, seed=1, bins_a_step=2, capacity=48)
    bins = sorted(order.bins, key=len)[-3:]
    assert len(bins[0]) >= 2  # several examples share each bin
    assert len(bins[2]) >= 3
    packed = Collator(store, plan, tokenizer, packed=True, causal=True)(bins, epoch=0)
    with torch.no_grad():
        together = model(**packed["inputs"]).logits
        for place, one in enumerate(bins):
            start = 0
            for row in one:
                ids = torch.from_numpy(np.array(store.row(row), dtype=np.int64)).reshape(1, -1)
                alone = model(input_ids=ids).logits[0]
                torch.testing.assert_close(together[place, start : start + len(alone)], alone, atol=2e-5, rtol=2e-5)
                start += len(alone)


def test_what_stands_before_in_the_bin_changes_nothing(bases: dict[str, Path], tmp_path: Path) -> None:
    plan = plan_for(bases["qwen3"])
    model, store, found = opened(bases["qwen3"], plan, tmp_path / "store")
    collator = Collator(store, plan, open_tokenizer(found), packed=True, causal=True)
    model.eval()
    length = int(store.lengths[2])
    with torch.no_grad():
        ends = [model(**collator([bin_], epoch=0)["inputs"]).logits[0, -length:] for bin_ in ((0, 2), (1, 3, 2))]
    torch.testing.assert_close(*ends, atol=2e-5, rtol=2e-5)


def test_a_model_that_ignores_position_ids_is_not_packed(bases: dict[str, Path]) -> None:
    model = AutoModelForCausalLM.from_pretrained(str(bases["qwen3"]))
    plan = plan_for(bases["qwen3"])
    assert packs_exactly(model, plan)
    plain = model.forward
    model.forward = lambda position_ids=None, **rest: plain(**rest)
    assert not packs_exactly(model, plan)
    assert not packs_exactly(model, plan_for(bases["qwen3"], method="prefix"))


def loss_and_gradients(model: Any, batch: Any, *, plain: bool) -> tuple[float, list[torch.Tensor]]:
    model.zero_grad()
    if plain:
        logits = model(**batch["inputs"]).logits
        flat = logits.reshape(-1, logits.shape[-1])
        labels = torch.full((len(flat),), -100)
        labels[batch["index"]] = batch["targets"]
        loss = torch.nn.functional.cross_entropy(flat, labels, reduction="sum")
    else:
        loss = token_loss(model, model.get_output_embeddings(), batch).total
    torch.autograd.backward([loss])
    return float(loss.detach()), [one.grad.clone() for one in model.parameters() if one.grad is not None]


@pytest.mark.parametrize(("kind", "objective"), [("qwen3", "supervised"), ("gpt2", "causal"), ("bert", "masked")])
def test_the_picked_output_layer_gives_the_plain_loss(
    bases: dict[str, Path], tmp_path: Path, kind: str, objective: str
) -> None:
    plan = plan_for(bases[kind], objective)
    model, store, found = opened(bases[kind], plan, tmp_path / "store")
    model.eval()
    bins: list[Bin] = [(0,), (3,), (4,)]
    batch = Collator(store, plan, open_tokenizer(found), packed=False, causal=kind != "bert")(bins, epoch=0)
    assert 0 < len(batch["targets"]) < batch["inputs"]["input_ids"].numel()
    quick, quick_gradients = loss_and_gradients(model, batch, plain=False)
    slow, slow_gradients = loss_and_gradients(model, batch, plain=True)
    assert quick == pytest.approx(slow, rel=1e-6)
    for one, other in zip(quick_gradients, slow_gradients, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)


def test_the_loss_is_that_of_transformers_over_the_answer_alone(bases: dict[str, Path], tmp_path: Path) -> None:
    plan = plan_for(bases["qwen3"])
    model, store, found = opened(bases["qwen3"], plan, tmp_path / "store")
    model.eval()
    collator = Collator(store, plan, open_tokenizer(found), packed=False, causal=True)
    for row in range(3):
        ids = torch.from_numpy(np.array(store.row(row), dtype=np.int64)).reshape(1, -1)
        labels = ids.clone()
        labels[:, : int(store.starts[row])] = -100
        theirs = float(model(input_ids=ids, labels=labels).loss.detach())
        ours = token_loss(model, model.get_output_embeddings(), collator([(row,)], epoch=0))
        assert float(ours.total.detach()) / ours.count == pytest.approx(theirs, rel=1e-6)


def test_gradient_checkpointing_changes_no_gradient(bases: dict[str, Path], tmp_path: Path) -> None:
    plan = plan_for(bases["qwen3"])
    model, store, found = opened(bases["qwen3"], plan, tmp_path / "store")
    model.train()
    batch = Collator(store, plan, open_tokenizer(found), packed=False, causal=True)([(0,), (1,)], epoch=0)
    _, plain = loss_and_gradients(model, batch, plain=False)
    model.activation_checkpointing_enable(activation_checkpointing_kwargs={"use_reentrant": False})
    _, again = loss_and_gradients(model, batch, plain=False)
    for one, other in zip(plain, again, strict=True):
        torch.testing.assert_close(one, other, atol=1e-6, rtol=1e-5)


def test_masks_are_fifteen_percent_and_eighty_ten_ten() -> None:
    draw = np.random.default_rng(0)
    ids = np.concatenate([[4], np.full(20_000, 9), [5]])
    found, targets = mask(ids, draw, share=0.15, special=np.array([4, 5]), mask_id=6, vocabulary=1000)
    chosen = targets >= 0
    assert chosen.sum() == 3000
    assert not chosen[[0, -1]].any()
    assert (targets[chosen] == 9).all()
    assert (found[~chosen] == ids[~chosen]).all()
    assert (found[chosen] == 6).mean() == pytest.approx(0.8, abs=0.03)
    assert (found[chosen] == 9).mean() == pytest.approx(0.1, abs=0.02)


def test_whole_words_are_masked_together() -> None:
    words = np.array([-1, 0, 0, 0, 1, 2, 2, -1], dtype=np.int32)
    ids = np.array([4, 10, 11, 12, 13, 14, 15, 5])
    for seed in range(20):
        draw = np.random.default_rng(seed)
        _, targets = mask(ids, draw, share=0.4, special=np.array([4, 5]), mask_id=6, vocabulary=20, words=words)
        chosen = set(words[targets >= 0].tolist())
        assert len(chosen) == 1
        assert (targets >= 0).sum() == (words == chosen.pop()).sum()


def test_a_text_of_special_tokens_alone_is_left_as_it_is() -> None:
    ids = np.array([4, 5])
    found, targets = mask(ids, np.random.default_rng(0), share=0.15, special=ids, mask_id=6, vocabulary=9)
    assert found.tolist() == [4, 5]
    assert targets.tolist() == [-1, -1]


def test_masks_differ_by_epoch_and_not_by_call(bases: dict[str, Path], tmp_path: Path) -> None:
    plan = plan_for(bases["bert"], "masked")
    _, store, found = opened(bases["bert"], plan, tmp_path / "store")
    collator = Collator(store, plan, open_tokenizer(found), packed=False, causal=False)
    bins: list[Bin] = [(row,) for row in range(12)]
    first, again, later = (collator(bins, epoch=epoch)["inputs"]["input_ids"] for epoch in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, later)


def test_padding_on_the_right_needs_no_mask_for_a_causal_model(bases: dict[str, Path]) -> None:
    model: Any = AutoModelForCausalLM.from_pretrained(str(bases["gpt2"]))
    model.eval()
    short, width = torch.tensor([[9, 10, 11]]), 7
    padded = torch.nn.functional.pad(short, (0, width - 3))
    with torch.no_grad():
        torch.testing.assert_close(model(input_ids=padded).logits[:, :3], model(input_ids=short).logits)


def test_an_encoder_is_told_its_padding(bases: dict[str, Path], tmp_path: Path) -> None:
    plan = plan_for(bases["bert"], "masked")
    _, store, found = opened(bases["bert"], plan, tmp_path / "store")
    batch = Collator(store, plan, open_tokenizer(found), packed=False, causal=False)([(0,), (4,)], epoch=0)
    assert batch["inputs"]["attention_mask"].sum(1).tolist() == [int(store.lengths[0]), int(store.lengths[4])]
    model: Any = AutoModelForMaskedLM.from_pretrained(str(bases["bert"]))
    model.eval()
    length = int(store.lengths[0])
    with torch.no_grad():
        alone = model(input_ids=batch["inputs"]["input_ids"][:1, :length]).logits
        torch.testing.assert_close(model(**batch["inputs"]).logits[:1, :length], alone, atol=1e-5, rtol=1e-4)
