"""The gates are awake: ruff and mypy, with this repository's settings, find what is planted."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def run(tool: str, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """A gate over a small tree."""
    command = [sys.executable, "-m", tool, *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A repository with our settings and one package."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "experiments").mkdir()
    (tmp_path / "experiments" / "__init__.py").write_text('"""Planted."""\n')
    return tmp_path


@pytest.mark.parametrize(
    ("name", "code", "rule"),
    [
        ("random.py", '"""Planted."""\n', "A005"),
        ("nodoc.py", "VALUE = 1\n", "D100"),
        ("clock.py", '"""Planted."""\n\nfrom datetime import datetime\n\nNOW = datetime.now()\n', "DTZ005"),
        ("loud.py", '"""Planted."""\n\nprint("hello")\n', "T201"),
        ("broad.py", '"""Planted."""\n\ntry:\n    VALUE = 1\nexcept Exception:\n    VALUE = 2\n', "BLE001"),
    ],
)
def test_ruff_finds_what_is_planted(tree: Path, name: str, code: str, rule: str) -> None:
    assert run("ruff", "check", "--no-cache", "experiments", cwd=tree).returncode == 0
    (tree / "experiments" / name).write_text(code)
    done = run("ruff", "check", "--no-cache", "experiments", cwd=tree)
    assert done.returncode == 1
    assert rule in done.stdout


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("def planted(value):\n    return value\n", "no-untyped-def"),
        ("VALUE: int = 'one'\n", "assignment"),
        ("VALUE = 1  # type: ignore\n", "unused-ignore"),
    ],
)
def test_mypy_finds_what_is_planted(tree: Path, code: str, error: str) -> None:
    # The Django plugin reads the settings of the real tree; types are judged the same without it.
    settings = (tree / "pyproject.toml").read_text().replace('plugins = ["mypy_django_plugin.main", ', "plugins = [")
    (tree / "pyproject.toml").write_text(settings)
    (tree / "platform").mkdir()
    assert run("mypy", "experiments", cwd=tree).returncode == 0
    (tree / "experiments" / "planted.py").write_text(f'"""Planted."""\n\n{code}')
    done = run("mypy", "experiments", cwd=tree)
    assert done.returncode == 1
    assert f"[{error}]" in done.stdout


def test_the_template_linter_finds_what_is_planted(tree: Path) -> None:
    page = tree / "page.html"
    page.write_text("<!doctype html>\n<html>\n  <body></body>\n</html>\n")
    done = run("djlint", "page.html", "--lint", "--quiet", cwd=tree)
    assert done.returncode == 1
    assert "H005" in done.stdout
