"""Folders and names that cannot be loaded: each a sentence, nothing executed."""

from __future__ import annotations

import json
import pickle
import shutil
import socket
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from models_ml.nn.artifacts import ModelFolderError, file_hashes, model_hash, verified_hash
from models_ml.nn.hub import hub_reachable
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
    with pytest.raises(
        ModelFolderError, match=r"holds no safetensors weights, only pytorch_model\.bin, a pickle, which"
    ):
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


def test_weights_of_another_architecture_are_refused(folder: Path) -> None:
    from transformers import LlamaConfig, LlamaForCausalLM

    (folder / "training.json").unlink()
    vocabulary = json.loads((folder / "config.json").read_text())["vocab_size"]
    shape: dict[str, Any] = {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
    }
    other = LlamaForCausalLM(LlamaConfig(vocab_size=vocabulary, **shape))
    other.save_pretrained(folder / "other")
    shutil.move(folder / "other" / "model.safetensors", folder / "model.safetensors")
    with pytest.raises(ModelFolderError, match=r"cannot be loaded|not those of a qwen3 model that writes"):
        load(folder)


def test_a_network_that_the_weights_fill_only_in_part_is_refused(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    (folder / "training.json").unlink()
    weights = load_file(folder / "model.safetensors")
    left_out = next(name for name in weights if name.endswith("q_norm.weight"))
    del weights[left_out]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelFolderError, match=rf"1 tensors are missing, {left_out.replace('.', '[.]')} for one"):
        load(folder)


def test_an_encoder_decoder_is_refused(folder: Path) -> None:
    from transformers import T5Config, T5ForConditionalGeneration

    (folder / "training.json").unlink()
    shape: dict[str, Any] = {"d_model": 16, "d_kv": 4, "d_ff": 16, "num_layers": 1, "num_heads": 2, "vocab_size": 64}
    T5ForConditionalGeneration(T5Config(**shape)).save_pretrained(folder)
    with pytest.raises(ModelFolderError, match="it cannot be loaded"):
        load(folder)


def test_a_tokenizer_of_another_model_is_refused(folder: Path) -> None:
    (folder / "training.json").unlink()
    shutil.copy(SHIPPED / "tokenizer.json", folder / "tokenizer.json")
    with pytest.raises(
        ModelFolderError, match=r"its tokenizer is of another model: it has token \d+, the weights know"
    ):
        load(folder)


@pytest.mark.parametrize("content", ["{", "[]", '{"version": "1.0"}'])
def test_a_broken_tokenizer_is_a_sentence(folder: Path, content: str) -> None:
    (folder / "training.json").unlink()
    (folder / "tokenizer.json").write_text(content)
    with pytest.raises(ModelFolderError, match="its tokenizer cannot be loaded"):
        load(folder)


def test_a_missing_shard_is_named(folder: Path) -> None:
    (folder / "training.json").unlink()
    index = {"weight_map": {"a": "model.safetensors", "b": "model-00002-of-00002.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(
        ModelFolderError, match=r"model-00002-of-00002\.safetensors is missing, though model\.safetensors\.index"
    ):
        load(folder)
    (folder / "model.safetensors.index.json").write_text("[]")
    with pytest.raises(ModelFolderError, match="does not list the model's files"):
        load(folder)


def test_a_record_says_whether_a_model_reads_examples(folder: Path) -> None:
    assert not load(folder).reads_examples  # 512 tokens have no room for them
    record = json.loads((folder / "training.json").read_text())
    (folder / "training.json").write_text(json.dumps({**record, "reads_examples": True}))
    assert load(folder).reads_examples


def test_the_hub_is_found_out_of_reach_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", *(f"{kind}_proxy" for kind in ("http", "https", "all"))):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port = listening.getsockname()[1]
        started = time.monotonic()
        assert not hub_reachable(f"http://127.0.0.1:{port}")  # bound, and nobody listens
        listening.listen()
        assert hub_reachable(f"http://127.0.0.1:{port}")
        monkeypatch.setenv("HF_HUB_OFFLINE", "1")
        assert not hub_reachable(f"http://127.0.0.1:{port}")
        assert time.monotonic() - started < 5


def test_a_hub_whose_name_server_is_silent_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    answered = threading.Event()

    def silent(*_args: object, **_options: object) -> socket.socket:
        answered.wait(10)
        raise OSError

    monkeypatch.setattr("socket.create_connection", silent)
    started = time.monotonic()
    assert not hub_reachable("http://hub.example")
    assert time.monotonic() - started < 2.5
    answered.set()


def test_a_hub_name_without_network_is_a_sentence() -> None:
    started = time.monotonic()
    with pytest.raises(ModelFolderError, match="it could not be had from the Hugging Face hub") as caught:
        load("copylift-tests/no-such-model")
    assert "\n" not in str(caught.value)
    assert time.monotonic() - started < 5


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
