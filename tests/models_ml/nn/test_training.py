"""Rows, stages and the whole recipe on the tiny preset: losses, resuming, cancelling, bad folders."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from models_ml.brief import SLOTS
from models_ml.nn.architecture import PRESETS, build, parameter_count
from models_ml.nn.artifacts import file_hashes
from models_ml.nn.data import IGNORED, PadRight, Row, answer_rows, in_order, packed_rows
from models_ml.nn.grammar.corpus import examples
from models_ml.nn.loading import LoadedModel, load
from models_ml.nn.progress import Cancelled
from models_ml.nn.starter import StarterError, train_starter
from models_ml.nn.training import TrainingFailed, _Watch


def test_each_slot_is_one_token_and_text_comes_back(tiny: LoadedModel) -> None:
    for slot in SLOTS:
        assert len(tiny.tokenizer(f"{{{slot}}}", add_special_tokens=False)["input_ids"]) == 1
    for text in ("Meet {product}.\nbody: Save {discount}, now!", "享{discount}，鑫龘 \u00e9 😀"):
        assert tiny.tokenizer.decode(tiny.tokenizer(text, add_special_tokens=False)["input_ids"]) == text


def test_the_chat_template_shows_no_shop_text(tiny: LoadedModel) -> None:
    item = next(examples(1, 1))
    shown = tiny.tokenizer.apply_chat_template(item.chat(), tokenize=False)
    assert item.brief.product.name not in shown
    assert item.answer + "<|end|>" in shown
    assert "You write marketing copy" not in shown


def test_the_chat_template_leaves_out_what_the_model_need_not_read(tiny: LoadedModel) -> None:
    shown = tiny.tokenizer.apply_chat_template(
        [{"role": "user", "content": "tone: warm\ntheme_hint: Calm\nslots: {product}\nmust: {product}\n\nmore"}],
        tokenize=False,
        add_generation_prompt=True,
    )
    assert shown == "<|user|>\ntone: warm\nslots: {product}<|assistant|>\n"


def test_the_gpu_preset_trains_at_its_own_shape(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = dataclasses.replace(PRESETS["gpu"], batch_size=4, vocabulary=1024)
    monkeypatch.setitem(PRESETS, "gpu", small)
    monkeypatch.setattr("models_ml.nn.starter._TOKENIZER_EXAMPLES", 200)
    record = train_starter(tmp_path / "model", preset="gpu", seed=1, steps=(2, 2))
    assert (record["architecture"]["layers"], record["architecture"]["hidden"]) == (8, 384)
    assert all(math.isfinite(stage["loss"]) for stage in record["stages"].values())
    assert load(tmp_path / "model").context == 512


def test_answer_rows_carry_loss_on_the_answer_alone(tiny: LoadedModel) -> None:
    item = next(examples(1, 1))
    [row] = answer_rows([item.chat()], tiny.tokenizer, longest=512)
    trained = [token for token, label in zip(row.input_ids, row.labels, strict=True) if label != IGNORED]
    assert tiny.tokenizer.decode(trained) == item.answer + "<|end|>"
    assert row.labels[: len(row.labels) - len(trained)] == [IGNORED] * (len(row.labels) - len(trained))
    assert answer_rows([item.chat()], tiny.tokenizer, longest=20) == []


def test_packed_rows_are_full_and_closed_by_end_tokens(tiny: LoadedModel) -> None:
    rows = packed_rows(["a b c"] * 50, tiny.tokenizer, block=16)
    assert {len(row.input_ids) for row in rows} == {16}
    assert all(row.input_ids == row.labels for row in rows)
    assert any(tiny.tokenizer.eos_token_id in row.input_ids for row in rows)


def test_padding_is_masked_and_carries_no_loss() -> None:
    batch = PadRight(7)([Row([1, 2, 3], [IGNORED, 2, 3]), Row([4], [4])])
    assert batch["input_ids"].tolist() == [[1, 2, 3], [4, 7, 7]]
    assert batch["attention_mask"].tolist() == [[1, 1, 1], [1, 0, 0]]
    assert batch["labels"].tolist() == [[IGNORED, 2, 3], [4, IGNORED, IGNORED]]


def test_order_is_seeded_loses_no_full_batch_and_groups_lengths() -> None:
    rows = [Row([index] * (1 + index % 9), [index] * (1 + index % 9)) for index in range(100)]
    ordered = in_order(rows, batch_size=10, seed=1)
    assert sorted(row.input_ids[0] for row in ordered.rows) == list(range(100))
    assert ordered.rows == in_order(rows, batch_size=10, seed=1).rows != in_order(rows, batch_size=10, seed=2).rows
    spans = [{len(row.input_ids) for row in ordered.rows[start : start + 10]} for start in range(0, 100, 10)]
    assert max(max(span) - min(span) for span in spans) <= 1
    assert ordered.tokens == ordered.trained_tokens == sum(1 + index % 9 for index in range(100))


def test_weights_follow_the_seed_and_leave_the_global_generator_alone(tiny: LoadedModel) -> None:
    tokenizer = tiny.tokenizer
    before = torch.get_rng_state()
    one, same, other = (build(PRESETS["tiny"], tokenizer, seed=seed) for seed in (1, 1, 2))  # type: ignore[arg-type]
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(one.model.embed_tokens.weight, same.model.embed_tokens.weight)
    assert not torch.equal(one.model.embed_tokens.weight, other.model.embed_tokens.weight)
    assert parameter_count(one) == sum(tensor.numel() for tensor in one.parameters())


def test_the_record_tells_what_was_done(tiny_folder: Path) -> None:
    record = json.loads((tiny_folder / "training.json").read_text())
    assert record["plan"] == {
        "preset": "tiny",
        "seed": 3,
        "pretrain_steps": 4,
        "tune_steps": 4,
        "polish_steps": 0,
        "recipe": 2,
    }
    assert record["files"] == file_hashes(tiny_folder)
    assert {stage: record["stages"][stage]["steps"] for stage in ("pretrain", "tune")} == {"pretrain": 4, "tune": 4}
    assert 0 < record["stages"]["tune"]["trained_tokens"] < record["stages"]["tune"]["tokens"]
    assert record["cpu_seconds"] > 0
    assert not (tiny_folder / "work").exists()
    assert load_file(tiny_folder / "model.safetensors")["model.embed_tokens.weight"].dtype == torch.float16


class StopAt:
    """Asks to stop once the given stage has reported a step, as a person would press cancel."""

    def __init__(self, stage: str) -> None:
        self.stage, self.reached, self.fractions = stage, False, list[float]()

    def report(self, fraction: float, stage: str, message: str, metrics: Mapping[str, float]) -> None:
        self.fractions.append(fraction)
        self.reached |= stage == self.stage and bool(metrics)

    def should_stop(self) -> bool:
        return self.reached


def test_polishing_reads_other_texts_from_the_weights_as_shipped_and_resumes(tiny_folder: Path, tmp_path: Path) -> None:
    whole = train_starter(tmp_path / "whole", preset="tiny", seed=3, steps=(4, 4, 4))
    stages = whole["stages"]
    assert list(stages) == ["pretrain", "tune", "polish"]
    assert len({stage["dataset_sha256"] for stage in stages.values()}) == 3
    assert whole["files"] != file_hashes(tiny_folder)
    stop = StopAt("polish")
    with pytest.raises(Cancelled, match="polish: stopped at step"):
        train_starter(
            tmp_path / "cut",
            preset="tiny",
            seed=3,
            steps=(4, 4, 4),
            on_progress=stop.report,
            should_stop=stop.should_stop,
        )
    assert train_starter(tmp_path / "cut", preset="tiny", seed=3, resume=True)["files"] == whole["files"]


@pytest.mark.parametrize("stage", ["pretrain", "tune"])
def test_a_resumed_run_has_the_weights_of_an_uninterrupted_one(tiny_folder: Path, tmp_path: Path, stage: str) -> None:
    out, stop = tmp_path / "model", StopAt(stage)
    with pytest.raises(Cancelled, match=f"{stage}: stopped at step"):
        train_starter(out, preset="tiny", seed=3, steps=(4, 4), on_progress=stop.report, should_stop=stop.should_stop)
    assert not (out / "training.json").exists()
    with pytest.raises(StarterError, match="unfinished training"):
        train_starter(out, preset="tiny", seed=3, steps=(4, 4))
    with pytest.raises(StarterError, match="another preset or seed"):
        train_starter(out, preset="tiny", seed=4, steps=(4, 4), resume=True)
    record = train_starter(out, preset="tiny", seed=3, resume=True)
    assert record["files"] == file_hashes(tiny_folder)


def test_training_lowers_the_loss_and_progress_only_grows(tmp_path: Path) -> None:
    watch = StopAt("never")
    record = train_starter(tmp_path / "model", preset="tiny", seed=1, steps=(20, 30), on_progress=watch.report)
    losses = [loss for _, loss in record["stages"]["pretrain"]["losses"]]
    assert losses[-1] < losses[0] - 0.3
    assert watch.fractions == sorted(watch.fractions)
    assert (watch.fractions[0], watch.fractions[-1]) == (0.0, 1.0)


def test_minutes_become_steps(tmp_path: Path) -> None:
    record = train_starter(tmp_path / "model", preset="tiny", seed=1, minutes=0.01)
    plan = record["plan"]
    assert plan["pretrain_steps"] >= 2
    assert plan["tune_steps"] > plan["pretrain_steps"] or plan["tune_steps"] == 2


@pytest.mark.parametrize(
    ("prepare", "sentence"),
    [
        (lambda out: out.write_text("x"), "is not a folder"),
        (lambda out: (out.mkdir(), (out / "notes.txt").write_text("x")), "is not empty"),
        (lambda out: (out.mkdir(), (out / "training.json").write_text("{}")), "already holds a finished model"),
        (lambda out: (out / "work").mkdir(parents=True), "holds an unfinished training"),
    ],
)
def test_a_folder_in_use_is_left_as_it_is(tmp_path: Path, prepare: object, sentence: str) -> None:
    out = tmp_path / "model"
    prepare(out)  # type: ignore[operator]
    before = sorted(str(path) for path in tmp_path.rglob("*"))
    with pytest.raises(StarterError, match=sentence):
        train_starter(out, preset="tiny", steps=(2, 2))
    assert sorted(str(path) for path in tmp_path.rglob("*")) == before


def test_an_unknown_preset_names_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(StarterError, match="unknown preset 'huge'; known: tiny, cpu, gpu"):
        train_starter(tmp_path / "model", preset="huge")
    assert list(tmp_path.iterdir()) == []


def test_a_loss_that_is_no_number_stops_the_stage() -> None:
    from transformers import TrainerControl, TrainerState

    from models_ml.nn.progress import never, silent
    from models_ml.nn.training import StageSettings

    watch = _Watch(StageSettings("tune", 4, 2, 1e-3, 1), silent, never)
    with pytest.raises(TrainingFailed, match="tune: the loss is nan at step 3"):
        watch.on_log(None, TrainerState(global_step=3), TrainerControl(), logs={"loss": math.nan})
