"""The floors of the house, held by import-linter; and the proof that the contracts can fail."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ("platform", "experiments", "models_ml", "campaigns")


def lint(root: Path) -> subprocess.CompletedProcess[str]:
    """Run the contracts of pyproject.toml over the sources at `root`."""
    return subprocess.run(
        [
            sys.executable,
            "-c",
            "from importlinter.cli import lint_imports_command; lint_imports_command()",
            "--no-cache",
        ],
        cwd=root,
        env={**os.environ, "PYTHONPATH": f"{root / 'platform'}{os.pathsep}{root}", "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def copy_of_sources(tmp_path: Path) -> Path:
    """The Python sources alone, to plant a violation in."""
    only_python = shutil.ignore_patterns("__pycache__", "*.safetensors", "*.json", "*.svg")
    for name in SOURCES:
        shutil.copytree(ROOT / name, tmp_path / name, ignore=only_python)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_the_contracts_are_kept() -> None:
    done = lint(ROOT)
    assert done.returncode == 0, done.stdout


VIOLATIONS = {
    "experiments/stats/planted.py": ("from django.db import models\n", "pure centre"),
    "models_ml/nn/planted.py": ("import celery\n", "pure centre"),
    "experiments/planted.py": ("import models_ml.brief\n", "Floors"),
    "platform/core/planted.py": ("import campaigns.models\n", "Floors"),
    "experiments/queries_planted.py": ("import config.settings\n", "config wires by strings"),
    "campaigns/planted.py": ("import torch\n", "torch and transformers only"),
}


@pytest.mark.parametrize(("place", "planted"), VIOLATIONS.items(), ids=VIOLATIONS.keys())
def test_a_planted_violation_is_found(copy_of_sources: Path, place: str, planted: tuple[str, str]) -> None:
    code, contract = planted
    (copy_of_sources / place).write_text(f'"""Planted."""\n\n{code}')
    done = lint(copy_of_sources)
    assert done.returncode == 1
    assert [line for line in done.stdout.splitlines() if contract in line and "BROKEN" in line], done.stdout


def test_a_model_that_reaches_up_to_a_view_is_found(copy_of_sources: Path) -> None:
    with (copy_of_sources / "platform/core/queries.py").open("a") as file:
        file.write("\nimport core.views.jobs\n")
    done = lint(copy_of_sources)
    assert done.returncode == 1
    assert "Inside an app" in done.stdout
