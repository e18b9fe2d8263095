"""Totals in their table. Rows are read as tuples and written by COPY: models and parameters would cost most of a fold.

Only who holds the fold's cursor writes here, so a unit that was not found is not there, and its row is copied straight
into the table.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any

from django.db import connection

from experiments.services.counting.totals import Totals

NAMES = tuple(one.name for one in fields(Totals) if one.name != "id")
_COLUMNS = ", ".join(NAMES)
_READ = f"select {_COLUMNS}, id from experiments_unittotals where"  # noqa: S608 - our own column names
# Made once a connection: a table made for each batch would fill the catalogue with its remains.
_STAGE = """
create temporary table if not exists experiments_totals_staged on commit delete rows
as select * from experiments_unittotals with no data
"""
_FIXED = ("experiment_id", "unit")
_SET = ", ".join(f"{name} = excluded.{name}" for name in NAMES if name not in _FIXED)
# Not an update that joins: without statistics of the stage its plan may read the whole table.
_CHANGE = f"""
insert into experiments_unittotals (id, {_COLUMNS}) select id, {_COLUMNS} from experiments_totals_staged
on conflict (experiment_id, unit) do update set {_SET}
"""  # noqa: S608
CHUNK = 5000
NULL = r"\N"
_ESCAPES = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})


def of_units(units: Iterable[str]) -> list[Totals]:
    """What is counted of these units, in every experiment."""
    return _read("unit = any(%s)", [list(units)])


def later_than(experiment_id: int, at: datetime) -> list[Totals]:
    """The units of an experiment of which something later than this was taken into account."""
    return _read("experiment_id = %s and last_event_at > %s", [experiment_id, at])


def of_experiment(experiment_id: int) -> Iterator[Totals]:
    """What is counted of every unit of an experiment, read as it is needed. In a transaction."""
    with connection.chunked_cursor() as cursor:
        cursor.execute(f"{_READ} experiment_id = %s", [experiment_id])
        while rows := cursor.fetchmany(CHUNK):
            yield from map(_made, rows)


def write(*, new: Sequence[Totals], changed: Sequence[Totals], gone: Sequence[Totals]) -> None:
    """Store rows that were not there, rows that are there and changed, and remove others."""
    with connection.cursor() as cursor:
        if gone:
            cursor.execute("delete from experiments_unittotals where id = any(%s)", [[totals.id for totals in gone]])
        if new:
            _copy(cursor, f"copy experiments_unittotals ({_COLUMNS}) from stdin", map(_line, new))
        if changed:
            cursor.execute(_STAGE)
            # Empty but where the caller's own transaction folded before.
            cursor.execute("delete from experiments_totals_staged")
            lines = (f"{totals.id}\t{_line(totals)}" for totals in changed)
            _copy(cursor, f"copy experiments_totals_staged (id, {_COLUMNS}) from stdin", lines)
            cursor.execute(_CHANGE)


def _read(where: str, parameters: list[Any]) -> list[Totals]:
    with connection.cursor() as cursor:
        cursor.execute(f"{_READ} {where}", parameters)
        return list(map(_made, cursor.fetchall()))


def _made(row: tuple[Any, ...]) -> Totals:
    totals = Totals(*row)
    # JSON comes as text from a plain cursor.
    totals.slices = json.loads(str(totals.slices))
    return totals


def _copy(cursor: Any, command: str, lines: Iterable[str]) -> None:
    cursor.copy_expert(command, io.StringIO("".join(lines)))


def _line(totals: Totals) -> str:
    """The row as a line of COPY's text format, in the order of NAMES. Only names and slices can need an escape."""
    extra = ",".join(map(str, totals.extra))
    slices = json.dumps(totals.slices, ensure_ascii=False).translate(_ESCAPES) if totals.slices else "{}"
    return (
        f"{totals.experiment_id}\t{totals.unit.translate(_ESCAPES)}\t{totals.arm_id}\t{totals.first_exposed_at}\t"
        f"{totals.last_event_at}\t{totals.impressions}\t{totals.clicks}\t{totals.orders}\t{totals.converted}\t"
        f"{totals.revenue}\t{totals.margin}\t{totals.cost}\t{totals.rating_sum}\t{totals.rating_count}\t"
        f"{totals.detractors}\t{totals.returned}\t{totals.pre_clicks}\t{totals.pre_orders}\t{totals.pre_revenue}\t"
        f"{{{extra}}}\t{slices}\t{NULL if totals.batch is None else totals.batch}\t{'ft'[totals.in_two_arms]}\t"
        f"{'ft'[totals.is_marked]}\n"
    )
