"""Proof that the streamed moments are right: the same value from the raw events alone, and the two compared."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date

import numpy as np
from django.db import transaction
from django.db.models import Min

from experiments.models import Arm, ArmMoments, Experiment, SliceMoments, UnitTotals
from experiments.services.counting import Rule, Totals, histories, table, total_up
from experiments.services.counting.exchange import share_of
from experiments.services.fold import hold_cursor
from experiments.services.partitions import events_kept_since
from experiments.stats.moments import Floats, Moments

# The key of an arm, and a dimension and value of it, both empty for the arm itself.
Place = tuple[str, str, str]

CHUNK = 5000
# Rounding of a value that was added to and taken from many thousand times. One missing event among 100 million units
# still shows. Below a scale of 1 the limit is absolute: a column back at zero keeps the rounding of what was in it.
RELATIVE = 1e-9
LEAST_SCALE = 1.0


@dataclass(frozen=True, slots=True)
class Difference:
    """An arm, or one of its slices, whose streamed moments are not those of its events."""

    experiment: str
    arm: str
    dimension: str
    value: str
    what: str

    @property
    def place(self) -> str:
        """The arm or slice in words."""
        return f"arm {self.arm}" + (f", {self.dimension} {self.value}" if self.dimension else "")


@dataclass(frozen=True, slots=True)
class Audit:
    """What an audit found: the differences, how many arms and slices were compared, and the day before which raw events
    were dropped, so that only the units' totals could be compared with; None where all events are there.
    """

    differences: tuple[Difference, ...]
    arms: int
    slices: int
    dropped_before: date | None


def recompute(experiment: Experiment, *, through: int | None = None) -> dict[str, Moments]:
    """The moments of each arm by its key, from the raw events up to a sequence number (default: the fold's cursor).

    Reads every event of every exposed unit: minutes for tens of millions. Reads no totals and no moments.
    """
    if through is None:
        with transaction.atomic():
            through = hold_cursor().sequence
    summed = _summed(experiment, _counted(experiment, through))
    return {arm: moments for (arm, dimension, _), moments in summed.items() if not dimension}


def audit_moments(experiment: Experiment) -> list[Difference]:
    """Compare what was streamed with what the events say, arms and slices; an empty list where all is well."""
    return list(audit(experiment).differences)


def audit(experiment: Experiment) -> Audit:
    """Compare what was streamed with the raw events; where some of those were dropped, with the units' totals, and
    folding waits for the end of that.
    """
    with transaction.atomic():
        through = hold_cursor().sequence
        experiment.refresh_from_db()
        streamed = _streamed(experiment)
        dropped_before = _dropped_before(experiment)
        expected = _summed(experiment, table.of_experiment(experiment.pk)) if dropped_before else {}
    if not dropped_before:
        expected = _summed(experiment, _counted(experiment, through))
    empty = Moments.empty(Rule.of(experiment).columns)
    found = tuple(
        Difference(experiment.key, *place, what)
        for place in sorted(streamed.keys() | expected.keys())
        for what in differences(streamed.get(place, empty), expected.get(place, empty))
    )
    slices = sum(bool(dimension) for _, dimension, _ in streamed)
    return Audit(found, len(streamed) - slices, slices, dropped_before)


def _dropped_before(experiment: Experiment) -> date | None:
    """The day before which events are gone, where units of this experiment may have had some."""
    kept_since = events_kept_since()
    units = UnitTotals.objects.filter(experiment=experiment)
    first = units.aggregate(at=Min("first_exposed_at"))["at"] if kept_since else None
    if first is None or kept_since is None:
        return None
    return kept_since if Rule.of(experiment).first_day(first) < kept_since else None


def _counted(experiment: Experiment, through: int) -> Iterator[Totals]:
    rule = Rule.of(experiment)
    for unit, events in histories(experiment.pk, through=through):
        totals = total_up(unit, rule, events)
        if totals is not None:
            yield totals


def _summed(experiment: Experiment, units: Iterable[Totals]) -> dict[Place, Moments]:
    rule = Rule.of(experiment)
    arms = dict(Arm.objects.filter(experiment=experiment).values_list("pk", "key"))
    sums = {(arm, "", ""): Moments.empty(rule.columns) for arm in arms.values()}
    rows: defaultdict[Place, list[list[float]]] = defaultdict(list)
    for totals in units:
        share = share_of(totals, rule)
        if share is None:
            continue
        for arm_id, dimension, value in share.keys:
            place = (arms[arm_id], dimension, value)
            rows[place].append(share.row)
            if len(rows[place]) == CHUNK:
                _add(sums, place, rows.pop(place))
    for place, left in rows.items():
        _add(sums, place, left)
    return sums


def _add(sums: dict[Place, Moments], place: Place, rows: list[list[float]]) -> None:
    columns = sums[place[0], "", ""].columns
    sums[place] = sums.get(place, Moments.empty(columns)) + Moments.from_rows(columns, rows)


def _streamed(experiment: Experiment) -> dict[Place, Moments]:
    arms = ArmMoments.objects.filter(arm__experiment=experiment).select_related("arm")
    slices = SliceMoments.objects.filter(arm__experiment=experiment).select_related("arm")
    return {(row.arm.key, "", ""): row.value() for row in arms} | {
        (row.arm.key, row.dimension, row.value): row.moments() for row in slices
    }


def differences(value: Moments, expected: Moments) -> Iterator[str]:
    """What differs beyond rounding, one sentence each."""
    if value.columns != expected.columns:
        yield f"columns are {value.columns} instead of {expected.columns}"
        return
    if value.n != expected.n:
        yield f"{value.n} units instead of {expected.n}"
        return
    if not expected.n:
        return
    # A mean's scale is that of its column's values, which may cancel out: root mean square, not the mean itself.
    scale = np.maximum(np.sqrt(np.diag(expected.cross) / expected.n + expected.mean_vector**2), LEAST_SCALE)
    for index, column in enumerate(expected.columns):
        if not _near(value.mean_vector[index], expected.mean_vector[index], scale[index]):
            yield f"mean of {column} is {value.mean_vector[index]} instead of {expected.mean_vector[index]}"
    yield from _cross_differences(value, expected, scale)


def _cross_differences(value: Moments, expected: Moments, scale: Floats) -> Iterator[str]:
    limits = np.outer(scale, scale) * expected.n
    wrong = np.abs(value.cross - expected.cross) > RELATIVE * limits
    for left, right in np.argwhere(np.triu(wrong)):
        names = f"{expected.columns[left]} and {expected.columns[right]}"
        yield f"spread of {names} is {value.cross[left, right]} instead of {expected.cross[left, right]}"


def _near(value: float, expected: float, scale: float) -> bool:
    return abs(value - expected) <= RELATIVE * scale
