"""All rows of a file as flat arrays, and the ledger of why some of them are refused. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from experiments.importing.cells import Floats, Mask

Whole = npt.NDArray[np.int64]
Codes = npt.NDArray[np.int16]
EXAMPLES = 5


@dataclass(slots=True)
class Reason:
    """Why rows were refused: a sentence, whether it is a `cleaning` rule (which an uncleaned analysis passes over;
    an unreadable row it cannot), and where the first of them stand.
    """

    sentence: str
    cleaning: bool
    examples: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Ledger:
    """The reasons met so far. A row keeps its first; one that makes it unreadable goes before a cleaning rule."""

    reasons: list[Reason] = field(default_factory=list)
    _codes: dict[str, int] = field(default_factory=dict)

    def refuse(
        self, sentence: str, mask: Mask, codes: Codes, *, example: Callable[[int], str], cleaning: bool = False
    ) -> None:
        """Give marked rows this reason in `codes` (0: none yet); `example` tells of the row at a place."""
        open_to = np.array([True, *(reason.cleaning and not cleaning for reason in self.reasons)])
        new = mask & open_to[codes]
        if not new.any():
            return
        if sentence not in self._codes:
            self.reasons.append(Reason(sentence, cleaning))
            self._codes[sentence] = len(self.reasons)
        codes[new] = self._codes[sentence]
        examples = self.reasons[self._codes[sentence] - 1].examples
        examples += [example(int(place)) for place in np.flatnonzero(new)[: EXAMPLES - len(examples)]]


@dataclass(slots=True)
class Names:
    """Distinct texts in the order they came, as codes."""

    texts: list[str] = field(default_factory=list)
    _codes: dict[str, int] = field(default_factory=dict)

    def code(self, text: str) -> int:
        """The code of a text, new or known."""
        if text not in self._codes:
            self._codes[text] = len(self.texts)
            self.texts.append(text)
        return self._codes[text]


@dataclass(slots=True)
class Rows:
    """Rows of the right width, one entry a row in every array.

    `reason` is 0 for a row that is used, else 1 + a place in the ledger. `values` (n, k) are the metric columns,
    `seconds` their denominators or deviations (NaN: none). Codes point into the lists of names; -1 where there is none.
    """

    number: Whole
    experiment: Whole
    arm: Whole
    unit: Whole
    label: Whole
    group: Whole
    count: Floats
    values: Floats
    seconds: Floats
    reason: Codes
    ledger: Ledger
    names: dict[str, list[str]]
    kinds: dict[str, str]
    misshapen: list[tuple[int, int]]
    first_rows: list[dict[str, str]]

    def usable(self, *, uncleaned: bool = False) -> Mask:
        """The rows that count; with `uncleaned` also those that only a cleaning rule refuses."""
        allowed = np.array([True, *(uncleaned and reason.cleaning for reason in self.ledger.reasons)])
        mask: Mask = allowed[self.reason]
        return mask

    def refused(self, rows: Mask | Whole | None = None, *, uncleaned: bool = False) -> dict[str, int]:
        """Refused rows by reason, of all rows or of some; the most frequent first."""
        codes = self.reason if rows is None else self.reason[rows]
        counts = np.bincount(codes, minlength=len(self.ledger.reasons) + 1)[1:].tolist()
        pairs = zip(self.ledger.reasons, counts, strict=True)
        found = {reason.sentence: count for reason, count in pairs if count and not (uncleaned and reason.cleaning)}
        return dict(sorted(found.items(), key=lambda item: -item[1]))
