"""Moments of arms and slices, changed by taking out units' old rows and putting in their new ones, all at once.

Both tables are handled alike: a key is (arm, dimension, value), with an empty dimension for the arm itself.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

from django.db import connection

from experiments.models import ArmMoments, SliceMoments
from experiments.services.counting.rule import Rule
from experiments.services.counting.totals import Totals, slices_of, vector
from experiments.stats.moments import Moments

Key = tuple[int, str, str]
Rows = list[list[float]]
_SLICES = """
select slice.id from experiments_slicemoments as slice
join unnest(%s::bigint[], %s::text[], %s::text[]) as wanted (arm_id, dimension, value)
    on slice.arm_id = wanted.arm_id and slice.dimension = wanted.dimension and slice.value = wanted.value
"""


class Share(NamedTuple):
    """What one unit contributes, and where."""

    keys: tuple[Key, ...]
    row: list[float]


def share_of(totals: Totals, rule: Rule) -> Share | None:
    """A unit's share; None where it saw two arms, which counts nowhere."""
    if totals.in_two_arms:
        return None
    arm = totals.arm_id
    slices = tuple((arm, dimension, value) for dimension, value in slices_of(totals))
    return Share(slices if totals.is_marked else ((arm, "", ""), *slices), vector(totals, rule.cap))


class Exchange:
    """Rows to put and to take, by where they belong."""

    def __init__(self) -> None:
        self.put: defaultdict[Key, Rows] = defaultdict(list)
        self.taken: defaultdict[Key, Rows] = defaultdict(list)
        self.latest: dict[int, datetime] = {}

    def replace(self, old: Share | None, new: Share | None) -> None:
        """One unit's share before and after."""
        if old == new:
            return
        for share, rows in ((old, self.taken), (new, self.put)):
            for key in share.keys if share else ():
                rows[key].append(share.row)  # type: ignore[union-attr]

    def seen(self, totals: Totals) -> None:
        """Remember the latest event of an arm."""
        known = self.latest.get(totals.arm_id)
        if known is None or totals.last_event_at > known:
            self.latest[totals.arm_id] = totals.last_event_at

    def save(self) -> None:
        """Change the stored moments."""
        keys = self.put.keys() | self.taken.keys()
        arms = {arm_id for arm_id, *_ in keys} | self.latest.keys()
        columns = self._save_arms(arms)
        self._save_slices(sorted(key for key in keys if key[1]), columns)

    def _save_arms(self, arms: set[int]) -> dict[int, list[str]]:
        """Returns the columns of each arm."""
        rows = list(ArmMoments.objects.filter(arm__in=arms))
        for row in rows:
            row.take(self._changed((row.arm_id, "", ""), row.value()))
            row.last_event_at = max(filter(None, (row.last_event_at, self.latest.get(row.arm_id))), default=None)
        ArmMoments.objects.bulk_update(rows, ["n", "columns", "mean", "cross", "last_event_at"])
        return {row.arm_id: row.columns for row in rows}

    def _save_slices(self, keys: list[Key], columns: Mapping[int, list[str]]) -> None:
        stored = {(row.arm_id, row.dimension, row.value): row for row in _stored_slices(keys)}
        kept: list[SliceMoments] = []
        empty: list[int] = []
        for key in keys:
            row = stored.get(key) or SliceMoments(arm_id=key[0], dimension=key[1], value=key[2])
            moments = row.moments() if row.pk else Moments.empty(columns[key[0]])
            row.take(self._changed(key, moments))
            if row.n:
                kept.append(row)
            elif row.pk:
                empty.append(row.pk)
        SliceMoments.objects.filter(pk__in=empty).delete()
        SliceMoments.objects.bulk_create(
            kept,
            update_conflicts=True,
            unique_fields=["arm", "dimension", "value"],
            update_fields=["n", "columns", "mean", "cross"],
        )

    def _changed(self, key: Key, moments: Moments) -> Moments:
        # Put before taken: the count never falls below what is taken out.
        if rows := self.put.get(key):
            moments = moments + Moments.from_rows(moments.columns, rows)
        if rows := self.taken.get(key):
            moments = moments.without(Moments.from_rows(moments.columns, rows))
        return moments


def _stored_slices(keys: Iterable[Key]) -> Iterable[SliceMoments]:
    columns = [list(column) for column in zip(*keys, strict=True)] or [[], [], []]
    with connection.cursor() as cursor:
        cursor.execute(_SLICES, columns)
        found = [row for (row,) in cursor.fetchall()]
    return SliceMoments.objects.filter(pk__in=found)
