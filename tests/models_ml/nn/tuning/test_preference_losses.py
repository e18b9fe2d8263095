"""The losses of DPO and KTO against TRL's own, loss and gradient on the same batch; weights; partners; divergence."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import peft
import pytest
import torch
from datasets import Dataset
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoModelForCausalLM

from models_ml.nn.tuning.batches import EVALUATION_EPOCH
from models_ml.nn.tuning.plan import TuningPlan
from models_ml.nn.tuning.preference_evaluate import adapter_off, pair_batches, pair_figures
from models_ml.nn.tuning.preference_losses import (
    Answers,
    answer_log_probs,
    baseline_of,
    divisor,
    dpo_losses,
    kto_losses,
    pair_losses,
    preference_loss,
    token_divergence,
)
from models_ml.nn.tuning.preference_rows import PairCollator, Reference, mean_weight, pair_rows, partners_of
from models_ml.nn.tuning.rows import Tally
from models_ml.nn.tuning.store import TokenStore, token_store
from tests.models_ml.nn.tuning.toys import save_base, tokenizer, toy

PAIRS = 6
# PEFT and TRL still call transformers by names that it is going to drop.
pytestmark = pytest.mark.filterwarnings("ignore:.*gradient_checkpointing.* is deprecated:FutureWarning")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_base(tmp_path_factory.mktemp("base"))


@pytest.fixture
def policy(base: Path) -> Any:
    """A fresh LoRA model, still its base."""
    model: Any = peft.get_peft_model(
        AutoModelForCausalLM.from_pretrained(base),
        peft.LoraConfig(r=4, target_modules=["q_proj", "v_proj", "down_proj"], task_type="CAUSAL_LM"),
    )
    return model


def _stir(policy: Any) -> None:
    """Take it some way off its base. TRL makes its reference of the adapter it is given, so only after that."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, tensor in policy.named_parameters():
            if "lora_B.default" in name:
                tensor.normal_(0.0, 0.2, generator=generator)


def _plan(objective: str, base: Path, **other: Any) -> TuningPlan:
    return TuningPlan(base=str(base), dataset="pairs", objective=objective, beta=0.3, max_length=64, **other)


def _store(plan: TuningPlan, folder: Path, rows: list[dict[str, Any]]) -> TokenStore:
    tally = Tally()
    return token_store(folder / "tokens", pair_rows(plan, tokenizer(), rows, "train", tally), tally)


def _batch(plan: TuningPlan, store: TokenStore, policy: Any, partners: Any = None) -> dict[str, Any]:
    collator = PairCollator(store, plan, tokenizer(), packed=False, causal=True, partners=partners)
    bins = [(row, row + 1) for row in range(0, len(store), 2)]
    batch = collator(bins, epoch=EVALUATION_EPOCH)
    head = policy.get_output_embeddings()
    with torch.no_grad(), adapter_off(policy):
        rows = answer_log_probs(policy, head, batch).numpy().astype(float)
        others = None
        if partners is not None:
            others = answer_log_probs(policy, head, batch["mismatched"]).numpy().astype(float)
    return replace(collator, reference=Reference(rows, others))(bins, epoch=EVALUATION_EPOCH)


def _ours(plan: TuningPlan, policy: Any, batch: dict[str, Any]) -> tuple[float, dict[str, torch.Tensor]]:
    outcome = preference_loss(plan)(policy, policy.get_output_embeddings(), batch)
    loss: Any = outcome.total / divisor([batch], 1.0)
    loss.backward()
    return loss.item(), _gradients(policy)


def _theirs(trainer: Any, examples: list[Any]) -> tuple[float, dict[str, torch.Tensor]]:
    loss = trainer.compute_loss(trainer.model, trainer.data_collator(examples))
    loss.backward()
    return loss.item(), _gradients(trainer.model)


def _gradients(policy: Any) -> dict[str, torch.Tensor]:
    found = {name: tensor.grad.clone() for name, tensor in policy.named_parameters() if tensor.grad is not None}
    policy.zero_grad()
    return found


def _same(ours: tuple[float, dict[str, torch.Tensor]], theirs: tuple[float, dict[str, torch.Tensor]]) -> None:
    assert ours[0] == pytest.approx(theirs[0], rel=1e-5)
    assert ours[1].keys() == theirs[1].keys()
    assert max(float(tensor.abs().max()) for tensor in ours[1].values()) > 1e-4
    for name, tensor in theirs[1].items():
        torch.testing.assert_close(ours[1][name], tensor, rtol=1e-3, atol=1e-6, msg=name)


def _conversations(rows: list[dict[str, Any]], name: str) -> list[list[dict[str, str]]]:
    return [[{"role": "assistant", "content": row[name]}] for row in rows]


def _settings(tmp_path: Path) -> dict[str, Any]:
    return {
        "output_dir": str(tmp_path / "trl"),
        "use_cpu": True,
        "bf16": False,
        "gradient_checkpointing": False,
        "report_to": [],
        "per_device_train_batch_size": 2 * PAIRS,
        "beta": 0.3,
        "max_length": 64,
        "disable_tqdm": True,
    }


def test_dpo_has_the_loss_and_gradient_of_trl(base: Path, policy: Any, tmp_path: Path) -> None:
    from trl.trainer.dpo_config import DPOConfig
    from trl.trainer.dpo_trainer import DPOTrainer

    rows, plan = toy("pairs", rows=PAIRS).splits["train"], _plan("dpo", base)
    store = _store(plan, tmp_path, rows)
    columns = {name: _conversations(rows, name) for name in ("chosen", "rejected")}
    data = Dataset.from_dict({"prompt": [row["messages"] for row in rows], **columns})
    arguments = DPOConfig(**_settings(tmp_path))
    trainer: Any = DPOTrainer(policy, args=arguments, train_dataset=data, processing_class=tokenizer())
    _stir(policy)
    theirs = _theirs(trainer, list(trainer.train_dataset))
    _same(_ours(plan, policy, _batch(plan, store, policy)), theirs)


def test_kto_has_the_loss_and_gradient_of_trl(base: Path, policy: Any, tmp_path: Path) -> None:
    """TRL takes as mismatch the answer before; with the chosen ones first and then the rejected, so do we here."""
    from trl.trainer.kto_config import KTOConfig
    from trl.trainer.kto_trainer import KTOTrainer

    rows = toy("pairs", rows=PAIRS).splits["train"]
    plan = _plan("kto", base, desirable_weight=1.3, undesirable_weight=0.8)
    store = _store(plan, tmp_path, rows)
    partners = (np.arange(PAIRS) - 1) % PAIRS
    answers = _conversations(rows, "chosen") + _conversations(rows, "rejected")
    data = Dataset.from_dict(
        {
            "prompt": [row["messages"] for row in rows] * 2,
            "completion": answers,
            "label": [True] * PAIRS + [False] * PAIRS,
        }
    )
    arguments = KTOConfig(**_settings(tmp_path), desirable_weight=1.3, undesirable_weight=0.8)
    trainer: Any = KTOTrainer(policy, args=arguments, train_dataset=data, processing_class=tokenizer())
    examples = list(trainer.train_dataset)
    for first in (0, PAIRS):  # each kind among its own, as ours
        found = [example["completion_ids"] for example in examples[first : first + PAIRS]]
        for place, example in enumerate(examples[first : first + PAIRS]):
            example["KL_completion_ids"] = found[place - 1]
    _stir(policy)
    theirs = _theirs(trainer, examples)
    _same(_ours(plan, policy, _batch(plan, store, policy, partners)), theirs)


def _answers(chosen: list[float], rejected: list[float], weights: list[float]) -> Answers:
    mismatched = torch.tensor([chosen[::-1], rejected[::-1]])
    weight = torch.tensor(weights)
    return Answers(torch.tensor(chosen), torch.tensor(rejected), weight, mismatched, weight.expand_as(mismatched))


def test_dpo_by_hand() -> None:
    answers = _answers([1.0, 0.0], [0.0, 2.0], [1.0, 1.0])
    first, second = (-math.log(1 / (1 + math.exp(-0.5 * margin))) for margin in (1.0, -2.0))
    torch.testing.assert_close(dpo_losses(answers, beta=0.5), torch.tensor([first, second]))
    swapped = -math.log(1 / (1 + math.exp(0.5)))
    smoothed = dpo_losses(answers, beta=0.5, label_smoothing=0.1)[0]
    assert float(smoothed) == pytest.approx(0.9 * first + 0.1 * swapped)


def test_kto_by_hand() -> None:
    answers = _answers([1.0, 0.0], [0.0, -2.0], [1.0, 1.0])
    assert float(baseline_of(answers)) == 0.0  # the mean, -0.25, is no KL
    plan = TuningPlan("b", "d", objective="kto", beta=0.5, desirable_weight=2.0)
    sigmoid = [1 / (1 + math.exp(-value)) for value in (0.5 * (1.0 - 0.4), 0.5 * (0.4 - 0.0))]
    expected = (2.0 * (1 - sigmoid[0]) + (1 - sigmoid[1])) / 2
    assert float(kto_losses(answers, torch.tensor(0.4), plan)[0]) == pytest.approx(expected)
    with pytest.raises(ValueError, match="KTO needs answers to other prompts"):
        baseline_of(replace(answers, mismatched=None))


_ratios = st.lists(st.tuples(st.floats(-4, 4), st.floats(-4, 4), st.floats(0.01, 1)), min_size=1, max_size=6)


@settings(max_examples=60, deadline=None)
@given(rows=_ratios, beta=st.floats(0.05, 1.0))
def test_a_pair_of_half_the_weight_counts_half(rows: list[tuple[float, float, float]], beta: float) -> None:
    """The weighted sum and the divisor: the first pair once at its weight, or twice at half of it."""
    plan = TuningPlan("b", "d", objective="dpo", beta=beta)
    first = (*rows[0][:2], rows[0][2] / 2)
    assert _step(plan, rows) == pytest.approx(_step(plan, [first, first, *rows[1:]]), rel=1e-4)
    without = _step(plan, [*rows, (3.0, -3.0, 0.0)])
    assert without == pytest.approx(_step(plan, rows), rel=1e-4)


def _step(plan: TuningPlan, rows: list[tuple[float, float, float]]) -> float:
    """A step over all pairs, divided as the loop divides it."""
    answers = _answers(*(list(column) for column in zip(*rows, strict=True)))
    mean = sum(weight for _, _, weight in rows) / len(rows)
    batch = {"values": answers.weights}
    return float((answers.weights * pair_losses(answers, plan)).sum()) / divisor([batch], mean)


@settings(max_examples=60, deadline=None)
@given(rows=_ratios, weight=st.floats(-4, 4))
def test_the_baseline_is_a_weighted_mean_and_never_negative(
    rows: list[tuple[float, float, float]], weight: float
) -> None:
    answers = _answers(*(list(column) for column in zip(*rows, strict=True)))
    found = float(baseline_of(answers))
    assert answers.mismatched is not None
    assert 0 <= found <= max(0.0, float(answers.mismatched.max())) + 1e-5
    assert float(baseline_of(answers, lambda both: both * 2)) == pytest.approx(found, abs=1e-5)  # two like processes
    silent = torch.cat([answers.mismatched, torch.full((2, 1), 100 * weight)], dim=1)
    weights = torch.cat([answers.mismatched_weights, torch.zeros(2, 1)], dim=1)  # type: ignore[list-item]
    assert float(baseline_of(replace(answers, mismatched=silent, mismatched_weights=weights))) == pytest.approx(
        found, rel=1e-4, abs=1e-5
    )


def test_partners_have_another_prompt_and_follow_the_seed(base: Path, tmp_path: Path) -> None:
    rows = [row for row in toy("pairs", rows=12).splits["train"] for _ in range(3)]  # three pairs a prompt
    store = _store(_plan("kto", base), tmp_path, rows)
    partners = partners_of(store, 1)
    assert all(rows[pair]["messages"] != rows[partner]["messages"] for pair, partner in enumerate(partners))
    assert partners.tolist() == partners_of(store, 1).tolist() != partners_of(store, 2).tolist()
    alone = _store(_plan("kto", base), tmp_path / "alone", rows[:3])
    assert partners_of(alone, 1).tolist() == [1, 2, 0]  # one prompt only: the next pair must do


def test_a_mismatched_row_is_one_prompt_and_the_partners_answer(base: Path, tmp_path: Path) -> None:
    plan, rows = _plan("kto", base), toy("pairs", rows=PAIRS).splits["train"]
    store = _store(plan, tmp_path, rows)
    collator = PairCollator(
        store, plan, tokenizer(), packed=False, causal=True, partners=np.asarray([3, 4, 5, 0, 1, 2])
    )
    part = collator([(0, 1), (2, 3)], epoch=0)["mismatched"]
    texts = tokenizer().batch_decode(part["inputs"]["input_ids"])
    for text, prompt, answer in zip(
        texts, (0, 0, 1, 1), (("chosen", 3), ("rejected", 3), ("chosen", 4), ("rejected", 4)), strict=True
    ):
        expected = (
            f"<|user|> {rows[prompt]['messages'][0]['content']} <|assistant|> {rows[answer[1]][answer[0]]} <|end|>"
        )
        assert text.replace(" <|pad|>", "").replace("<|pad|>", "") == expected


def test_mismatches_weigh_as_both_their_pairs(base: Path, tmp_path: Path) -> None:
    rows = toy("pairs", rows=3).splits["train"]
    for row, weight in zip(rows, (1.0, 0.5, 0.2), strict=True):
        row["weight"] = weight
    plan = _plan("kto", base)
    store = _store(plan, tmp_path, rows)
    assert mean_weight(store) == pytest.approx(1.7 / 3)
    collator = PairCollator(store, plan, tokenizer(), packed=False, causal=True, partners=np.asarray([1, 2, 0]))
    part = collator([(0, 1), (2, 3), (4, 5)], epoch=0)["mismatched"]
    assert part["values"].tolist() == pytest.approx([0.5, 0.1, 0.2])


def test_batches_hold_every_pair_once_and_keep_to_their_size(base: Path, tmp_path: Path) -> None:
    store = _store(_plan("dpo", base), tmp_path, toy("pairs", rows=30).splits["train"])
    found = pair_batches(store, 25, tokens=100)
    assert sorted(one[0] // 2 for bins in found for one in bins) == list(range(25))
    longest = [max(int(store.lengths[row]) for one in bins for row in one) for bins in found]
    assert all(2 * len(bins) * size <= 100 for bins, size in zip(found, longest, strict=True) if len(bins) > 1)


def test_figures_by_hand() -> None:
    answers = _answers([1.0, 0.0, 0.5], [0.0, 2.0, 0.5], [1.0, 0.5, 0.5])
    found = pair_figures(answers, TuningPlan("b", "d", objective="dpo", beta=0.5))
    assert found["accuracy"] == pytest.approx(0.5)  # one right, one wrong, one tie
    assert found["reward_margin"] == pytest.approx(0.5 * (1 - 2 + 0) / 3)
    losses = [math.log(1 + math.exp(-0.5 * margin)) for margin in (1.0, -2.0, 0.0)]
    assert found["loss"] == pytest.approx((losses[0] + 0.5 * losses[1] + 0.5 * losses[2]) / 2)
    empty = torch.zeros(0)
    assert pair_figures(Answers(empty, empty, empty), TuningPlan("b", "d", objective="dpo")) == {}


def test_divergence_is_that_of_torch_and_nought_for_equals() -> None:
    generator = torch.Generator().manual_seed(2)
    one, other = (torch.randn(5, 11, generator=generator) for _ in range(2))
    expected = torch.distributions.kl_divergence(
        torch.distributions.Categorical(logits=one), torch.distributions.Categorical(logits=other)
    )
    torch.testing.assert_close(token_divergence(one, other), expected)
    assert float(token_divergence(one, one + 3.0).abs().max()) < 1e-6
