"""Bases of random weights, one of each architecture, shared by the tests of this folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.models_ml.nn.tuning import toys


@pytest.fixture(scope="session")
def bases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("bases")
    return {kind: toys.save_base(folder / kind, kind) for kind in ("qwen3", "llama", "gpt2", "bert")}
