"""What is stored of one unit: its names, what it was shown and did in each test, and its raw events."""

from __future__ import annotations

from typing import Any

from django.db.models import Q, QuerySet

from experiments.models import Event, UnitIdentity, UnitTotals
from experiments.queries.identities import canonical

EVENT_FIELDS = (
    "id",
    "kind",
    "experiment_id",
    "arm_id",
    "unit",
    "occurred_at",
    "value",
    "currency",
    "name",
    "properties",
)


def names_of_unit(unit: str) -> list[str]:
    """Every name of the unit, the one it counts by first. Two queries."""
    kept = canonical([unit])[unit]
    others = UnitIdentity.objects.filter(canonical=kept).order_by("unit").values_list("unit", flat=True)
    return list(dict.fromkeys([kept, unit, *others]))


def tests_of_unit(unit: str) -> QuerySet[UnitTotals]:
    """What the unit was shown and did, the test it entered last first."""
    found = UnitTotals.objects.filter(unit__in=names_of_unit(unit)).select_related("experiment", "arm")
    return found.order_by("-first_exposed_at", "-pk")


def events_of_unit(unit: str) -> list[dict[str, Any]]:
    """Its raw events as far as they are still kept, in the order of their arrival."""
    wanted = Q(unit__in=names_of_unit(unit))
    return list(Event.objects.filter(wanted).order_by("sequence").values(*EVENT_FIELDS))
