"""Making one unit nobody: its rows stay, so every figure stays true, and nothing in them leads to a person any more.

Deleting a unit's events instead would change results that decisions were taken by, and a recomputation would no longer
agree with what was counted. So each of its names is exchanged everywhere for a random one that is written down nowhere,
the ids of its events (which often hold the unit) as well, and of their properties only what results are split by stays.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from django.db import connection, transaction
from django.db.models import F

from experiments.models import EventKind, Experiment, UnitIdentity, UnitTotals
from experiments.queries.units import names_of_unit
from experiments.services.fold import hold_cursor

# What an exposure's properties hold beside the declared dimensions that counting reads.
BATCH = "batch"
_EVENTS = f"""
update experiments_event set
    unit = %s,
    id = 'erased-' || gen_random_uuid(),
    properties = case when kind = '{EventKind.EXPOSURE.value}' then (
        select coalesce(jsonb_object_agg(key, value), '{{}}') from jsonb_each(properties) where key = any(%s)
    ) else '{{}}' end
where unit = %s
"""  # noqa: S608 - our own words


@dataclass(frozen=True, slots=True)
class Forgotten:
    """How many tests and events of a unit lost its name."""

    tests: int
    events: int


@transaction.atomic
def forget_unit(unit: str) -> Forgotten:
    """Exchange every name of the unit for one that means nobody. May run twice; then it finds nothing.

    Holds the fold's cursor, so an event is counted under the names of before or of after. An event that comes later
    under the old name begins a unit of its own: whoever erases must stop sending it.
    """
    hold_cursor()
    kept = [*_dimensions(), BATCH]
    tests = events = 0
    for name in names_of_unit(unit):
        nobody = f"erased-{uuid.uuid4().hex}"
        tests += UnitTotals.objects.filter(unit=name).update(unit=nobody)
        UnitIdentity.objects.filter(unit=name).update(unit=nobody)
        UnitIdentity.objects.filter(canonical=name).update(canonical=nobody)
        with connection.cursor() as cursor:
            cursor.execute(_EVENTS, [nobody, kept, name])
            events += cursor.rowcount
        _take_from_forced(name)
    return Forgotten(tests, events)


def _dimensions() -> list[str]:
    found = Experiment.objects.exclude(dimensions=[]).values_list("dimensions", flat=True)
    return sorted({entry["key"] for entries in found for entry in entries})


def _take_from_forced(name: str) -> None:
    for experiment in Experiment.objects.select_for_update().filter(forced__has_key=name):
        rest = {unit: arm for unit, arm in experiment.forced.items() if unit != name}
        Experiment.objects.filter(pk=experiment.pk).update(forced=rest, version=F("version") + 1)
