"""Adapters over one base: loaded once, swapped exactly, bounded, checked, and refused with a sentence."""

from __future__ import annotations

import gc
import json
import pickle
import shutil
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import peft
import pytest
import torch
from transformers import AutoModelForCausalLM

from models_ml.brief import Brief, Offer, Product
from models_ml.nn import shelf
from models_ml.nn.artifacts import ModelFolderError, file_hashes, write_json
from models_ml.nn.generation import LocalModel, continue_prompts
from models_ml.nn.loading import LoadedModel, load
from models_ml.nn.progress import never
from models_ml.nn.prompting import prompt_of
from models_ml.nn.sampling import Sampling
from models_ml.nn.tuning.bottleneck import add_bottleneck, load_bottleneck, save_bottleneck
from models_ml.nn.tuning.plan import TuningPlan

IDS = torch.tensor([[5, 9, 30, 41, 7], [8, 8, 3, 12, 40]])
LINEAR = ["q_proj", "v_proj", "down_proj"]
CONFIGS: dict[str, Callable[[], Any]] = {
    "lora": lambda: peft.LoraConfig(task_type="CAUSAL_LM", r=4, target_modules=LINEAR),
    "dora": lambda: peft.LoraConfig(task_type="CAUSAL_LM", r=2, use_dora=True, target_modules=LINEAR),
    "ia3": lambda: peft.IA3Config(task_type="CAUSAL_LM", target_modules=LINEAR, feedforward_modules=["down_proj"]),
    "prefix": lambda: peft.PrefixTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=3),
    "prompt": lambda: peft.PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=3),
}
KINDS = [*CONFIGS, "bottleneck"]


def plain_base(folder: Path) -> Any:
    network: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    return network.eval()


def stirred(network: Any, seed: int) -> None:
    """Give each trainable number a value that changes what the model says."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.requires_grad:
                parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.5)


def make_adapter(kind: str, base: Path, out: Path, *, seed: int = 1) -> Path:
    """An adapter folder as a tuning run leaves it, without its record."""
    network = plain_base(base)
    if kind == "bottleneck":
        plan = TuningPlan(base=str(base), dataset="none", method="bottleneck", rank=4, seed=seed)
        add_bottleneck(network, plan)
        stirred(network, seed)
        save_bottleneck(network, out)
        return out
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        tuned = peft.get_peft_model(network, CONFIGS[kind]())
    stirred(tuned, seed)
    tuned.save_pretrained(str(out), save_embedding_layers=False)
    return out


@pytest.fixture(scope="module")
def made(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One adapter of each kind, and a second LoRA."""
    room = tmp_path_factory.mktemp("adapters")
    folders = {kind: make_adapter(kind, tiny_folder, room / kind) for kind in KINDS}
    return {**folders, "lora two": make_adapter("lora", tiny_folder, room / "lora-two", seed=2)}


@pytest.fixture
def folder(made: dict[str, Path], tmp_path: Path) -> Path:
    """A LoRA that a test may spoil."""
    return Path(shutil.copytree(made["lora"], tmp_path / "adapter"))


@pytest.fixture(autouse=True)
def _nothing_is_left_behind() -> Iterator[None]:
    # What earlier tests of this process keep loaded is none of these tests' business.
    shelf._bases.clear()
    yield
    gc.collect()
    assert len(shelf._bases) == 0  # a base goes with the last adapter that stands on it


def logits(network: Any) -> torch.Tensor:
    with torch.inference_mode():
        found: torch.Tensor = network(input_ids=IDS, attention_mask=torch.ones_like(IDS)).logits
    return found[:, -IDS.shape[1] :]  # without those of virtual tokens


def reference(folder: Path, base: Path) -> torch.Tensor:
    """The same adapter opened on a base of its own."""
    if folder.name == "bottleneck":
        return logits(load_bottleneck(plain_base(base), folder))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        return logits(peft.PeftModel.from_pretrained(plain_base(base), str(folder)).eval())


def test_each_kind_is_swapped_in_over_one_base_and_says_what_it_says_alone(
    made: dict[str, Path], tiny_folder: Path
) -> None:
    plain = logits(plain_base(tiny_folder))
    alone = {kind: reference(folder, tiny_folder) for kind, folder in made.items()}
    loaded = {kind: load(folder) for kind, folder in made.items()}
    assert len(shelf._bases) == 1
    order = [
        "lora",
        "lora two",
        "bottleneck",
        "ia3",
        "lora",
        "prefix",
        "prompt",
        "dora",
        "bottleneck",
        "lora two",
        "ia3",
    ]
    for kind in order:
        torch.testing.assert_close(logits(loaded[kind].model), alone[kind], rtol=1e-5, atol=1e-5)
        assert not torch.allclose(alone[kind], plain, atol=1e-3)
    (base,) = shelf._bases.values()
    base._take_bottleneck_off()
    base._take_peft_off()
    assert torch.equal(logits(base.network), plain)  # nothing of them is left in the base


def test_several_adapters_share_the_memory_of_their_base(made: dict[str, Path], tiny_folder: Path) -> None:
    one, two = load(made["lora"]), load(made["lora two"])
    tables: list[Any] = [loaded.model.get_input_embeddings() for loaded in (one, two)]
    assert tables[0].weight.data_ptr() == tables[1].weight.data_ptr()
    assert one.hash != two.hash
    assert (one.base_id, one.base_hash) == ("tiny", load(tiny_folder).hash)


def test_the_least_recently_used_are_dropped_and_come_back(tiny_folder: Path, tmp_path: Path) -> None:
    folders = [make_adapter("lora", tiny_folder, tmp_path / f"a{seed}", seed=seed) for seed in range(6)]
    loaded = [load(folder) for folder in folders]
    (base,) = shelf._bases.values()
    assert [folder.name for folder in base.kept.values()] == ["a2", "a3", "a4", "a5"]
    torch.testing.assert_close(logits(loaded[0].model), reference(folders[0], tiny_folder), rtol=1e-5, atol=1e-5)
    assert [folder.name for folder in base.kept.values()] == ["a3", "a4", "a5", "a0"]
    assert set(base.kept) == set(base._peft.peft_config)  # type: ignore[union-attr]


def test_an_adapter_that_changed_on_disk_is_not_brought_back(folder: Path, made: dict[str, Path]) -> None:
    loaded, other = load(folder), load(made["ia3"])
    assert other.model is not None  # another type takes it off
    config = json.loads((folder / "adapter_config.json").read_text())
    (folder / "adapter_config.json").write_text(json.dumps({**config, "lora_alpha": 99}))
    with pytest.raises(ModelFolderError, match="was changed or removed since it was loaded"):
        _ = loaded.model
    shutil.rmtree(folder)
    with pytest.raises(ModelFolderError, match="was changed or removed since it was loaded"):
        _ = loaded.model


@pytest.mark.parametrize("kind", KINDS)
def test_an_adapter_writes_the_same_in_any_batch_and_knows_its_room(made: dict[str, Path], kind: str) -> None:
    loaded = load(made[kind])
    brief = Brief("en", "push", Product("Mug"), offer=Offer("percent", "20%"))
    other = Brief("zh", "email", Product("保温杯", "drinkware"))
    prompts, sampling = [prompt_of(loaded, one) for one in (brief, other)], Sampling(max_new_tokens=8)
    together = continue_prompts(loaded, prompts, [1, 2], sampling, never)
    alone = [
        continue_prompts(loaded, [prompt], [seed], sampling, never)[0]
        for prompt, seed in zip(prompts, (1, 2), strict=True)
    ]
    assert together == alone
    virtual = 3 if kind in ("prefix", "prompt") else 0
    assert (loaded.virtual_tokens, loaded.context) == (virtual, 512 - virtual)


def test_provenance_names_base_and_adapter(made: dict[str, Path], tiny: LoadedModel) -> None:
    provider = LocalModel(load(made["lora"]))
    assert (provider.id, provider.hash) == ("tiny", tiny.hash)
    assert provider.adapter == f"lora {provider.loaded.hash}"
    assert LocalModel(tiny).adapter == ""


# --- refused ---------------------------------------------------------------------------------------------------------
def changed(folder: Path, **fields: Any) -> Path:
    config = json.loads((folder / "adapter_config.json").read_text())
    (folder / "adapter_config.json").write_text(json.dumps({**config, **fields}))
    return folder


def test_a_pickled_adapter_is_never_read(folder: Path, tmp_path: Path) -> None:
    trap = tmp_path / "sprung"

    class Trap:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (Path.touch, (str(trap),))

    (folder / "adapter_model.safetensors").unlink()
    (folder / "adapter_model.bin").write_bytes(pickle.dumps(Trap()))
    with pytest.raises(
        ModelFolderError, match=r"holds no adapter_model\.safetensors, only adapter_model\.bin, a pickle"
    ):
        load(folder)
    assert not trap.exists()


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"base_model_name_or_path": None}, "names no base_model_name_or_path"),
        (
            {"base_model_name_or_path": "/nowhere/base"},
            "its base cannot be used: there is no model folder /nowhere/base",
        ),
        ({"peft_type": "MAGIC"}, r"adapter_config\.json is not readable"),
        ({"task_type": "SEQ_CLS"}, "was tuned for SEQ_CLS, so it does not write"),
        ({"init_lora_weights": "pissa"}, "init_lora_weights is 'pissa', which changes the base"),
        ({"target_modules": ["no_such_layer"]}, "does not fit its base"),
        ({"r": 8}, "does not fit its base"),
        ({"target_modules": ["q_proj"]}, "is in one of them only"),
        ({"target_modules": [*LINEAR, "k_proj"]}, "is in one of them only"),
    ],
)
def test_an_unfit_configuration_is_named(folder: Path, fields: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ModelFolderError, match=sentence):
        load(changed(folder, **fields))


@pytest.mark.parametrize("content", [b"", b"not a tensor", b"\xff" * 64])
def test_corrupt_adapter_weights_are_named(folder: Path, content: bytes) -> None:
    (folder / "adapter_model.safetensors").write_bytes(content)
    with pytest.raises(ModelFolderError, match=r"adapter_model\.safetensors is not a readable safetensors file"):
        load(folder)


@pytest.mark.parametrize("kind", ["lora", "bottleneck"])
def test_an_adapter_of_another_base_is_refused(
    made: dict[str, Path], kind: str, tiny_folder: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(made[kind], tmp_path / "adapter"))
    other = Path(shutil.copytree(tiny_folder, tmp_path / "other"))
    (other / "training.json").unlink()
    config = json.loads((other / "config.json").read_text())
    (other / "config.json").write_text(
        json.dumps({**config, "rope_parameters": {"rope_theta": 9.0, "rope_type": "default"}})
    )
    changed(folder, base_model_name_or_path=str(other))
    record = {"base": {"name": str(tiny_folder), "hash": load(tiny_folder).hash}, "files": file_hashes(folder)}
    write_json(folder / "training.json", record)
    with pytest.raises(ModelFolderError, match=r"was trained on .* but this base has hash"):
        load(folder)


def test_an_adapter_with_a_changed_byte_is_found_by_its_hash(folder: Path) -> None:
    write_json(folder / "training.json", {"files": file_hashes(folder)})
    load(folder)
    weights = folder / "adapter_model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(ModelFolderError, match="is not the file that was trained"):
        load(folder)


def test_an_adapter_on_an_adapter_is_refused(folder: Path, made: dict[str, Path]) -> None:
    with pytest.raises(ModelFolderError, match="is itself an adapter; merge that one first"):
        load(changed(folder, base_model_name_or_path=str(made["ia3"])))


def test_a_base_beside_the_adapter_is_found(folder: Path, tiny_folder: Path) -> None:
    shutil.copytree(tiny_folder, folder / "base")
    assert load(changed(folder, base_model_name_or_path="base")).base_id == "base"
