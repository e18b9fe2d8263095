"""Folders and names that cannot be loaded: each a sentence, nothing executed."""

from __future__ import annotations

import json
import pickle
import shutil
from pathlib import Path

import pytest
import torch

from models_ml.nn.artifacts import ModelFolderError, file_hashes, model_hash, verified_hash
from models_ml.nn.loading import SHIPPED, LoadedModel, load, set_threads


@pytest.fixture
def folder(tiny_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_folder, tmp_path / "copy"))


def test_a_loaded_model_knows_its_name_hash_and_room(tiny: LoadedModel, tiny_folder: Path) -> None:
    assert (tiny.id, tiny.context, tiny.has_chat_template) == ("tiny", 512, True)
    assert tiny.hash == model_hash(file_hashes(tiny_folder)) == verified_hash(tiny_folder)
    assert tiny.model.dtype == torch.float32
    assert not tiny.model.training


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelFolderError, match=r"there is no model folder .*/nowhere"):
        load(tmp_path / "nowhere")
    with pytest.raises(ModelFolderError, match=r"there is no model folder \./nowhere"):
        load("./nowhere")


def test_an_empty_folder_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(ModelFolderError, match=r"holds no config\.json"):
        load(tmp_path)


def test_a_folder_without_tokenizer_is_refused(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()
    with pytest.raises(ModelFolderError, match="holds no tokenizer"):
        load(folder)


def test_a_pickle_is_never_read(folder: Path, tmp_path: Path) -> None:
    trap = tmp_path / "sprung"

    class Trap:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (Path.touch, (str(trap),))

    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Trap()))
    with pytest.raises(ModelFolderError, match="holds no safetensors weights"):
        load(folder)
    assert not trap.exists()


@pytest.mark.parametrize("content", [b"", b"not a model", b"\xff" * 64])
def test_corrupt_weights_are_named(folder: Path, content: bytes) -> None:
    (folder / "model.safetensors").write_bytes(content)
    with pytest.raises(ModelFolderError, match=r"model\.safetensors is not a readable safetensors file"):
        load(folder)


def test_weights_cut_short_are_named(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ModelFolderError, match="is not a readable safetensors file"):
        load(folder)


def test_a_changed_byte_is_found_by_its_hash(folder: Path) -> None:
    path = folder / "model.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(ModelFolderError, match=r"model\.safetensors is not the file that was trained"):
        load(folder)


def test_a_file_the_record_lists_must_be_there(folder: Path) -> None:
    (folder / "chat_template.jinja").unlink()
    with pytest.raises(ModelFolderError, match=r"chat_template\.jinja is missing, though training\.json lists it"):
        load(folder)


@pytest.mark.parametrize("record", ["{", "[]", '{"files": 3}'])
def test_an_unreadable_record_is_refused(folder: Path, record: str) -> None:
    (folder / "training.json").write_text(record)
    with pytest.raises(ModelFolderError, match=r"training\.json"):
        load(folder)


def test_a_folder_without_record_loads_and_is_hashed(folder: Path) -> None:
    (folder / "training.json").unlink()
    assert load(folder).hash == model_hash(file_hashes(folder))


def test_code_from_a_folder_is_not_run(folder: Path, tmp_path: Path) -> None:
    (folder / "training.json").unlink()
    config = json.loads((folder / "config.json").read_text())
    config |= {"model_type": "foreign", "auto_map": {"AutoModelForCausalLM": "evil.Model", "AutoConfig": "evil.Config"}}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "evil.py").write_text(f"open({str(tmp_path / 'sprung')!r}, 'w').close()\n")
    with pytest.raises(ModelFolderError, match="cannot be loaded"):
        load(folder)
    assert not (tmp_path / "sprung").exists()


def test_a_hub_name_without_network_is_a_sentence() -> None:
    with pytest.raises(ModelFolderError, match="it could not be had from the Hugging Face hub") as caught:
        load("copylift-tests/no-such-model")
    assert "\n" not in str(caught.value)


def test_threads_are_set_on_purpose(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    try:
        assert set_threads(2) == torch.get_num_threads() == 2
        assert set_threads() == torch.get_num_threads() == 1
        with pytest.raises(ValueError, match="at least 1"):
            set_threads(0)
    finally:
        set_threads(1)


def test_the_shipped_folder_is_small_whole_and_holds_no_pickle() -> None:
    assert sum(path.stat().st_size for path in SHIPPED.iterdir()) < 30e6
    assert {path.suffix for path in SHIPPED.iterdir()} <= {".json", ".jinja", ".safetensors", ".md"}
    assert verified_hash(SHIPPED)
