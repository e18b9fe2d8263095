"""What can only be judged with all rows at hand: the kind of each metric, and units in several rows. Pure."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from core.errors import InvalidInput
from experiments.importing.cells import NOT_BINARY, not_binary
from experiments.importing.request import ImportRequest
from experiments.importing.rows import Rows, Whole

TWO_ARMS = "the unit is in two arms"


def judge(rows: Rows, request: ImportRequest, *, words: Collection[str]) -> None:
    """Settle the kinds, then the repeated units. Raises InvalidInput where repeats were declared an error."""
    for place, metric in enumerate(request.metrics):
        if request.count is not None:
            rows.kinds[metric.key] = "share" if metric.kind == "auto" else metric.kind
        else:
            rows.kinds[metric.key] = metric.kind if metric.kind != "auto" else _kind(rows, place, metric.key in words)
            if rows.kinds[metric.key] == "share":
                _refuse(rows, f"{metric.column} {NOT_BINARY}", not_binary(rows.values[:, place]).nonzero()[0])
    if request.unit is not None:
        _refuse(rows, TWO_ARMS, _in_two_arms(rows), cleaning=True)
        _judge_repeats(rows, request)


def _kind(rows: Rows, place: int, words: bool) -> str:
    # A column that says true or false somewhere is a share, and a 7 in it is a mistake; a column of numbers is a share
    # only where all of them are 0 or 1.
    return "share" if words or not not_binary(rows.values[:, place]).any() else "mean"


def _judge_repeats(rows: Rows, request: ImportRequest) -> None:
    order, same = _by_unit(rows, tie=-rows.number if request.duplicates == "last" else rows.number)
    repeats = np.sort(order[1:][same])
    if request.duplicates == "error" and len(repeats):
        raise InvalidInput.field(
            f"row {rows.number[repeats[0]]}, column {request.unit}",
            f"the unit was in a row above; {len(repeats):,} rows repeat one. See --duplicates.",
        )
    kept = "last" if request.duplicates == "last" else "first"
    _refuse(rows, f"the unit is in another row of its arm (the {kept} is used)", repeats, cleaning=True)


def _in_two_arms(rows: Rows) -> Whole:
    order, same = _by_unit(rows, tie=rows.arm)
    changed = same & (rows.arm[order][1:] != rows.arm[order][:-1])
    unit = np.concatenate([[0], np.cumsum(~same)]) if len(order) else np.zeros(0, dtype=np.int64)
    return np.sort(order[np.isin(unit, unit[1:][changed])])


def _by_unit(rows: Rows, *, tie: Whole) -> tuple[Whole, np.ndarray[tuple[int], np.dtype[np.bool_]]]:
    # The rows in use, those of one unit together; and for each but the first, whether it has the unit of the one
    # before.
    used = np.flatnonzero(rows.reason == 0)
    order = used[np.lexsort((tie[used], rows.unit[used], rows.experiment[used]))]
    unit, experiment = rows.unit[order], rows.experiment[order]
    return order, (unit[1:] == unit[:-1]) & (experiment[1:] == experiment[:-1])


def _refuse(rows: Rows, sentence: str, places: Whole, *, cleaning: bool = False) -> None:
    mask = np.zeros(len(rows.reason), dtype=np.bool_)
    mask[places] = True
    rows.ledger.refuse(
        sentence, mask, rows.reason, example=lambda place: f"row {rows.number[place]}", cleaning=cleaning
    )
