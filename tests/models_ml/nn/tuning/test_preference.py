"""DPO and KTO by the whole road on toy pairs: they learn, count evidence as weight, resume, and refuse bad pairs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

from models_ml.nn.artifacts import verified_hash
from models_ml.nn.progress import Cancelled
from models_ml.nn.tuning.plan import TuningError, TuningPlan, TuningResult
from models_ml.nn.tuning.preference import ADAPTER_RATE, FULL_RATE, settled_plan, tune_preference
from models_ml.nn.tuning.saving import open_tuned
from tests.models_ml.nn.tuning.toys import Record, Toy, save_base, tokenizer, toy

Pair = dict[str, Any]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_base(tmp_path_factory.mktemp("base"))


def _plan(base: Path, **other: Any) -> TuningPlan:
    settings: dict[str, Any] = {
        "base": str(base),
        "dataset": "pairs",
        "objective": "dpo",
        "learning_rate": 1e-2,
        "batch_size": 6,
        "max_steps": 12,
        "rank": 4,
        "precision": "fp32",
        "max_length": 48,
    }
    return TuningPlan(**{**settings, **other})


def _pair(thing: str, better: str, worse: str, weight: float = 1.0) -> Pair:
    prompt = [{"role": "user", "content": f"write for a {thing}"}]
    return {"messages": prompt, "chosen": better, "rejected": worse, "weight": weight, "language": "en", "group": "1"}


def _pairs(*rows: Pair, validation: tuple[Pair, ...] = ()) -> Toy:
    return Toy(Record("pairs", f"pairs-{len(rows)}"), {"train": list(rows), "validation": list(validation)})


def _weights(folder: Path) -> dict[str, torch.Tensor]:
    [path] = list(folder.glob("*model.safetensors"))
    return load_file(path)


def _close(one: Path, other: Path, tolerance: float = 1e-5) -> None:
    first, second = _weights(one), _weights(other)
    assert first.keys() == second.keys()
    for name, tensor in first.items():
        torch.testing.assert_close(second[name], tensor, rtol=1e-4, atol=tolerance, msg=name)


def _run(plan: TuningPlan, out: Path, data: Toy, **other: Any) -> TuningResult:
    return tune_preference(plan, out, dataset=data, **other)


@pytest.mark.parametrize(
    ("objective", "method"),
    [
        ("dpo", "lora"),
        ("kto", "full"),
        pytest.param("dpo", "bottleneck", marks=pytest.mark.slow),
        pytest.param("kto", "lora", marks=pytest.mark.slow),
    ],
)
def test_held_out_pairs_are_told_apart_after_training(objective: str, method: str, base: Path, tmp_path: Path) -> None:
    rate = 2e-3 if method == "full" else 1e-2
    plan = _plan(base, objective=objective, method=method, learning_rate=rate, beta=0.5)
    metrics: list[tuple[int, dict[str, float]]] = []
    result = _run(
        plan, tmp_path / "out", toy("pairs"), on_metrics=lambda step, values: metrics.append((step, dict(values)))
    )
    figures = result.evaluation
    assert figures["accuracy"] > 0.85  # eleven of twelve
    assert figures["accuracy_before"] == 0.5
    assert figures["reward_margin"] > 0.3
    assert figures["reward_margin"] == pytest.approx(figures["reward_chosen"] - figures["reward_rejected"], abs=1e-4)
    assert figures["loss"] < figures["loss_before"] - 0.1
    assert 0 < figures["kl"] < 50
    assert result.steps == 12
    logged = {name for _, values in metrics for name in values}
    assert {"loss", "learning_rate", "eval_loss", "eval_accuracy", "eval_reward_margin"} <= logged
    assert not (tmp_path / "out" / "work").exists()
    assert verified_hash(tmp_path / "out")
    assert json.loads((tmp_path / "out" / "training.json").read_text())["objective"] == objective


def test_the_saved_model_prefers_what_was_chosen(base: Path, tmp_path: Path) -> None:
    _run(_plan(base), tmp_path / "out", toy("pairs"))
    tuned = open_tuned(tmp_path / "out")
    plain = AutoModelForCausalLM.from_pretrained(base)
    held = toy("pairs").splits["validation"]
    gains = [_gain(tuned.model, pair) - _gain(plain, pair) for pair in held]
    assert min(gains) > 0


def _gain(model: Any, pair: Mapping[str, Any]) -> float:
    """log pi(chosen) - log pi(rejected), by transformers' own loss."""
    chosen, rejected = (_log_probability(model, pair["messages"], pair[name]) for name in ("chosen", "rejected"))
    return chosen - rejected


def _log_probability(model: Any, prompt: list[dict[str, str]], answer: str) -> float:
    made = tokenizer()
    head = made.apply_chat_template(prompt, tokenize=False, add_generation_prompt=True)
    start = made(head)["input_ids"]
    tail = made(f"{answer} <|end|>")["input_ids"]
    labels = torch.tensor([[-100] * len(start) + tail])
    with torch.no_grad():
        loss = model(input_ids=torch.tensor([start + tail]), labels=labels).loss
    return -float(loss) * len(tail)


def test_half_the_evidence_twice_is_the_whole_once(base: Path, tmp_path: Path) -> None:
    first, second = _pair("red lamp", "the lamp is warm", "bad"), _pair("blue mug", "cool", "the mug is bad")
    half = {**first, "weight": 0.5}
    _run(_plan(base, batch_size=2, max_steps=4), tmp_path / "once", _pairs(first, second))
    _run(_plan(base, batch_size=3, max_steps=4), tmp_path / "twice", _pairs(half, half, second))
    _run(_plan(base, batch_size=2, max_steps=4), tmp_path / "half", _pairs(half, second))
    _close(tmp_path / "once", tmp_path / "twice")
    with pytest.raises(AssertionError):
        _close(tmp_path / "once", tmp_path / "half")


def test_half_the_evidence_twice_is_the_whole_once_for_kto(base: Path, tmp_path: Path) -> None:
    """In the first step, where policy and reference agree and KTO's baseline is 0 whoever is whose partner."""
    first, second = _pair("red lamp", "the lamp is warm", "bad"), _pair("blue mug", "cool", "the mug is bad")
    half = {**first, "weight": 0.5}
    plan = _plan(base, objective="kto", method="full", learning_rate=1e-2, max_steps=1, optimiser="adamw")
    _run(replace(plan, batch_size=2), tmp_path / "once", _pairs(first, second))
    _run(replace(plan, batch_size=3), tmp_path / "twice", _pairs(half, half, second))
    one, other, start = _weights(tmp_path / "once"), _weights(tmp_path / "twice"), _weights(base)
    for name, tensor in one.items():
        moved = (tensor - start[name]).abs() > 1e-3  # where the gradient is nought but rounding, Adam's sign is chance
        torch.testing.assert_close(other[name][moved], tensor[moved], rtol=1e-3, atol=1e-5, msg=name)


def test_evidence_that_falls_to_nothing_has_no_influence(base: Path, tmp_path: Path) -> None:
    first, second = _pair("red lamp", "the lamp is warm", "bad"), _pair("blue mug", "cool", "the mug is bad")
    against = {"rejected": first["chosen"], "chosen": first["rejected"]}
    _run(_plan(base, batch_size=2, max_steps=4), tmp_path / "without", _pairs(first, second))
    for name, weight in (("little", 1e-6), ("none", 0.0)):
        data = _pairs(first, second, {**first, **against, "weight": weight})
        _run(_plan(base, batch_size=3, max_steps=4), tmp_path / name, data)
        _close(tmp_path / "without", tmp_path / name, 1e-4 if weight else 1e-5)
    _run(_plan(base, batch_size=3, max_steps=4), tmp_path / "full", _pairs(first, second, {**first, **against}))
    with pytest.raises(AssertionError):
        _close(tmp_path / "without", tmp_path / "full", 1e-4)


@pytest.mark.parametrize("objective", ["dpo", pytest.param("kto", marks=pytest.mark.slow)])
def test_a_pair_of_no_weight_may_say_anything(objective: str, base: Path, tmp_path: Path) -> None:
    """Also one at a time: the step's own weights are no divisor, so a step of no evidence moves nothing anew."""
    plan = _plan(base, objective=objective, batch_size=1, max_steps=6)
    rows = [_pair(f"{colour} lamp", "the lamp is warm", "bad") for colour in ("red", "blue", "green")]
    for name, answer in (("one", "white white white"), ("other", "amber is good")):
        _run(plan, tmp_path / name, _pairs(*rows, _pair("black tent", answer, "so calm now", 0.0)))
    _close(tmp_path / "one", tmp_path / "other", 1e-7)


def test_accumulation_changes_nothing(base: Path, tmp_path: Path) -> None:
    data = toy("pairs", rows=12, validation=0)
    plan = _plan(base, max_steps=3, batch_size=6)
    _run(plan, tmp_path / "whole", data)
    _run(replace(plan, batch_size=2, gradient_accumulation=3), tmp_path / "parts", data)
    _close(tmp_path / "whole", tmp_path / "parts")


class Stop:
    """Asks to stop once training has reported a step."""

    def __init__(self, after: int) -> None:
        self.after, self.seen, self.fractions = after, 0, list[float]()

    def metrics(self, step: int, values: Mapping[str, float], /) -> None:
        self.seen = max(self.seen, step)

    def progress(self, fraction: float, stage: str, message: str, metrics: Mapping[str, float]) -> None:
        self.fractions.append(fraction)

    def should_stop(self) -> bool:
        return self.seen >= self.after


@pytest.mark.parametrize(("objective", "method"), [("dpo", "lora"), ("kto", "full")])
def test_a_resumed_run_has_the_weights_of_an_uninterrupted_one(
    objective: str, method: str, base: Path, tmp_path: Path
) -> None:
    plan = _plan(base, objective=objective, method=method, learning_rate=1e-3, max_steps=6)
    whole = _run(plan, tmp_path / "whole", toy("pairs"))
    stop, out = Stop(after=3), tmp_path / "out"
    options: dict[str, Any] = {"on_metrics": stop.metrics, "on_progress": stop.progress}
    with pytest.raises(Cancelled, match="stopped at step"):
        _run(plan, out, toy("pairs"), should_stop=stop.should_stop, **options)
    assert not (out / "training.json").exists()
    resumed = _run(plan, out, toy("pairs"), resume=True)
    for name, tensor in _weights(tmp_path / "whole").items():
        assert torch.equal(tensor, _weights(out)[name]), name
    assert resumed.evaluation == whole.evaluation
    assert stop.fractions == sorted(stop.fractions)
    again = _run(plan, out, toy("pairs"), resume=True)
    assert again.files == resumed.files


def test_cancelling_while_the_base_reads_leaves_nothing_half_done(base: Path, tmp_path: Path) -> None:
    calls = []

    def should_stop() -> bool:
        calls.append(1)
        return len(calls) > 2

    with pytest.raises(Cancelled, match="while the base was reading the pairs"):
        _run(_plan(base), tmp_path / "out", toy("pairs"), should_stop=should_stop)
    assert not list((tmp_path / "out" / "work").glob("reference*"))
    result = _run(_plan(base), tmp_path / "out", toy("pairs"), resume=True)
    assert result.steps == 12


def test_the_reference_is_the_base_without_a_second_model(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The array that training reads equals transformers' own log-probabilities of the base."""
    kept: dict[str, Any] = {}
    real = np.save

    def spy(path: Path, array: Any) -> None:
        if "reference-train" in str(path):
            kept["reference"] = array.copy()
        real(path, array)

    monkeypatch.setattr(np, "save", spy)
    data = toy("pairs", rows=6)
    _run(_plan(base, max_steps=1), tmp_path / "out", data)
    plain = AutoModelForCausalLM.from_pretrained(base)
    expected = [
        _log_probability(plain, pair["messages"], pair[name])
        for pair in data.splits["train"]
        for name in ("chosen", "rejected")
    ]
    np.testing.assert_allclose(kept["reference"][0], expected, rtol=1e-4)


def test_rates_left_open_are_this_objectives_own(base: Path) -> None:
    plan = _plan(base, learning_rate=None)
    assert settled_plan(plan).learning_rate == ADAPTER_RATE == 1e-5
    assert settled_plan(replace(plan, method="full")).learning_rate == FULL_RATE == 1e-6
    assert settled_plan(replace(plan, learning_rate=0.1)).learning_rate == 0.1
    assert settled_plan(replace(plan, dropout=0.2)).dropout == 0.0


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"chosen": " "}, "row 2 of train has no usable 'chosen'"),
        ({"rejected": None}, "row 2 of train has no usable 'rejected'"),
        ({"messages": []}, "row 2 of train has no usable 'messages'"),
        ({"messages": [{"role": "user"}]}, "'messages' must hold at least 2 of role and content"),
        ({"weight": 1.5}, "row 2 of train: 'weight' must be a number from 0 to 1, not 1.5"),
        ({"weight": float("nan")}, "'weight' must be a number from 0 to 1, not nan"),
        ({"weight": True}, "'weight' must be a number from 0 to 1, not True"),
    ],
)
def test_a_pair_that_cannot_be_used_is_named(change: dict[str, Any], sentence: str, base: Path, tmp_path: Path) -> None:
    good = _pair("red lamp", "warm", "bad")
    with pytest.raises(TuningError, match=f"dataset: .*{sentence}"):
        _run(_plan(base), tmp_path / "out", _pairs(good, {**good, **change}))
    assert not list((tmp_path / "out").glob("*.safetensors"))


def test_a_dataset_without_evidence_is_refused(base: Path, tmp_path: Path) -> None:
    nothing = _pair("red lamp", "warm", "bad", 0.0)
    with pytest.raises(TuningError, match="dataset: has no pair with a weight above 0"):
        _run(_plan(base), tmp_path / "out", _pairs(nothing, nothing))


def test_other_rows_and_objectives_are_refused(base: Path, tmp_path: Path) -> None:
    with pytest.raises(TuningError, match="dataset: is for 'copy'"):
        _run(_plan(base), tmp_path / "out", toy("copy"))
    with pytest.raises(TuningError, match="objective: must be one of dpo, kto here, not 'supervised'"):
        _run(_plan(base, objective="supervised"), tmp_path / "other", toy("copy"))
    assert not (tmp_path / "other").exists()


def test_a_pair_that_is_too_long_is_left_out_whole_and_noted(base: Path, tmp_path: Path) -> None:
    rows = [_pair(f"{colour} lamp", "the lamp is warm", "bad") for colour in ("red", "blue")]
    long = _pair("green lamp", "warm", "bad " * 60)
    result = _run(_plan(base, batch_size=2, max_steps=2), tmp_path / "out", _pairs(rows[0], long, rows[1]))
    assert "1 of 3 rows left out: longer than 48 tokens" in result.notes
    _run(_plan(base, batch_size=2, max_steps=2), tmp_path / "without", _pairs(*rows))
    _close(tmp_path / "without", tmp_path / "out")
