"""One thread for torch, and a tiny model trained once for all tests of this folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

os.environ["HF_HUB_OFFLINE"] = "1"  # read when the hub library is imported, so before the imports below

from models_ml.nn.loading import SHIPPED, LoadedModel, load, set_threads
from models_ml.nn.starter import train_starter


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    set_threads(1)


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of the tiny preset after a few steps: it writes nonsense, but by the whole road."""
    folder = tmp_path_factory.mktemp("models") / "tiny"
    train_starter(folder, preset="tiny", seed=3, steps=(4, 4))
    return folder


@pytest.fixture(scope="session")
def tiny(tiny_folder: Path) -> LoadedModel:
    return load(tiny_folder)


@pytest.fixture(scope="session")
def shipped() -> LoadedModel:
    return load(SHIPPED)
