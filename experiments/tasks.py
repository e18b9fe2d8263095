"""Periodic work: fold new events, refresh the analyses that they change, guard what runs, share out anew, learn, keep
partitions ahead. Each may run twice.
"""

from __future__ import annotations

import logging
import time
from typing import Any

from celery import shared_task

from core import errors
from experiments import charts, services
from experiments.lifecycle import Status
from experiments.models import Allocation, Analysis, Experiment, Source

logger = logging.getLogger(__name__)

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
    """Analyse every live experiment whose moments changed, act on what guards it, make its details, draw its chart.

    Returns how many charts were drawn. One experiment that cannot be analysed does not keep the others waiting.
    """
    live = Experiment.objects.filter(source=Source.LIVE, status__in=REFRESHED)
    return sum(_refresh(experiment) for experiment in live)


def _refresh(experiment: Experiment) -> bool:
    try:
        analysis = services.analyse(experiment)
        services.guard(experiment, analysis)
        if not services.make_details(analysis):
            services.refresh_health(experiment, analysis)
    except ValueError as problem:
        logger.warning("experiment %s cannot be analysed: %s", experiment.key, problem)
        return False
    return draw_chart(analysis)


@shared_task(name="experiments.update_allocations", ignore_result=True)
def update_allocations() -> int:
    """Make the next batch of every running adaptive experiment whose last one has run its hours. Returns how many."""
    running = Experiment.objects.filter(
        source=Source.LIVE, status=Status.RUNNING, allocation=Allocation.ADAPTIVE
    ).order_by("pk")
    return sum(_share_out(experiment) for experiment in running)


def _share_out(experiment: Experiment) -> bool:
    try:
        return services.update_allocation(experiment, weigh=services.weigh) is not None
    except errors.Conflict as problem:
        # It was paused or stopped since it was listed: there is nothing to share out.
        logger.info("experiment %s gets no new batch: %s", experiment.key, problem.message)
        return False


@shared_task(name="experiments.learn_priors", ignore_result=True)
def learn_priors() -> int:
    """Learn from the finished experiments how far true effects spread. Returns on how many metrics."""
    return services.learn_priors()


@shared_task(name="experiments.keep_partitions", ignore_result=True)
def keep_partitions() -> dict[str, Any]:
    """Make the event table's coming days and drop those that are kept no more. Returns what was made and dropped."""
    return {"made": services.keep_partitions(), **services.retain().to_dict()}


@shared_task(name="experiments.draw_missing_chart", ignore_result=True)
def draw_missing_chart(analysis_id: int) -> bool:
    """Draw one analysis' chart: an import of thousands of experiments draws only those that are looked at."""
    analysis = Analysis.objects.filter(pk=analysis_id).first()
    if analysis is None:
        return False
    services.make_details(analysis)
    return draw_chart(analysis)


def draw_chart(analysis: Analysis) -> bool:
    """Draw the chart of an analysis that has none yet. False where there is nothing to draw."""
    if analysis.chart_svg:
        return False
    svg = charts.interval_chart(analysis.results)
    return bool(svg) and bool(Analysis.objects.filter(pk=analysis.pk, chart_svg="").update(chart_svg=svg))
