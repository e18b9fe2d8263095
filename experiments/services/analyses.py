"""Analysing: from an experiment's stored moments to an `Analysis`, a row that can be computed again from itself.

A group sequential experiment makes a row only when a look is due: between looks nothing that could be concluded from
changes, which is what keeps its error rate. Every other running experiment keeps one row an hour. Rows of looks are
never deleted, and of two workers that come to the same look one writes it. A verdict that is new is told of in the
same transaction.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, cast

from django.db import transaction

from experiments import queries
from experiments.analysis import DEFAULT_METRICS as LIVE_METRICS
from experiments.analysis import (
    VERSION,
    AnalysisSettings,
    ArmData,
    Batch,
    Guardrail,
    Metric,
    Prior,
    analyse_arms,
)
from experiments.models import (
    Allocation,
    AllocationBatch,
    Analysis,
    Arm,
    Design,
    Experiment,
    SliceMoments,
    Source,
    UnitTotals,
)
from experiments.reading import looks
from experiments.reading.settings import Design as ReadingDesign
from experiments.services.priors import priors_for
from experiments.services.telling import tell_verdict
from experiments.stats.moments import Moments


def analyse(experiment: Experiment) -> Analysis:
    """The newest analysis of the moments as they are; the stored one where its inputs are the same or no look is due.

    Raises ValueError where its columns do not fit its metrics.
    """
    settings, arms = inputs(experiment)
    latest = queries.latest_analysis(experiment)
    number = None
    if settings.method == "group_sequential" and settings.mode == "running":
        taken = _looks_of(experiment)
        number = _due(settings, arms, taken)
        if number is None and taken:
            return taken[-1]
        settings = _at_look(settings, arms, taken, number)
    inputs_hash = digest(settings, arms)
    if latest is not None and latest.inputs_hash == inputs_hash:
        return latest
    results = analyse_arms(arms, settings=settings)
    return _store(experiment, settings, arms, results, inputs_hash=inputs_hash, look=number)


def inputs(experiment: Experiment, *, include_marked: bool = False) -> tuple[AnalysisSettings, list[ArmData]]:
    """What an analysis is made from: one row an arm, however many units there are. Looks taken are in it at the end."""
    rows = queries.arms_of(experiment)
    arms = _arms(experiment, rows)
    times = [arm.moments.last_event_at for arm in rows if hasattr(arm, "moments") and arm.moments.last_event_at]
    as_of = max(times) if times else None
    metrics = metrics_of(experiment)
    settings = AnalysisSettings(
        mode="final" if experiment.is_final else "running",
        goal_metric=experiment.goal_metric,
        confidence=1 - experiment.alpha,
        planned_units=experiment.planned_units,
        as_of=as_of.isoformat() if as_of else None,
        currency=experiment.currency,
        two_arms=UnitTotals.objects.filter(experiment=experiment, in_two_arms=True).count(),
        metrics=metrics,
        planned_looks=experiment.planned_looks or looks.DEFAULT_LOOKS,
        guardrails=tuple(Guardrail.from_dict(entry, metrics) for entry in experiment.guardrails),
        priors=_priors(experiment, metrics),
        hours=_hours(experiment, as_of),
        minimum_hours=experiment.minimum_hours,
        loss_threshold=(experiment.plan or {}).get("loss_threshold"),
        adaptive=experiment.allocation == Allocation.ADAPTIVE and experiment.source == Source.LIVE,
        include_marked=include_marked,
    )
    return _designed(experiment, settings, arms), arms


def second_reading(experiment: Experiment) -> dict[str, Any]:
    """The results with the units that were left out as bots, at the looks taken so far. Nothing is stored."""
    settings, arms = inputs(experiment, include_marked=True)
    if settings.method == "group_sequential" and settings.mode == "running":
        settings = _at_look(settings, arms, _looks_of(experiment), None)
    return analyse_arms(arms, settings=settings)


def recompute(analysis: Analysis) -> dict[str, Any]:
    """The results once more, from what the row itself keeps. Raises ValueError for a row of an older version."""
    try:
        settings = AnalysisSettings.from_dict(analysis.settings)
        arms = [ArmData.from_dict(key, analysis.moments[key]) for key in _order(analysis)]
    except (KeyError, TypeError) as problem:
        raise ValueError(f"version: the analysis was made by an older one and keeps no {problem}") from problem
    return analyse_arms(arms, settings=settings)


def canonical(results: Mapping[str, Any]) -> bytes:
    """Results as bytes that the database's JSON does not change: it sorts keys and knows no negative zero."""
    return json.dumps(_plain(results), sort_keys=True, allow_nan=False).encode()


def moments_of(arm: Arm) -> Moments:
    """The stored moments of an arm, or those of no unit and no column."""
    return arm.moments.value() if hasattr(arm, "moments") else Moments.empty(())


def metrics_of(experiment: Experiment) -> tuple[Metric, ...]:
    """The metrics of an import, named in `origin["metrics"]`; else those of every experiment, then its own."""
    named = (experiment.origin or {}).get("metrics")
    if named:
        return tuple(Metric.from_dict(entry) for entry in named)
    own = tuple(Metric.from_dict(entry) for entry in experiment.metrics)
    keys = {metric.key for metric in own}
    return (*(metric for metric in LIVE_METRICS if metric.key not in keys), *own)


def digest(settings: AnalysisSettings, arms: Sequence[ArmData]) -> str:
    """A hash of everything the results depend on, the shape of the results included."""
    data: dict[str, Any] = {
        "version": VERSION,
        "settings": settings.to_dict(),
        "arms": [[arm.key, arm.to_dict()] for arm in arms],
    }
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()


def stored_arms(arms: Sequence[ArmData]) -> dict[str, Any]:
    """The arms as an analysis keeps them: by key; `position` holds their order, which JSON objects do not."""
    return {arm.key: arm.to_dict() | {"position": place} for place, arm in enumerate(arms)}


# --- inputs -----------------------------------------------------------------------------------------------------------
def _arms(experiment: Experiment, rows: Sequence[Arm]) -> list[ArmData]:
    arms = [
        ArmData(arm.key, arm.name, arm.is_control, arm.weight, moments_of(arm), dropped=arm.dropped_at is not None)
        for arm in rows
    ]
    if experiment.source != Source.LIVE:
        return arms
    wanted = ["marked", "batch"] if experiment.allocation == Allocation.ADAPTIVE else ["marked"]
    slices: dict[int, list[SliceMoments]] = {arm.pk: [] for arm in rows}
    for one in SliceMoments.objects.filter(arm__in=slices, dimension__in=wanted).order_by("arm_id", "value"):
        slices[one.arm_id].append(one)
    weights = _batch_weights(experiment) if "batch" in wanted else {}
    return [
        replace(arm, marked=_marked(slices[row.pk]), batches=_batches(place, slices[row.pk], weights))
        for place, (arm, row) in enumerate(zip(arms, rows, strict=True))
    ]


def _marked(slices: Sequence[SliceMoments]) -> Moments | None:
    return next((one.moments() for one in slices if one.dimension == "marked" and one.n), None)


def _batch_weights(experiment: Experiment) -> dict[int, list[float]]:
    return dict(AllocationBatch.objects.filter(experiment=experiment).values_list("number", "weights"))


def _batches(place: int, slices: Sequence[SliceMoments], weights: Mapping[int, Sequence[float]]) -> tuple[Batch, ...]:
    """The batches of the arm at this place: a batch's weights are in the order of the arms."""
    moments = {one.value: one.moments() for one in slices if one.dimension == "batch"}
    return tuple(
        Batch(number, float(shares[place]) / math.fsum(shares), moments[str(number)])
        for number, shares in sorted(weights.items())
        if str(number) in moments
    )


def _priors(experiment: Experiment, metrics: Sequence[Metric]) -> tuple[Prior, ...]:
    """What this shop's other experiments say; nothing for an import, which is history itself."""
    if experiment.source != Source.LIVE:
        return ()
    found = priors_for([metric.key for metric in metrics], experiment)
    return tuple(
        Prior(metric, prior.mean, prior.spread, prior.experiments)
        for metric, prior in found.items()
        if prior.experiments
    )


def _hours(experiment: Experiment, as_of: datetime | None) -> float | None:
    """How long it has run by the newest event, so that the same moments give the same answer."""
    began = experiment.phase_started_at or experiment.started_at
    if began is None or as_of is None:
        return None
    return max((as_of - began).total_seconds() / 3600, 0.0)


# --- designs ----------------------------------------------------------------------------------------------------------
def _designed(experiment: Experiment, settings: AnalysisSettings, arms: Sequence[ArmData]) -> AnalysisSettings:
    """The settings with the design in force, and at the end with the looks that were taken."""
    if experiment.source == Source.IMPORTED:
        return replace(settings, design="fixed")
    if settings.adaptive:
        # Whoever watches an adaptive test stops it when they like.
        return replace(settings, design="confidence_sequence")
    planned, units = settings.planned_units, _units(arms)
    usual = Design.GROUP_SEQUENTIAL if planned else Design.CONFIDENCE_SEQUENCE
    design = experiment.design or usual
    if design != Design.GROUP_SEQUENTIAL:
        return replace(settings, design=cast("ReadingDesign", design))
    if not planned or looks.overrun(units, planned=planned):
        return replace(settings, design="confidence_sequence")
    settings = replace(settings, design="group_sequential")
    if settings.mode == "running" or not units:
        return settings
    taken = [look.information or 0.0 for look in _looks_of(experiment)]
    return replace(settings, information=looks.final_information(taken, units, planned=planned))


def _looks_of(experiment: Experiment) -> list[Analysis]:
    rows = Analysis.objects.filter(experiment=experiment, phase=experiment.phase, look__isnull=False)
    return list(rows.order_by("look"))


def _due(settings: AnalysisSettings, arms: Sequence[ArmData], taken: Sequence[Analysis]) -> int | None:
    newest = taken[-1].look or 0 if taken else 0
    planned = settings.planned_units or 1
    return looks.due(_units(arms), planned=planned, looks=settings.planned_looks or looks.DEFAULT_LOOKS, taken=newest)


def _at_look(
    settings: AnalysisSettings, arms: Sequence[ArmData], taken: Sequence[Analysis], number: int | None
) -> AnalysisSettings:
    """The settings at the look that is due, or at the looks taken so far."""
    shares = tuple(look.information or 0.0 for look in taken)
    if number is not None:
        shares = (*shares, _units(arms) / (settings.planned_units or 1))
    return replace(settings, information=shares)


def _units(arms: Sequence[ArmData]) -> int:
    return sum(arm.moments.n for arm in arms if not arm.dropped)


# --- rows -------------------------------------------------------------------------------------------------------------
def _store(
    experiment: Experiment,
    settings: AnalysisSettings,
    arms: Sequence[ArmData],
    results: dict[str, Any],
    *,
    inputs_hash: str,
    look: int | None,
) -> Analysis:
    made = Analysis(
        experiment=experiment,
        phase=experiment.phase,
        is_final=settings.mode == "final",
        inputs_hash=inputs_hash,
        look=look,
        information=settings.information[-1] if settings.information else None,
        moments=stored_arms(arms),
        settings=settings.to_dict(),
        results=results,
        verdict=results["verdict"]["code"],
        sentence=results["verdict"]["sentence"],
    )
    with transaction.atomic():
        kept = _take_look(made) if look is not None else _take_place_of_the_hour(made)
        tell_verdict(experiment, kept)
    return kept


def _take_look(made: Analysis) -> Analysis:
    """Write a look, or find it written: whoever comes first has made it."""
    Analysis.objects.bulk_create([made], ignore_conflicts=True)
    return Analysis.objects.get(experiment=made.experiment_id, phase=made.phase, look=made.look)


@transaction.atomic
def _take_place_of_the_hour(made: Analysis) -> Analysis:
    made.save()
    this_hour = made.created_at.replace(minute=0, second=0, microsecond=0)
    older = Analysis.objects.filter(
        experiment=made.experiment_id,
        phase=made.phase,
        is_final=made.is_final,
        look__isnull=True,
        created_at__gte=this_hour,
        pk__lt=made.pk,
    )
    older.delete()
    return made


def _order(analysis: Analysis) -> list[str]:
    return sorted(analysis.moments, key=lambda key: int(analysis.moments[key]["position"]))


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value
