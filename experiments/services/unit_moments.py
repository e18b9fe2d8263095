"""Moments from the units' rows instead of the fold's running ones: one pass in the database, whatever the columns.

For what the running moments do not hold: a simulation on the shop's own data, a proof, a column asked for after the
fact. Sums of products are taken around a shift near the mean, so that at a mean of 1e8 the variance stands. A metric
needs the products of its own columns alone, so columns come in blocks and only pairs within a block are summed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.db import connection

from experiments.models import Arm, Experiment
from experiments.stats.metrics import UNIT_COLUMNS
from experiments.stats.moments import Moments

# How many rows the shift is taken from: it only has to be near.
SHIFT_ROWS = 1000
# Of zeros and ones the square is the number itself.
BINARY = frozenset({"converted", "clicked", "returned"})
_DERIVED = {"clicked": "(clicks > 0)::int::float8", "revenue_capped": "least(revenue, %(cap)s)::float8"}

Pair = tuple[str, str]


def unit_moments(experiment: Experiment, *blocks: Sequence[str]) -> dict[str, tuple[Moments, ...]]:
    """The moments of each block of columns, by the arm's key, from the rows of units that count: one arm each, no bots.

    Reads every row once: seconds for millions of units. Raises ValueError for a column that no unit has.
    """
    columns = tuple(dict.fromkeys(column for block in blocks for column in block))
    for column in columns:
        if column not in UNIT_COLUMNS:
            raise ValueError(f"columns: {column!r} is not one of {', '.join(UNIT_COLUMNS)}")
    arms = dict(Arm.objects.filter(experiment=experiment).values_list("pk", "key"))
    found = {key: tuple(Moments.empty(block) for block in blocks) for key in arms.values()}
    for arm_id, sums in _Sums(experiment, columns, _pairs(blocks)).by_arm().items():
        found[arms[arm_id]] = tuple(sums.moments(block) for block in blocks)
    return found


def _pairs(blocks: Sequence[Sequence[str]]) -> tuple[Pair, ...]:
    """Each pair that is needed and not known without a product, in the order of its columns."""
    every = [(left, right) for block in blocks for at, left in enumerate(block) for right in block[at:]]
    return tuple(dict.fromkeys(pair for pair in every if not (pair[0] == pair[1] and pair[0] in BINARY)))


@dataclass(frozen=True, slots=True)
class _ArmSums:
    """Sums of one arm around the shift."""

    n: int
    sums: dict[str, float]
    products: dict[Pair, float]
    shift: dict[str, float]

    def moments(self, block: Sequence[str]) -> Moments:
        """The moments of some columns whose pairs were all summed."""
        sums = np.array([self.sums[column] for column in block])
        products = np.array([[self._product(left, right) for right in block] for left in block])
        cross = products - np.outer(sums, sums) / self.n
        # Rounding around zero spread is no spread, and such a column varies with no other.
        flat = np.diag(cross) <= 0
        cross[flat, :] = 0
        cross[:, flat] = 0
        return Moments(tuple(block), self.n, np.array([self.shift[column] for column in block]) + sums / self.n, cross)

    def _product(self, left: str, right: str) -> float:
        if left == right and left in BINARY:
            return self.sums[left]
        return self.products.get((left, right)) or self.products.get((right, left), 0.0)


@dataclass(frozen=True, slots=True)
class _Sums:
    """The query for some columns and pairs."""

    experiment: Experiment
    columns: tuple[str, ...]
    pairs: tuple[Pair, ...]

    def by_arm(self) -> dict[int, _ArmSums]:
        """One pass over the rows. Names and numbers in the text are ours; what comes from outside is a parameter."""
        shift = self._shift()
        moved = ", ".join(f"{column} - {shift[column]!r}::float8 as x_{column}" for column in self.columns)
        sums = [f"sum(x_{column})" for column in self.columns]
        products = [f"sum(x_{left} * x_{right})" for left, right in self.pairs]
        # Without the fence each product would convert its columns again.
        query = (
            f"select arm_id, count(*), {', '.join(sums + products)} from "  # noqa: S608
            f"(select arm_id, {moved} from ({self._rows()}) as counted offset 0) as moved group by arm_id"
        )
        size = len(self.columns)
        return {
            row[0]: _ArmSums(
                row[1],
                dict(zip(self.columns, row[2 : 2 + size], strict=True)),
                dict(zip(self.pairs, row[2 + size :], strict=True)),
                shift,
            )
            for row in self._run(query)
        }

    def _shift(self) -> dict[str, float]:
        means = ", ".join(f"coalesce(avg({column}), 0)" for column in self.columns)
        (row,) = self._run(f"select {means} from ({self._rows()} limit {SHIFT_ROWS}) as sample")  # noqa: S608
        found = dict(zip(self.columns, row, strict=True))
        return {column: 0.0 if column in BINARY else value for column, value in found.items()}

    def _rows(self) -> str:
        shown = ", ".join(f"{_DERIVED.get(column, f'{column}::float8')} as {column}" for column in self.columns)
        return (
            f"select arm_id, {shown} from experiments_unittotals "  # noqa: S608
            "where experiment_id = %(experiment)s and not in_two_arms and not is_marked"
        )

    def _run(self, query: str) -> list[tuple[Any, ...]]:
        with connection.cursor() as cursor:
            cursor.execute(query, {"experiment": self.experiment.pk, "cap": self.experiment.revenue_cap})
            return list(cursor.fetchall())
