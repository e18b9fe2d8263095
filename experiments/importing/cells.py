"""From text cells to numbers, column by column; what cannot be read is marked with a reason and never guessed. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

WORDS = {"true": 1.0, "false": 0.0, "yes": 1.0, "no": 0.0, "t": 1.0, "f": 0.0, "y": 1.0, "n": 0.0}
# Reasons, as they stand in reports after the column's name.
EMPTY = "is empty"
NOT_A_NUMBER = "is not a number"
NOT_FINITE = "is not a finite number"
NOT_BINARY = "is not 0 or 1 (or true, false, yes, no)"
NEGATIVE = "is negative"
NOT_WHOLE = "is not a whole number"
TOO_LARGE = "is too large to be true"
# Far above any amount or count of a shop, and far below where squares and sums would lose their digits.
NUMBER_MAX, WHOLE_MAX = 1e15, 1e12


@dataclass(slots=True)
class Parsed:
    """A column's values, shape (n,), NaN where a reason stands; `reasons` marks rows, `words` tells that true/false or
    the like were seen.
    """

    values: Floats
    reasons: dict[str, Mask] = field(default_factory=dict)
    words: bool = False

    def refuse(self, reason: str, mask: Mask) -> None:
        """Mark rows, and blank their values."""
        if mask.any():
            self.reasons[reason] = mask
            self.values[mask] = np.nan


def parse(cells: Sequence[str], kind: str, *, empty: str = "refuse") -> Parsed:
    """Read a column as `kind`: "number", "whole" (a count), "share" (0/1 and words), or "auto" (numbers and words)."""
    # Most columns hold few distinct texts, so each is read once.
    distinct = {cell: _read(cell) for cell in set(cells)}
    read = [distinct[cell] for cell in cells]
    parsed = Parsed(np.array([value for value, _ in read], dtype=np.float64))
    marks = np.array([mark for _, mark in read], dtype=object)
    blank = marks == EMPTY
    if empty == "zero":
        parsed.values[blank] = 0.0
    else:
        parsed.refuse(EMPTY, blank)
    words = marks == "word"
    parsed.words = bool(words.any())
    if kind in ("number", "whole"):
        parsed.refuse(NOT_A_NUMBER, words)
    for reason in (NOT_A_NUMBER, NOT_FINITE):
        mask = marks == reason
        parsed.refuse(reason, mask | parsed.reasons.get(reason, mask))
    _check_kind(parsed, kind)
    return parsed


def not_binary(values: Floats) -> Mask:
    """Where a value is there and neither 0 nor 1."""
    mask: Mask = np.isfinite(values) & (values != 0) & (values != 1)
    return mask


def _check_kind(parsed: Parsed, kind: str) -> None:
    with np.errstate(invalid="ignore"):
        parsed.refuse(TOO_LARGE, np.abs(parsed.values) > (WHOLE_MAX if kind == "whole" else NUMBER_MAX))
        if kind == "whole":
            parsed.refuse(NEGATIVE, parsed.values < 0)
            parsed.refuse(NOT_WHOLE, np.isfinite(parsed.values) & (parsed.values != np.floor(parsed.values)))
    if kind == "share":
        parsed.refuse(NOT_BINARY, not_binary(parsed.values))


def _read(cell: str) -> tuple[float, str]:
    text = cell.strip()
    if not text:
        return np.nan, EMPTY
    if text.casefold() in WORDS:
        return WORDS[text.casefold()], "word"
    # Python reads 1_000 and other scripts' digits as numbers; a file that has those means something else.
    if "_" in text or not text.isascii():
        return np.nan, NOT_A_NUMBER
    try:
        value = float(text)
    except ValueError:
        return np.nan, NOT_A_NUMBER
    return (value, "") if np.isfinite(value) else (np.nan, NOT_FINITE)
