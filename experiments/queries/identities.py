"""Under which name a unit counts: read by deciding and by the fold, so that both mean the same shopper."""

from __future__ import annotations

from collections.abc import Iterable

from experiments.models import UnitIdentity


def canonical(units: Iterable[str]) -> dict[str, str]:
    """The canonical name of each of these units, itself where it has no other. One query."""
    asked = set(units)
    known = UnitIdentity.objects.filter(unit__in=asked).values_list("unit", "canonical")
    return {unit: unit for unit in asked} | dict(known)
