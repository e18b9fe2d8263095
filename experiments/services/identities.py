"""Joining the names of one unit: an anonymous id and the account it turns out to be count as one from then on.

Deciding hashes the canonical name and the fold counts by it, so it must be the name that was randomised first: who
signs in keeps the arm already seen. All of a join happens in one transaction that holds the fold's cursor, so an event
is counted under the names of before or of after, never under both.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import Min

from core import errors
from experiments.models import Event, EventKind, UnitIdentity, UnitTotals
from experiments.queries.identities import canonical
from experiments.services.counting import names_of
from experiments.services.counting.batch import Batch
from experiments.services.fold import hold_cursor


def identify(*, unit: str, anonymous: str) -> str:
    """Count `anonymous` and `unit`, the name it is known by from now on, as one. Returns their canonical name.

    Of two that were exposed the canonical one is who was so first, in any experiment; else the one that was; else the
    one that has other names already; else `anonymous`, which is how the visitor was randomised so far. May run twice,
    and at the same time. Raises InvalidInput where both are the same text.
    """
    if unit == anonymous:
        raise errors.InvalidInput.field("anonymous", "is the unit itself.")
    found = canonical([unit, anonymous])
    if found[unit] != found[anonymous]:
        with transaction.atomic():
            cursor = hold_cursor()
            found = canonical([unit, anonymous])
            if found[unit] != found[anonymous]:
                _join(found[unit], found[anonymous], through=cursor.sequence)
                found = canonical([unit, anonymous])
    return found[unit]


def _join(unit: str, anonymous: str, *, through: int) -> None:
    kept, other = _in_order(unit, anonymous)
    UnitIdentity.objects.filter(canonical=other).update(canonical=kept)
    UnitIdentity.objects.create(unit=other, canonical=kept)
    counted = (
        UnitTotals.objects.filter(unit__in=[kept, other]).values_list("experiment_id").annotate(Min("first_exposed_at"))
    )
    anew = {(experiment_id, kept): first for experiment_id, first in counted}
    Batch(after=through, anew=anew, retired={other: kept}).fold()


def _in_order(unit: str, anonymous: str) -> Sequence[str]:
    """The name that is kept, and the other."""
    names = names_of([unit, anonymous])
    first = {name: _first_exposed(name, names[name]) for name in (unit, anonymous)}
    if first[unit] != first[anonymous]:
        seen = {name: at for name, at in first.items() if at is not None}
        kept = min(seen, key=lambda name: seen[name])
    elif first[unit] is not None:
        kept = min(unit, anonymous)
    else:
        kept = unit if len(names[unit]) > 1 else anonymous
    return kept, anonymous if kept == unit else unit


def _first_exposed(unit: str, names: Iterable[str]) -> datetime | None:
    """When any experiment first showed something to a unit, by what is stored and by what was counted."""
    stored = Event.objects.filter(unit__in=list(names), kind=EventKind.EXPOSURE).aggregate(at=Min("occurred_at"))
    counted = UnitTotals.objects.filter(unit=unit).aggregate(at=Min("first_exposed_at"))
    return min((found["at"] for found in (stored, counted) if found["at"] is not None), default=None)
