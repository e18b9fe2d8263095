"""The newest analysis of each of many experiments, for lists that say their verdicts in the reader's language."""

from __future__ import annotations

from collections.abc import Iterable

from experiments.models import Analysis


def newest_analyses(experiments: Iterable[int]) -> dict[int, Analysis]:
    """By the experiment's id; one query. What a verdict's sentence does not need is left in the database."""
    rows = Analysis.objects.filter(experiment__in=list(experiments)).defer("moments", "details", "chart_svg")
    newest = rows.order_by("experiment_id", "-created_at", "-id").distinct("experiment_id")
    return {row.experiment_id: row for row in newest}
