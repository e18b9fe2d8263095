"""How the goal stood at each look: a few numbers out of each stored analysis, whatever else those hold.

Of a test with planned looks every look counts; of one that is read at any time the newest analysis of each day. The
end of a test is a point of its own.
"""

from __future__ import annotations

from typing import Any

from django.db.models import F, Func, IntegerField, JSONField, Max, Q, QuerySet, Value
from django.db.models.fields.json import KT
from django.db.models.functions import Cast, TruncDate

from experiments.models import Analysis, Experiment

MOST_POINTS = 120
# The goal's part of the results; the rest stays in the database.
GOAL = "$.metrics[*] ? (@.is_goal == true).comparisons"


def goal_over_time(experiment: Experiment) -> list[dict[str, Any]]:
    """In order of time: `created_at`, `units`, `look`, `is_final`, `comparisons`. One query, of this phase only."""
    rows = Analysis.objects.filter(experiment=experiment, phase=experiment.phase)
    days = rows.filter(look=None).annotate(day=TruncDate("created_at")).order_by().values("day", "is_final")
    kept = days.annotate(newest=Max("pk")).values("newest")
    chosen = rows.filter(Q(look__isnull=False) | Q(pk__in=kept))
    return list(reversed(_points(chosen)[:MOST_POINTS]))


def _points(chosen: QuerySet[Analysis]) -> Any:
    read = Func(F("results"), Value(GOAL), function="jsonb_path_query_first", output_field=JSONField())
    told = chosen.annotate(units=Cast(KT("results__units"), IntegerField()), comparisons=read)
    return told.order_by("-created_at", "-id").values("created_at", "units", "look", "is_final", "comparisons")
