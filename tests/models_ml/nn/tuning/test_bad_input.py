"""What cannot be used is refused with a sentence, and what goes wrong on the way leaves the last good checkpoint."""

from __future__ import annotations

import errno
import itertools
import json
import shutil
import socket
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from huggingface_hub import constants
from safetensors.torch import load_file, save_file

from models_ml.nn.training import TrainingFailed
from models_ml.nn.tuning import bases as base_module
from models_ml.nn.tuning import checkpoints, losses
from models_ml.nn.tuning.plan import TuningError, TuningPlan
from models_ml.nn.tuning.probe import device_has_bf16
from models_ml.nn.tuning.saving import open_tuned
from models_ml.nn.tuning.training import out_of_memory, tune
from tests.models_ml.nn.tuning import toys


def plan_of(base: Path | str, **changes: Any) -> TuningPlan:
    common: dict[str, Any] = {"max_steps": 8, "batch_size": 4, "max_length": 40, "precision": "fp32", "packing": False}
    return TuningPlan(str(base), "toy", **{**common, **changes})


def refused(plan: TuningPlan, out: Path, data: Any = None) -> str:
    with pytest.raises(TuningError) as caught:
        tune(plan, out, dataset=data or toys.toy(plan.task))
    assert not (out / "training.json").exists()
    return str(caught.value)


# --- the data ---
@pytest.mark.parametrize("rows", [0, 1])
def test_too_few_rows(bases: dict[str, Path], tmp_path: Path, rows: int) -> None:
    sentence = refused(plan_of(bases["qwen3"]), tmp_path / "out", toys.toy("copy", rows=rows))
    assert sentence == f"dataset: holds {rows} rows to train on; at least 2 are needed"


def test_a_dataset_of_another_task(bases: dict[str, Path], tmp_path: Path) -> None:
    sentence = refused(plan_of(bases["qwen3"]), tmp_path / "out", toys.toy("labels"))
    assert sentence == "dataset: is for 'labels', but the objective supervised reads 'copy'"


def test_a_label_outside_the_set(bases: dict[str, Path], tmp_path: Path) -> None:
    data = toys.toy("labels")
    data.splits["train"][4]["label"] = "loud"
    sentence = refused(plan_of(bases["bert"], objective="classify"), tmp_path / "out", data)
    assert sentence == "dataset: row 5 of train has the label 'loud', which is not in the label set"


def test_one_label_makes_no_classifier(bases: dict[str, Path], tmp_path: Path) -> None:
    data = toys.toy("labels")
    data.record = replace(data.record, labels=("warm",))
    assert "at least two" in refused(plan_of(bases["bert"], objective="classify"), tmp_path / "out", data)


def test_every_row_longer_than_the_length(bases: dict[str, Path], tmp_path: Path) -> None:
    sentence = refused(plan_of(bases["qwen3"], max_length=8), tmp_path / "out")
    assert sentence == "max_length: is 8: 36 of 36 rows are longer, too few are left"


def test_early_stopping_without_a_validation_split(bases: dict[str, Path], tmp_path: Path) -> None:
    plan = plan_of(bases["qwen3"], early_stopping_patience=2)
    assert "needs a validation split" in refused(plan, tmp_path / "out", toys.toy("copy", validation=0))


def test_a_folder_that_is_no_dataset(bases: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(TuningError, match=r"dataset: .*holds no finished dataset"):
        tune(replace(plan_of(bases["qwen3"]), dataset=str(tmp_path)), tmp_path / "out")


# --- the base ---
def test_a_folder_that_does_not_exist(tmp_path: Path) -> None:
    assert refused(plan_of(tmp_path / "none"), tmp_path / "out") == f"base: there is no folder {tmp_path / 'none'}"


def test_a_hub_id_without_network_is_refused_within_seconds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_route(*_: Any, **__: Any) -> Any:
        raise OSError(errno.ENETUNREACH, "network is unreachable")

    monkeypatch.setattr(socket, "create_connection", no_route)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    begun = time.monotonic()
    sentence = refused(plan_of("nobody/nothing-at-all"), tmp_path / "out")
    assert time.monotonic() - begun < 5
    assert sentence == "base: nobody/nothing-at-all is no folder here, is not cached, and the hub cannot be reached"


def test_the_hub_is_not_asked_where_the_environment_says_offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr(socket, "create_connection", lambda *_, **__: pytest.fail("a connection was tried"))
    assert not base_module.hub_reachable()


def test_a_base_without_a_tokenizer(bases: dict[str, Path], tmp_path: Path) -> None:
    shutil.copytree(bases["qwen3"], tmp_path / "base", ignore=shutil.ignore_patterns("tokenizer*", "*.jinja"))
    assert "has no tokenizer" in refused(plan_of(tmp_path / "base"), tmp_path / "out")


def test_weights_that_are_a_pickle_are_not_read(bases: dict[str, Path], tmp_path: Path) -> None:
    shutil.copytree(bases["qwen3"], tmp_path / "base")
    weights = tmp_path / "base" / "model.safetensors"
    torch.save(load_file(weights), tmp_path / "base" / "pytorch_model.bin")
    weights.unlink()
    assert "cannot be loaded" in refused(plan_of(tmp_path / "base"), tmp_path / "out")


def test_corrupt_weights(bases: dict[str, Path], tmp_path: Path) -> None:
    shutil.copytree(bases["qwen3"], tmp_path / "base")
    weights = tmp_path / "base" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:100])
    assert "cannot be loaded" in refused(plan_of(tmp_path / "base"), tmp_path / "out")


def test_a_tokenizer_with_more_tokens_than_the_weights(bases: dict[str, Path], tmp_path: Path) -> None:
    shutil.copytree(bases["qwen3"], tmp_path / "base")
    made = toys.tokenizer()
    made.add_tokens(["teapot", "saucer"])
    made.save_pretrained(str(tmp_path / "base"))
    sentence = refused(plan_of(tmp_path / "base"), tmp_path / "out")
    assert "its tokenizer and weights disagree: 38 tokens, embeddings for 36" in sentence


def test_a_length_beyond_the_context(bases: dict[str, Path], tmp_path: Path) -> None:
    sentence = refused(plan_of(bases["qwen3"], max_length=97), tmp_path / "out")
    assert sentence == f"max_length: 97: {bases['qwen3']} reads at most 96 tokens at once"
    sentence = refused(plan_of(bases["qwen3"], method="prompt", virtual_tokens=60), tmp_path / "out")
    assert "40 and 60 virtual tokens" in sentence


def test_a_head_that_the_architecture_does_not_have(bases: dict[str, Path], tmp_path: Path) -> None:
    sentence = refused(plan_of(bases["gpt2"], objective="masked"), tmp_path / "out")
    assert "masked cannot be had from" in sentence
    assert "a gpt2 model has no such head" in sentence


def test_targets_that_do_not_exist_are_answered_with_those_that_do(bases: dict[str, Path], tmp_path: Path) -> None:
    sentence = refused(plan_of(bases["qwen3"], target_modules=("query",)), tmp_path / "out")
    present = "down_proj, gate_proj, k_proj, o_proj, q_proj, up_proj, v_proj"
    assert sentence == f"target_modules: there is no 'query'; present are {present}"


def test_an_adapter_of_another_base_names_both(bases: dict[str, Path], tmp_path: Path) -> None:
    plan = plan_of(bases["qwen3"], max_steps=1)
    tune(plan, tmp_path / "out", dataset=toys.toy("copy"))
    record = json.loads((tmp_path / "out" / "training.json").read_text())
    other = toys.save_base(tmp_path / "other", "qwen3", hidden=64)
    record["plan"]["base"] = str(other)
    record["base"]["hash"] = base_module.find_base(plan_of(other)).hash  # as if the record had been forged
    (tmp_path / "out" / "training.json").write_text(json.dumps(record))
    with pytest.raises(TuningError) as caught:
        open_tuned(tmp_path / "out")
    assert str(bases["qwen3"]) in str(caught.value)
    assert str(other) in str(caught.value)


def test_an_adapter_is_no_base(bases: dict[str, Path], tmp_path: Path) -> None:
    tune(plan_of(bases["qwen3"], max_steps=1), tmp_path / "out", dataset=toys.toy("copy"))
    assert "is an adapter; name the model" in refused(plan_of(tmp_path / "out"), tmp_path / "next")


def test_half_precision_where_the_device_has_none(
    bases: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models_ml.nn.tuning.probe.device_has_bf16", lambda: False)
    assert "precision: is bf16" in refused(plan_of(bases["qwen3"], precision="bf16"), tmp_path / "out")
    assert isinstance(device_has_bf16(), bool)


# --- on the way ---
def test_a_loss_that_is_no_number_stops_and_the_last_good_checkpoint_stays(
    bases: dict[str, Path], tmp_path: Path
) -> None:
    plan = plan_of(bases["qwen3"], method="full", learning_rate=1e-3, save_every=2)
    data = toys.toy("copy")
    with pytest.raises(TrainingFailed, match="the loss is nan at step 6; the last good checkpoint is kept"):
        tune(plan, tmp_path / "out", dataset=data, on_metrics=poison_at(5))
    (left,) = (tmp_path / "out" / "work").glob("checkpoint-*")
    assert left.name == "checkpoint-4"
    assert all(bool(value.isfinite().all()) for value in load_file(left / checkpoints.WEIGHTS).values())
    assert tune(plan, tmp_path / "out", dataset=data, resume=True).steps == 8


def poison_at(step: int) -> Any:
    """Metrics callback that makes a weight of the model in training not a number, as an overflow would."""
    import gc

    def poison(at: int, values: Any) -> None:
        if at == step and "loss" in values:
            loop = next(one for one in gc.get_objects() if type(one).__name__ == "Loop" and one.state.global_step == at)
            next(iter(checkpoints.trainable(loop.run.model).values())).data.fill_(float("nan"))

    return poison


def counting_failures(monkeypatch: pytest.MonkeyPatch, largest: int) -> list[int]:
    """Let the loss run out of memory for more than `largest` rows; returns the sizes that were tried."""
    plain, tried = losses.token_loss, []

    def guarded(model: Any, head: Any, batch: Any) -> Any:
        rows = batch["inputs"]["input_ids"].shape[0]
        if torch.is_grad_enabled():
            tried.append(rows)
            if rows > largest:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
        return plain(model, head, batch)

    monkeypatch.setattr(losses, "token_loss", guarded)
    return tried


def test_out_of_memory_halves_the_batch_and_ends_with_the_same_steps(
    bases: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, data = plan_of(bases["qwen3"], method="full", learning_rate=1e-3, max_steps=4), toys.toy("copy")
    whole = tune(plan, tmp_path / "whole", dataset=data)
    tried = counting_failures(monkeypatch, 1)
    result = tune(plan, tmp_path / "out", dataset=data)
    assert tried[:3] == [4, 2, 1]
    assert set(tried[2:]) == {1}
    assert (result.steps, result.tokens) == (whole.steps, whole.tokens)
    assert result.notes == (
        "out of memory: batches of 2, 2 a step",
        "out of memory: batches of 1, 4 a step",
    )
    one, other = (load_file(tmp_path / name / "model.safetensors") for name in ("whole", "out"))
    for name, value in one.items():
        torch.testing.assert_close(value, other[name], atol=2e-4, rtol=1e-3)


def test_out_of_memory_with_single_rows_is_a_clear_stop(
    bases: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counting_failures(monkeypatch, 0)
    with pytest.raises(TrainingFailed, match=r"out of memory with one row at a time .*Lower max_length"):
        tune(plan_of(bases["qwen3"], batch_size=2), tmp_path / "out", dataset=toys.toy("copy"))


def test_out_of_memory_late_goes_on_from_the_last_checkpoint(
    bases: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, calls = losses.token_loss, itertools.count()

    def fails_once(model: Any, head: Any, batch: Any) -> Any:
        if torch.is_grad_enabled() and next(calls) == 6:
            raise torch.OutOfMemoryError("out of memory")
        return plain(model, head, batch)

    monkeypatch.setattr(losses, "token_loss", fails_once)
    seen: list[int] = []
    result = tune(
        plan_of(bases["qwen3"], save_every=4), tmp_path / "out", dataset=toys.toy("copy"),
        on_metrics=lambda step, values: seen.append(step) if "loss" in values else None,
    )  # fmt: skip
    assert seen == [1, 2, 3, 4, 5, 6, 5, 6, 7, 8]
    assert result.steps == 8


def test_what_counts_as_out_of_memory() -> None:
    assert out_of_memory(torch.OutOfMemoryError("x"))
    assert out_of_memory(RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"))
    assert not out_of_memory(RuntimeError("shapes cannot be multiplied"))


def test_a_full_disk_keeps_the_checkpoint_before(
    bases: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, data = plan_of(bases["qwen3"], save_every=3), toys.toy("copy")
    writes = itertools.count(1)

    def full_at_the_second_optimiser(tensors: Any, path: str) -> None:
        if path.endswith(checkpoints.OPTIMISER) and next(writes) == 2:
            Path(path).write_bytes(b"half")
            raise OSError(errno.ENOSPC, "No space left on device")
        save_file(tensors, path)

    monkeypatch.setattr(checkpoints, "save_file", full_at_the_second_optimiser)
    with pytest.raises(TrainingFailed, match=r"the disk is full: .*the checkpoint before is kept"):
        tune(plan, tmp_path / "out", dataset=data)
    assert [path.name for path in (tmp_path / "out" / "work").glob("checkpoint-*")] == ["checkpoint-3"]
    result = tune(plan, tmp_path / "out", dataset=data, resume=True)
    assert result.files == tune(plan, tmp_path / "whole", dataset=data).files


def test_too_little_space_is_said_before_the_first_step(
    bases: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=16 * 2**20))
    with pytest.raises(TrainingFailed, match="the disk is too full to save: 16 MB free, "):
        tune(plan_of(bases["qwen3"], method="full", max_steps=1), tmp_path / "out", dataset=toys.toy("copy"))


def test_a_checkpoint_of_another_run_is_refused(tmp_path: Path) -> None:
    one, other = torch.nn.Linear(2, 2), torch.nn.Sequential(torch.nn.Linear(2, 2))
    checkpoints.save_weights(one, tmp_path / "weights.safetensors")
    with pytest.raises(TrainingFailed, match="is of another run"):
        checkpoints.load_weights(other, tmp_path / "weights.safetensors")


# --- stopping early ---
def contradicting() -> toys.Toy:
    """Validation rows that contradict the training rows: the better the one, the worse the other."""
    data = toys.toy("copy")
    for row, wrong in zip(data.splits["validation"], itertools.cycle(("bold", "calm", "cool")), strict=False):
        row["messages"][-1]["content"] = f"the desk is {wrong} bad now white"
    return data


def test_training_stops_early_and_the_best_weights_are_kept(bases: dict[str, Path], tmp_path: Path) -> None:
    seen: dict[int, float] = {}

    def note(step: int, values: Any) -> None:
        if "eval_loss" in values:
            seen[step] = values["eval_loss"]

    plan = plan_of(
        bases["qwen3"], method="full", learning_rate=1e-2, max_steps=60, evaluate_every=2, early_stopping_patience=3,
        schedule="constant",
    )  # fmt: skip
    result = tune(plan, tmp_path / "out", dataset=contradicting(), on_metrics=note)
    best = min(seen, key=lambda step: seen[step])
    assert result.stopped_early
    assert result.best_step == best
    assert result.steps == best + 6 < 60
    assert result.evaluation["loss"] == pytest.approx(seen[best])
