"""`platform/` bears a standard library name: it must never win over it (docs/adr/0002)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def fresh(code: str, cwd: Path = ROOT) -> str:
    """What a fresh interpreter started at the repository root prints."""
    done = subprocess.run([sys.executable, "-c", code], cwd=cwd, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.mark.parametrize("path", ["", "import sys; sys.path.insert(1, 'platform'); "])
def test_import_platform_is_the_standard_library_s(path: str) -> None:
    stdlib = fresh("import sysconfig; print(sysconfig.get_path('stdlib'))")
    assert fresh(f"{path}import platform; print(platform.__file__)") == f"{stdlib}/platform.py"


def test_platform_holds_two_packages_and_nothing_else() -> None:
    found = {entry.name for entry in (ROOT / "platform").iterdir() if entry.name != "__pycache__"}
    assert found == {"config", "core"}


def test_no_module_of_ours_bears_a_standard_library_name() -> None:
    folders = [ROOT / "platform", *(ROOT / name for name in ("experiments", "models_ml", "campaigns", "tests"))]
    names = {path.stem: path for folder in folders for path in folder.rglob("*.py") if path.stem != "__init__"}
    allowed = {"platform"}
    assert {name: path for name, path in names.items() if name in sys.stdlib_module_names - allowed} == {}


def test_a_planted_module_would_hide_the_standard_one(tmp_path: Path) -> None:
    """The check above can fail: with an __init__.py the folder does win."""
    (tmp_path / "platform").mkdir()
    (tmp_path / "platform" / "__init__.py").write_text("planted = True\n")
    assert fresh("import platform; print(hasattr(platform, 'planted'))", cwd=tmp_path) == "True"
