"""Proof that the streamed moments are right: the same value from the raw events alone, and the two compared."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from django.db import connection, transaction

from experiments.models import Arm, ArmMoments, Event, EventKind, Experiment
from experiments.services.fold import hold_cursor
from experiments.services.unit_totals import FIELDS, Seen, countable, total_up, vector
from experiments.stats.metrics import UNIT_COLUMNS
from experiments.stats.moments import Floats, Moments

CHUNK = 5000
# Rounding of a value that was added to and taken from many thousand times. One missing event among 100 million units
# still shows. Below a scale of 1 the limit is absolute: a column back at zero keeps the rounding of what was in it.
RELATIVE = 1e-9
LEAST_SCALE = 1.0


@dataclass(frozen=True, slots=True)
class Difference:
    """An arm whose streamed moments are not those of its events."""

    experiment: str
    arm: str
    what: str


def recompute(experiment: Experiment, *, through: int | None = None) -> dict[str, Moments]:
    """The moments of each arm by its key, from the raw events up to a sequence number (default: the fold's cursor).

    Reads every event of every exposed unit: minutes for tens of millions. Reads no totals and no moments.
    """
    if through is None:
        with transaction.atomic():
            through = hold_cursor().sequence
    arms = {arm.pk: arm.key for arm in Arm.objects.filter(experiment=experiment)}
    moments = dict.fromkeys(arms.values(), Moments.empty(UNIT_COLUMNS))
    rows: dict[str, list[list[float]]] = {key: [] for key in moments}
    for unit, events in _by_unit(experiment, through):
        totals = total_up(unit, experiment, events)
        if totals is None or totals.in_two_arms:
            continue
        key = arms[totals.arm_id]
        rows[key].append(vector(totals))
        if len(rows[key]) == CHUNK:
            moments[key], rows[key] = moments[key] + Moments.from_rows(UNIT_COLUMNS, rows[key]), []
    return {
        key: value + Moments.from_rows(UNIT_COLUMNS, rows[key]) if rows[key] else value
        for key, value in moments.items()
    }


def audit_moments(experiment: Experiment) -> list[Difference]:
    """Compare what was streamed with what the events say; an empty list where all is well."""
    with transaction.atomic():
        through = hold_cursor().sequence
        streamed = {
            row.arm.key: row.value()
            for row in ArmMoments.objects.filter(arm__experiment=experiment).select_related("arm")
        }
    experiment.refresh_from_db()
    found: list[Difference] = []
    for key, expected in recompute(experiment, through=through).items():
        value = streamed.get(key, Moments.empty(UNIT_COLUMNS))
        found += (Difference(experiment.key, key, what) for what in differences(value, expected))
    return found


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


def _by_unit(experiment: Experiment, through: int) -> Iterator[tuple[str, list[Seen]]]:
    exposed = Event.objects.filter(
        kind=EventKind.EXPOSURE, experiment_id=experiment.pk, is_bot=False, sequence__lte=through
    )
    stored = countable().filter(unit__in=exposed.values("unit"), sequence__lte=through).order_by("unit")
    with transaction.atomic(), connection.cursor() as cursor:
        # The rows come through a cursor, which is planned for its first tenth unless told that all will be read.
        cursor.execute("set local cursor_tuple_fraction = 1")
        rows = map(Seen._make, stored.values_list(*FIELDS).iterator(chunk_size=CHUNK))
        for unit, events in groupby(rows, key=lambda event: event.unit):
            yield unit, list(events)
