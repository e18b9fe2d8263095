"""Periodic work: fold new events, refresh the analyses that they change, keep partitions ahead. Each may run twice."""

from __future__ import annotations

import time
from typing import Any

from celery import shared_task

from experiments import charts, services
from experiments.lifecycle import Status
from experiments.models import Analysis, Experiment, Source

FOLD_SECONDS = 2.0
# A decided experiment keeps the analysis it was decided on.
REFRESHED = (Status.RUNNING, Status.PAUSED, Status.STOPPED)


@shared_task(name="experiments.fold_events", ignore_result=True)
def fold_events() -> int:
    """Fold until nothing is left or two seconds are over. Returns how many events were passed."""
    until = time.monotonic() + FOLD_SECONDS
    total = 0
    while folded := services.fold_events():
        total += folded
        if time.monotonic() > until:
            break
    return total


@shared_task(name="experiments.refresh_analyses", ignore_result=True)
def refresh_analyses() -> int:
    """Analyse every live experiment whose moments changed, and draw its chart. Returns how many charts were drawn."""
    live = Experiment.objects.filter(source=Source.LIVE, status__in=REFRESHED)
    return sum(draw_chart(services.analyse(experiment)) for experiment in live)


@shared_task(name="experiments.keep_partitions", ignore_result=True)
def keep_partitions() -> dict[str, Any]:
    """Make the event table's coming days and drop those that are kept no more. Returns what was made and dropped."""
    return {"made": services.keep_partitions(), **services.retain().to_dict()}


@shared_task(name="experiments.draw_missing_chart", ignore_result=True)
def draw_missing_chart(analysis_id: int) -> bool:
    """Draw one analysis' chart: an import of thousands of experiments draws only those that are looked at."""
    analysis = Analysis.objects.filter(pk=analysis_id).first()
    return analysis is not None and draw_chart(analysis)


def draw_chart(analysis: Analysis) -> bool:
    """Draw the chart of an analysis that has none yet. False where there is nothing to draw."""
    if analysis.chart_svg:
        return False
    svg = charts.interval_chart(analysis.results)
    return bool(svg) and bool(Analysis.objects.filter(pk=analysis.pk, chart_svg="").update(chart_svg=svg))
