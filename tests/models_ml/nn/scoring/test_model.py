"""Probabilities that agree with each other, and a scorer that survives the disk or is refused."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

from models_ml.nn.artifacts import RECORD, file_hashes, write_json
from models_ml.nn.scoring import Scorer, ScorerError
from models_ml.nn.scoring.encoder import EMBEDDED, TransformerEncoder, embedded_folder, middle_layers
from models_ml.nn.scoring.storage import SETTINGS, WEIGHTS
from tests.models_ml.nn.scoring.world import WORDS, BagEncoder, bert_folder, rewrite_json

PHRASES = st.lists(st.sampled_from(WORDS), min_size=1, max_size=6).map(" ".join)


@given(PHRASES, PHRASES)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_two_sides_of_a_contest_add_up_to_one(bag_scorer: Scorer, first: str, second: str) -> None:
    chance = bag_scorer.probability(first, second)
    assert 0 < chance < 1
    assert chance + bag_scorer.probability(second, first) == pytest.approx(1.0)
    assert bag_scorer.probability(first, first) == 0.5


def test_beats_is_the_probability_against_the_control(bag_scorer: Scorer) -> None:
    candidates = ["Amber otter hum", "Quail panda clang", "Ibex drone"]
    expected = [bag_scorer.probability(candidate, "Newt chime") for candidate in candidates]
    assert bag_scorer.beats("Newt chime", candidates) == pytest.approx(expected)
    assert bag_scorer.beats("Newt chime", []) == []


def test_utilities_do_not_depend_on_the_company(bag_scorer: Scorer) -> None:
    together = bag_scorer.utility(["Amber otter", " Quail hum ", "Newt"])
    alone = [bag_scorer.utility([text])[0] for text in ("Amber otter", "Quail hum", "Newt")]
    assert together.tolist() == pytest.approx(alone, abs=1e-5)


def test_an_empty_text_has_no_score(bag_scorer: Scorer) -> None:
    with pytest.raises(ScorerError, match="text: text 2 is empty"):
        bag_scorer.utility(["Otter", " "])


@pytest.fixture
def saved(text_scorer: Scorer, tmp_path: Path) -> Path:
    text_scorer.save(tmp_path / "scorer")
    return tmp_path / "scorer"


def test_a_loaded_scorer_says_the_same(text_scorer: Scorer, saved: Path) -> None:
    loaded = Scorer.load(saved)
    texts = ["Amber otter hum?", "Seven quails", "猫爱睡觉"]
    assert loaded.utility(texts).tolist() == text_scorer.utility(texts).tolist()
    assert loaded.measured == text_scorer.measured
    assert loaded.record["tests"] == text_scorer.record["tests"]
    assert {path.suffix for path in saved.iterdir()} == {".safetensors", ".json"}


def test_no_sentence_of_the_training_data_is_on_disk(saved: Path) -> None:
    content = b"".join(path.read_bytes() for path in saved.iterdir()).lower()
    assert not [word for word in WORDS if len(word) > 5 and word.encode() in content]


def _refusal(folder: Path, **options: BagEncoder) -> ScorerError:
    with pytest.raises(ScorerError) as refused:
        Scorer.load(folder, **options)
    return refused.value


@pytest.mark.parametrize("name", [WEIGHTS, SETTINGS])
def test_a_changed_or_missing_file_is_refused(saved: Path, name: str) -> None:
    path = saved / name
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    assert name in _refusal(saved).message
    path.unlink()
    assert f"{name} is missing" in _refusal(saved).message


def test_a_folder_of_another_kind_is_refused(saved: Path, tmp_path: Path) -> None:
    assert "holds no scorer" in _refusal(tmp_path).message
    rewrite_json(saved / RECORD, recipe="a starter model")
    assert "holds no scorer" in _refusal(saved).message


def _resealed(folder: Path) -> None:
    rewrite_json(folder / RECORD, files=file_hashes(folder))


@pytest.mark.parametrize(
    ("name", "cut", "message"),
    [
        ("weights", 1, "landmarks.encoder has the shape"),
        ("buckets", 5, "buckets has the shape"),
        ("idf", None, "lack idf"),
    ],
)
def test_weights_of_another_shape_are_refused_even_when_sealed(
    saved: Path, name: str, cut: int | None, message: str
) -> None:
    tensors = load_file(str(saved / WEIGHTS))
    kept = tensors.pop(name)
    if cut is not None:
        tensors[name] = kept[cut:].copy()
    save_file(tensors, str(saved / WEIGHTS))
    _resealed(saved)
    assert message in _refusal(saved).message


def test_weights_that_are_no_numbers_are_refused(saved: Path) -> None:
    tensors = load_file(str(saved / WEIGHTS))
    tensors["weights"][0] = float("nan")
    save_file(tensors, str(saved / WEIGHTS))
    _resealed(saved)
    assert "no numbers" in _refusal(saved).message


def test_settings_of_other_features_are_refused(saved: Path) -> None:
    rewrite_json(saved / SETTINGS, handmade=["length"])
    _resealed(saved)
    assert "train the scorer again" in _refusal(saved).message


def test_an_encoder_is_found_again_and_another_is_refused(bert_scorer: Scorer, tiny_bert: Path, tmp_path: Path) -> None:
    bert_scorer.save(tmp_path / "scorer")
    texts = ["Amber otter hum", "Quail clang"]
    assert Scorer.load(tmp_path / "scorer").utility(texts).tolist() == pytest.approx(
        bert_scorer.utility(texts).tolist()
    )
    assert _refusal(tmp_path / "scorer", encoder=BagEncoder()).field == "base"
    other = bert_folder(tmp_path / "other", seed=1)
    assert bert_scorer.encoder is not None
    moved = {"location": str(other), "fingerprint": bert_scorer.encoder.fingerprint}
    rewrite_json(tmp_path / "scorer" / SETTINGS, encoder=moved)
    _resealed(tmp_path / "scorer")
    assert "is not the one the scorer was trained with" in _refusal(tmp_path / "scorer").message


def test_a_folder_that_is_no_encoder_is_refused(tmp_path: Path, tiny_bert: Path) -> None:
    with pytest.raises(ScorerError) as refused:
        TransformerEncoder(str(tmp_path))
    assert refused.value.field == "base"
    without = tmp_path / "no weights"
    shutil.copytree(tiny_bert, without)
    (without / "model.safetensors").unlink()
    with pytest.raises(ScorerError) as refused:
        TransformerEncoder(str(without))
    assert refused.value.field == "base"


def test_an_encoder_that_is_not_what_was_trained_is_refused(tmp_path: Path, tiny_bert: Path) -> None:
    changed = tmp_path / "changed"
    shutil.copytree(tiny_bert, changed)
    write_json(changed / RECORD, {"files": {**file_hashes(changed), "model.safetensors": "0" * 64}})
    with pytest.raises(ScorerError, match="is not the file that was trained"):
        TransformerEncoder(str(changed))


@pytest.mark.parametrize(
    ("count", "layers"),
    [(1, [1]), (2, [1]), (3, [1, 2]), (6, [2, 3, 4, 5]), (12, [4, 6, 8, 10]), (24, [8, 12, 16, 20])],
)
def test_the_layers_read_are_the_middle_ones(count: int, layers: list[int]) -> None:
    assert middle_layers(count) == layers


def test_the_embedded_encoder_reads_layers_two_to_five_whatever_stands_beside_a_text() -> None:
    if embedded_folder() is None:
        pytest.skip("the optional package with the embedded encoder is not installed (make encoder)")
    encoder = TransformerEncoder(EMBEDDED)
    assert (encoder.layers, encoder.width) == ([2, 3, 4, 5], 1536)
    short, long = "Otters hum.", "Why do otters hum when nobody is there to listen to them?"
    together, alone = encoder.encode([long, short]), encoder.encode([short])
    assert together[1].tolist() == pytest.approx(alone[0].tolist(), abs=1e-4)


def test_a_missing_embedded_encoder_is_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models_ml.nn.scoring.encoder._PACKAGE", "no_such_package_of_ours")
    assert embedded_folder() is None
    with pytest.raises(ScorerError, match="make encoder"):
        TransformerEncoder(EMBEDDED)
