"""Where the reference data lies: ../shared beside the checkout, or the folder named by SHARED_DIR.

Tests may read it and skip, with the reason, where it is not there. Nothing of it is copied into this repository.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

_CHECKOUT = Path(__file__).resolve().parent.parent


def shared_dir() -> Path:
    """The folder of reference data, whether or not it exists."""
    named = os.environ.get("SHARED_DIR")
    return Path(named) if named else _CHECKOUT.parent / "shared"


def shared_path(*parts: str) -> Path:
    """A file or folder of the reference data; skips the running test where it is missing."""
    path = shared_dir().joinpath(*parts)
    if not path.exists():
        pytest.skip(_missing(path))
    return path


def shared_json(*parts: str) -> Any:
    """A JSON file of the reference data; skips the running test where it is missing."""
    return json.loads(shared_path(*parts).read_text(encoding="utf-8"))


def shared_cases(*parts: str, pick: Callable[[Any], list[Any]], name: Callable[[Any], str]) -> list[Any]:
    """Parameters for pytest from a JSON file: one a case, or a single one that skips with the reason."""
    path = shared_dir().joinpath(*parts)
    if not path.exists():
        return [pytest.param(None, id="reference-missing", marks=pytest.mark.skip(reason=_missing(path)))]
    cases = pick(json.loads(path.read_text(encoding="utf-8")))
    return [pytest.param(case, id=name(case)) for case in cases]


def _missing(path: Path) -> str:
    return f"reference data not found at {path}; set SHARED_DIR to its folder"
