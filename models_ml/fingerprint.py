"""Which code made a model: one hash over the sources of this package. Pure.

A hash of the files and not a commit: an image has no history beside it, and a changed file that was not committed
would otherwise bear the name of one that was.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent


@cache
def code_version(package: Path = PACKAGE) -> str:
    """16 hex digits over the names and contents of all Python files below `package`."""
    whole = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        whole.update(path.relative_to(package).as_posix().encode())
        whole.update(hashlib.sha256(path.read_bytes()).digest())
    return whole.hexdigest()[:16]
