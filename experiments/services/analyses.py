"""Analysing: from an experiment's stored moments to an `Analysis`. Nothing is written where nothing changed."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from django.db import transaction

from experiments import queries
from experiments.analysis import DEFAULT_METRICS as LIVE_METRICS
from experiments.analysis import VERSION, AnalysisSettings, ArmData, Metric, analyse_arms
from experiments.models import Analysis, Arm, Experiment, UnitTotals
from experiments.stats.moments import Moments


def analyse(experiment: Experiment) -> Analysis:
    """The newest analysis of the moments as they are; the stored one where its inputs are the same.

    A running experiment keeps one analysis an hour: a new one takes the place of the last of the same hour.
    Raises ValueError where its columns do not fit its metrics.
    """
    settings, arms = inputs(experiment)
    inputs_hash = digest(settings, arms)
    latest = queries.latest_analysis(experiment)
    if latest is not None and latest.inputs_hash == inputs_hash:
        return latest
    results = analyse_arms(arms, settings=settings)
    return _store(experiment, settings, results, inputs_hash)


def inputs(experiment: Experiment) -> tuple[AnalysisSettings, list[ArmData]]:
    """What an analysis is made from: one row an arm, however many units there are."""
    rows = queries.arms_of(experiment)
    arms = [ArmData(arm.key, arm.name, arm.is_control, arm.weight, moments_of(arm)) for arm in rows]
    times = [arm.moments.last_event_at for arm in rows if hasattr(arm, "moments") and arm.moments.last_event_at]
    return AnalysisSettings(
        mode="final" if experiment.is_final else "running",
        goal_metric=experiment.goal_metric,
        planned_units=experiment.planned_units,
        as_of=max(times).isoformat() if times else None,
        currency=experiment.currency,
        two_arms=UnitTotals.objects.filter(experiment=experiment, in_two_arms=True).count(),
        metrics=metrics_of(experiment),
    ), arms


def moments_of(arm: Arm) -> Moments:
    """The stored moments of an arm, or those of no unit and no column."""
    return arm.moments.value() if hasattr(arm, "moments") else Moments.empty(())


def metrics_of(experiment: Experiment) -> tuple[Metric, ...]:
    """The metrics of an import, named in `origin["metrics"]`, or the ones of every live experiment."""
    named = (experiment.origin or {}).get("metrics")
    return tuple(Metric.from_dict(entry) for entry in named) if named else LIVE_METRICS


def digest(settings: AnalysisSettings, arms: list[ArmData]) -> str:
    """A hash of everything the results depend on, the shape of the results included."""
    data: dict[str, Any] = {
        "version": VERSION,
        "settings": settings.to_dict(),
        "arms": [[arm.key, arm.name, arm.is_control, arm.weight, arm.moments.to_dict()] for arm in arms],
    }
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()


@transaction.atomic
def _store(experiment: Experiment, settings: AnalysisSettings, results: dict[str, Any], inputs_hash: str) -> Analysis:
    analysis = Analysis.objects.create(
        experiment=experiment,
        is_final=settings.mode == "final",
        inputs_hash=inputs_hash,
        settings=settings.to_dict(),
        results=results,
        verdict=results["verdict"]["code"],
        sentence=results["verdict"]["sentence"],
    )
    this_hour = analysis.created_at.replace(minute=0, second=0, microsecond=0)
    older = Analysis.objects.filter(experiment=experiment, is_final=analysis.is_final, created_at__gte=this_hour)
    older.filter(pk__lt=analysis.pk).delete()
    return analysis
