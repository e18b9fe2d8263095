"""What the shop's own experiments say of a metric before the next one: its value, its spread, and who arrives a day.

The newest experiment with enough units speaks. Its control does, not all arms: the next test starts from there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from django.db.models import Max, Min, Sum

from experiments.lifecycle import Status
from experiments.models import ArmMoments, Experiment, SliceMoments, UnitTotals

LEAST_UNITS = 100
_LOOKED_AT = 20


def controls_with_moments() -> list[ArmMoments]:
    """Moments of the controls of the newest started experiments, newest first, those with few units left out."""
    rows = ArmMoments.objects.filter(arm__is_control=True, n__gte=LEAST_UNITS)
    rows = rows.exclude(arm__experiment__status=Status.DRAFT).select_related("arm__experiment")
    return list(rows.order_by("-arm__experiment__created_at", "-arm__experiment_id")[:_LOOKED_AT])


def units_by_day(experiment: Experiment) -> list[tuple[str, int]]:
    """(day of first exposure, new units of all arms), in order; empty for an import."""
    days: dict[str, int] = defaultdict(int)
    for value, n in _day_rows(experiment):
        days[value] += n
    return sorted(days.items())


def units_so_far(experiment: Experiment) -> int:
    """Units of all arms that count."""
    found = ArmMoments.objects.filter(arm__experiment=experiment).aggregate(total=Sum("n"))["total"]
    return int(found or 0)


def units_a_day(experiment: Experiment) -> float | None:
    """Units over the days between the first and the last exposure, for where no day was kept; None where unknown."""
    seen = UnitTotals.objects.filter(experiment=experiment).aggregate(
        first=Min("first_exposed_at"), last=Max("first_exposed_at")
    )
    if seen["first"] is None:
        return None
    days: float = max((seen["last"] - seen["first"]).total_seconds() / 86_400, 1.0)
    return units_so_far(experiment) / days


def _day_rows(experiment: Experiment) -> Iterable[tuple[str, int]]:
    rows = SliceMoments.objects.filter(arm__experiment=experiment, dimension="day")
    return rows.values_list("value", "n")
