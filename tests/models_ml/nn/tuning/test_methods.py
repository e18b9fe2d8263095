"""Every method with every objective that makes sense: it learns, is saved, and opened again gives the same outputs."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from models_ml.nn.artifacts import read_record, verified_hash
from models_ml.nn.tuning.batches import EVALUATION_EPOCH, Collator
from models_ml.nn.tuning.evaluate import Evaluator, macro_f1
from models_ml.nn.tuning.plan import METHODS, VIRTUAL, TuningError, TuningPlan
from models_ml.nn.tuning.probe import is_causal
from models_ml.nn.tuning.rows import Encoder
from models_ml.nn.tuning.saving import open_tuned
from models_ml.nn.tuning.store import token_store
from models_ml.nn.tuning.training import tune
from tests.models_ml.nn.tuning import toys

# Random weights of 32 columns want higher rates than the methods' defaults, which are for real bases.
RATES = {"full": 1e-2, "lora": 1e-2, "dora": 1e-2, "adalora": 3e-2, "ia3": 0.3, "prefix": 0.03, "prompt": 0.03}
SETTINGS = [
    ("supervised", "qwen3"),
    ("causal", "gpt2"),
    ("masked", "bert"),
    ("classify", "qwen3"),
    ("classify", "bert"),
    ("score_pairs", "llama"),
    ("score_pairs", "bert"),
]
QUICK = {("supervised", "qwen3")}  # all methods; of the others the two most used
CASES = [
    pytest.param(
        objective,
        kind,
        method,
        marks=() if (objective, kind) in QUICK or method in ("lora", "full") else pytest.mark.slow,
    )
    for (objective, kind), method in itertools.product(SETTINGS, METHODS)
    if not (method in VIRTUAL and kind == "bert")
]


def plan_of(base: Path, objective: str, method: str, **changes: Any) -> TuningPlan:
    common: dict[str, Any] = {"max_steps": 12, "batch_size": 8, "max_length": 40, "precision": "fp32", "dropout": 0.0}
    virtual = 8 if method in VIRTUAL else None
    gentle = objective == "classify" and method in ("ia3", *VIRTUAL)  # the head learns at the same rate
    rate = 3e-3 if gentle else RATES.get(method, 2e-2)
    given = {
        "objective": objective,
        "method": method,
        "learning_rate": rate,
        "virtual_tokens": virtual,
        "packing": False,
    }
    return TuningPlan(str(base), "toy", **{**common, **given, **changes})


@pytest.mark.parametrize(("objective", "kind", "method"), CASES)
def test_a_method_learns_and_comes_back(
    bases: dict[str, Path], tmp_path: Path, objective: str, kind: str, method: str
) -> None:
    plan = plan_of(bases[kind], objective, method)
    data = toys.toy(plan.task)
    result = tune(plan, tmp_path / "out", dataset=data)
    assert result.evaluation["loss"] < result.evaluation["loss_before"] - 1e-3
    assert measured(tmp_path / "out", data, tmp_path) == pytest.approx(result.evaluation["loss"], abs=1e-5)
    verified_hash(tmp_path / "out")
    names = {path.name for path in (tmp_path / "out").iterdir()}
    weights = (
        {"model.safetensors", "config.json"}
        if method == "full"
        else {"adapter_model.safetensors", "adapter_config.json"}
    )
    assert names >= weights | {"tokenizer.json", "training.json"}
    assert not [name for name in names if name.endswith((".bin", ".pt", ".pth", ".pkl"))]


def measured(folder: Path, data: toys.Toy, tmp_path: Path) -> float:
    """The loss of a result folder opened again, by the evaluator on its own."""
    tuned = open_tuned(folder)
    encoder = Encoder(tuned.plan, tuned.tokenizer, tuned.labels)
    store = token_store(tmp_path / "again", encoder(data.rows("validation"), "validation"), encoder.tally)
    causal = is_causal(tuned.model, tuned.plan)
    collator = Collator(store, tuned.plan, tuned.tokenizer, packed=False, causal=causal)
    head = tuned.model.get_output_embeddings() if hasattr(tuned.model, "get_output_embeddings") else None
    figures = Evaluator(collator, 1000)(tuned.model, head, device=torch.device("cpu"), bf16=False)
    return figures["loss"]


def test_labels_are_the_right_way_round_and_one_a_text(bases: dict[str, Path], tmp_path: Path) -> None:
    data = toys.toy("labels")
    tune(plan_of(bases["qwen3"], "classify", "full", max_steps=25), tmp_path / "out", dataset=data)
    tuned = open_tuned(tmp_path / "out")
    config = tuned.model.config
    assert config.id2label == dict(enumerate(data.record.labels))
    assert config.label2id == {label: index for index, label in enumerate(data.record.labels)}
    assert config.num_labels == len(data.record.labels) == 6
    row = data.splits["validation"][0]
    ids = tuned.tokenizer(row["text"], return_tensors="pt")["input_ids"]
    with torch.no_grad():
        logits = tuned.model(input_ids=ids).logits
    assert logits.shape == (1, 6)
    assert config.id2label[int(logits.argmax(-1))] == row["label"]


def test_a_pair_is_scored_by_the_difference_of_two_numbers(bases: dict[str, Path], tmp_path: Path) -> None:
    plan = plan_of(bases["llama"], "score_pairs", "lora")
    result = tune(plan, tmp_path / "out", dataset=toys.toy("pairs"))
    assert result.evaluation["accuracy"] == 1.0
    tuned = open_tuned(tmp_path / "out")
    encoder = Encoder(plan, tuned.tokenizer)
    better, worse = list(encoder(toys.toy("pairs").splits["validation"][:1], "validation"))
    with torch.no_grad():
        scores = [tuned.model(input_ids=torch.tensor([row.ids])).logits for row in (better, worse)]
    assert scores[0].shape == (1, 1)
    assert float(scores[0]) > float(scores[1])


def test_a_causal_classifier_does_not_mind_its_padding(bases: dict[str, Path], tmp_path: Path) -> None:
    tune(plan_of(bases["qwen3"], "classify", "lora"), tmp_path / "out", dataset=toys.toy("labels"))
    tuned = open_tuned(tmp_path / "out")
    ids = tuned.tokenizer("the red lamp is good", return_tensors="pt")["input_ids"]
    padded = torch.nn.functional.pad(ids, (0, 9), value=int(tuned.tokenizer.pad_token_id))
    with torch.no_grad():
        torch.testing.assert_close(tuned.model(input_ids=padded).logits, tuned.model(input_ids=ids).logits)


def test_virtual_tokens_are_not_packed_and_say_so(bases: dict[str, Path], tmp_path: Path) -> None:
    plan = plan_of(bases["qwen3"], "supervised", "prompt", packing=True, max_steps=2)
    assert "not packed" in tune(plan, tmp_path / "out", dataset=toys.toy("copy")).notes[0]


def test_adafactor_linear_schedule_and_checkpointing_train_too(bases: dict[str, Path], tmp_path: Path) -> None:
    plan = plan_of(
        bases["qwen3"], "supervised", "lora", optimiser="adafactor", schedule="linear", gradient_checkpointing=True,
        packing=True,
    )  # fmt: skip
    result = tune(plan, tmp_path / "out", dataset=toys.toy("copy"))
    assert result.evaluation["loss"] < result.evaluation["loss_before"] - 0.05


def test_whole_word_masking_and_half_precision_train_too(bases: dict[str, Path], tmp_path: Path) -> None:
    plan = plan_of(bases["bert"], "masked", "full", whole_word=True, precision="auto")
    result = tune(plan, tmp_path / "out", dataset=toys.toy("text"))
    assert result.evaluation["loss"] < result.evaluation["loss_before"] - 0.1


def test_the_record_says_what_was_trained_on_what(bases: dict[str, Path], tmp_path: Path) -> None:
    plan = plan_of(bases["qwen3"], "supervised", "lora", max_steps=2)
    result = tune(plan, tmp_path / "out", dataset=toys.toy("copy"))
    record = read_record(tmp_path / "out")
    assert record is not None
    assert TuningPlan.from_json(record["plan"]) == plan
    assert record["base"] == {"name": str(bases["qwen3"]), "hash": verified_hash(bases["qwen3"]), "revision": None}
    assert record["dataset"] == {"hash": "toy-copy-36", "rows": {"train": 36, "validation": 12}}
    assert record["files"] == result.files
    adapter = json.loads((tmp_path / "out" / "adapter_config.json").read_text())
    assert (adapter["base_model_name_or_path"], adapter["use_rslora"]) == (str(bases["qwen3"]), True)
    assert record["figures"]["steps"] == 2
    assert record["figures"]["evaluation"] == result.evaluation
    assert set(record["libraries"]) >= {"torch", "transformers", "peft"}
    assert record["code"] != "unknown"
    assert 0 < record["parameters"]["trained"] < record["parameters"]["all"]
    weights = load_file(tmp_path / "out" / "adapter_model.safetensors")
    assert sum(value.numel() for value in weights.values()) == record["parameters"]["trained"]


def test_an_adapter_is_refused_on_a_base_whose_files_changed(bases: dict[str, Path], tmp_path: Path) -> None:
    base = toys.save_base(tmp_path / "base", "llama")
    tune(plan_of(base, "supervised", "lora", max_steps=2), tmp_path / "out", dataset=toys.toy("copy"))
    (base / "generation_config.json").write_text("{}")
    with pytest.raises(TuningError, match=r"is not the base that .* was trained on"):
        open_tuned(tmp_path / "out")


def test_a_changed_result_is_refused(bases: dict[str, Path], tmp_path: Path) -> None:
    tune(plan_of(bases["qwen3"], "supervised", "lora", max_steps=2), tmp_path / "out", dataset=toys.toy("copy"))
    weights = tmp_path / "out" / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\1")
    with pytest.raises(TuningError, match="is not the file that was trained"):
        open_tuned(tmp_path / "out")


def test_macro_f1_counts_every_class_that_occurs() -> None:
    predicted, expected = torch.tensor([0, 0, 1, 1, 1]), torch.tensor([0, 1, 1, 1, 2])
    assert macro_f1(predicted, expected) == pytest.approx((2 / 3 + 2 / 3 + 0) / 3)


def test_masks_of_the_evaluation_are_their_own() -> None:
    assert EVALUATION_EPOCH > 10**9
