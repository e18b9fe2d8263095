"""What an edit changed: a text diff to keep, and pieces to show. Pure.

English is compared word by word, Chinese character by character: a reader sees what was exchanged, not whole lines.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from typing import NamedTuple

from models_ml.channels import PARTS

_PIECE = re.compile(r"\{[a-z_]+\}|[\u2e80-\u9fff\uff00-\uffef]|[^\s\u2e80-\u9fff\uff00-\uffef{]+|\s+|.")


class Piece(NamedTuple):
    """A run of text that was kept, added or removed: `op` is same, added or removed."""

    op: str
    text: str


def pieces(before: str, after: str) -> list[Piece]:
    """The two texts as one sequence of pieces, removed before added."""
    left, right = _PIECE.findall(before), _PIECE.findall(after)
    found: list[Piece] = []
    for op, start, end, low, high in difflib.SequenceMatcher(None, left, right, autojunk=False).get_opcodes():
        if op == "equal":
            found.append(Piece("same", "".join(left[start:end])))
            continue
        if end > start:
            found.append(Piece("removed", "".join(left[start:end])))
        if high > low:
            found.append(Piece("added", "".join(right[low:high])))
    return found


def unified(before: Mapping[str, str], after: Mapping[str, str]) -> str:
    """The difference as text: for each changed part its name, the old line with `-`, the new one with `+`."""
    lines: list[str] = []
    for part in ("theme", *PARTS):
        old, new = before.get(part, ""), after.get(part, "")
        if old != new:
            lines += [f"@@ {part} @@", f"-{old}", f"+{new}"]
    return "\n".join(lines)
