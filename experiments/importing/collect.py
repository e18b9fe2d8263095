"""Reading a table into `Rows`: each chunk's cells become codes and numbers, and unusable rows get a reason. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from experiments.importing import cells as reading
from experiments.importing.cells import Floats, Mask, Parsed
from experiments.importing.judge import judge
from experiments.importing.request import ImportRequest, Rule
from experiments.importing.rows import EXAMPLES, Codes, Ledger, Names, Rows, Whole
from experiments.importing.tables import Chunk, Table

CELL_SHOWN = 40
_NAMED = ("experiment", "arm", "label", "group")


def collect(table: Table, request: ImportRequest) -> Rows:
    """Read a whole table as the request says. The columns it names must be there."""
    collector = Collector(request)
    for chunk in table.chunks(tuple(dict.fromkeys(request.columns().values()))):
        collector.take(chunk)
    rows, words = collector.joined()
    judge(rows, request, words=words)
    return rows


@dataclass(slots=True)
class Collector:
    """Takes chunk after chunk. `words` are the metrics in which true, false or the like were seen."""

    request: ImportRequest
    ledger: Ledger = field(default_factory=Ledger)
    names: dict[str, Names] = field(default_factory=lambda: {name: Names() for name in _NAMED})
    words: set[str] = field(default_factory=set)
    misshapen: list[tuple[int, int]] = field(default_factory=list)
    first_rows: list[dict[str, str]] = field(default_factory=list)
    _parts: list[dict[str, Any]] = field(default_factory=list)

    def take(self, chunk: Chunk) -> None:
        """Read one chunk."""
        self.misshapen += chunk.misshapen
        for place in range(min(EXAMPLES - len(self.first_rows), len(chunk.rows))):
            self.first_rows.append({name: cells[place] for name, cells in chunk.cells.items()})
        self._parts.append(_Reader(self, chunk).part())

    def joined(self) -> tuple[Rows, set[str]]:
        """All rows together, not judged yet, and the metrics with words."""
        parts = self._parts or [_Reader(self, Chunk([], dict.fromkeys(self.request.columns().values(), ()))).part()]
        rows = Rows(
            **{name: np.concatenate([part[name] for part in parts]) for name in parts[0]},
            ledger=self.ledger,
            names={name: names.texts for name, names in self.names.items()},
            kinds={},
            misshapen=self.misshapen,
            first_rows=self.first_rows,
        )
        return rows, self.words


@dataclass(slots=True)
class _Reader:
    """The reading of one chunk, with the reasons of its rows."""

    owner: Collector
    chunk: Chunk
    reason: Codes = field(init=False)

    def __post_init__(self) -> None:
        self.reason = np.zeros(len(self.chunk.rows), dtype=np.int16)

    def part(self) -> dict[str, Any]:
        request = self.owner.request
        part: dict[str, Any] = {"number": np.array(self.chunk.rows, dtype=np.int64)}
        part |= {name: self._codes(name, needed=name in ("experiment", "arm")) for name in _NAMED}
        part["unit"] = self._units(request.unit)
        part["count"] = self._column(request.count, "whole").values if request.count else np.ones(len(self.reason))
        part["values"], part["seconds"] = self._metrics(part["count"])
        for rule in request.rules:
            self._hold(rule)
        return part | {"reason": self.reason}

    def _codes(self, name: str, *, needed: bool) -> Whole:
        column, names = getattr(self.owner.request, name), self.owner.names[name]
        if column is None:
            return np.full(len(self.reason), names.code("") if name == "experiment" else -1, dtype=np.int64)
        texts = [cell.strip() for cell in self.chunk.cells[column]]
        if needed:
            self._refuse(f"{column} {reading.EMPTY}", _where(texts, _is_blank), column)
            self._refuse(f"{column} has a NUL character", _where(texts, _has_nul), column)
        codes = {text: names.code(text.replace("\0", "")) for text in dict.fromkeys(texts) if text}
        return np.array([codes.get(text, -1) for text in texts], dtype=np.int64)

    def _units(self, column: str | None) -> Whole:
        # A 64-bit hash in the place of the name: the chance that two of ten million units share one is 3 in a million.
        if column is None:
            return np.zeros(len(self.reason), dtype=np.int64)
        texts = [cell.strip() for cell in self.chunk.cells[column]]
        self._refuse(f"{column} {reading.EMPTY}", _where(texts, _is_blank), column)
        return np.array([hash(text) for text in texts], dtype=np.int64)

    def _metrics(self, count: Floats) -> tuple[Floats, Floats]:
        request = self.owner.request
        values, seconds = [], []
        for metric in request.metrics:
            first = self._column(metric.column, _cell_kind(metric.kind, aggregated=request.count is not None))
            if first.words:
                self.owner.words.add(metric.key)
            if request.count is not None and metric.second is None:
                self._refuse(f"{metric.column} is above {request.count}", first.values > count, metric.column)
            values.append(first.values)
            seconds.append(self._second(metric.second))
        return np.column_stack(values), np.column_stack(seconds)

    def _second(self, column: str | None) -> Floats:
        if column is None:
            return np.full(len(self.reason), np.nan)
        second = self._column(column, "number")
        if self.owner.request.count is not None:
            self._refuse(f"{column} {reading.NEGATIVE}", second.values < 0, column)
        return second.values

    def _column(self, column: str, kind: str) -> Parsed:
        parsed = reading.parse(self.chunk.cells[column], kind, empty=self.owner.request.empty)
        for sentence, mask in parsed.reasons.items():
            self._refuse(f"{column} {sentence}", mask, column)
        return parsed

    def _hold(self, rule: Rule) -> None:
        broken = self._like(rule.where) & ~self._like(rule.must)
        self._refuse(f"breaks the rule {rule}", broken, rule.must[0][0], cleaning=True)

    def _like(self, pairs: Sequence[tuple[str, str]]) -> Mask:
        found = np.ones(len(self.reason), dtype=np.bool_)
        for column, value in pairs:
            found &= np.array([cell.strip() == value for cell in self.chunk.cells[column]], dtype=np.bool_)
        return found

    def _refuse(self, sentence: str, mask: Mask, column: str, *, cleaning: bool = False) -> None:
        def example(place: int) -> str:
            return f"row {self.chunk.rows[place]}, column {column}: {_shown(self.chunk.cells[column][place])}"

        self.owner.ledger.refuse(sentence, mask, self.reason, example=example, cleaning=cleaning)


def _cell_kind(kind: str, *, aggregated: bool) -> str:
    if aggregated:
        return "whole" if kind in ("auto", "share") else "number"
    return {"auto": "auto", "share": "share", "count": "whole"}.get(kind, "number")


def _where(texts: Sequence[str], test: Callable[[str], bool]) -> Mask:
    return np.array([test(text) for text in texts], dtype=np.bool_)


def _is_blank(text: str) -> bool:
    return not text


def _has_nul(text: str) -> bool:
    return "\0" in text


def _shown(cell: str) -> str:
    return repr(cell if len(cell) <= CELL_SHOWN else f"{cell[:CELL_SHOWN]}…")
