"""The pure centre in a fresh interpreter: no framework, no data frames, not even scipy.stats until a rare test asks
for it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import experiments.stats

FOREIGN = ("django", "celery", "pandas", "statsmodels", "torch", "transformers", "scipy.stats")
PROGRAM = """
import importlib, json, pkgutil, sys
import experiments.assignment, experiments.stats
for module in pkgutil.iter_modules(experiments.stats.__path__):
    importlib.import_module("experiments.stats." + module.name)
print(json.dumps([name for name in {foreign!r} if name in sys.modules]))
"""


def test_importing_everything_brings_in_nothing_foreign() -> None:
    assert experiments.stats.__file__ is not None
    root = Path(experiments.stats.__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(foreign=FOREIGN)], cwd=root, capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == []
