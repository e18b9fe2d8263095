"""What is read of an analysis beside its results: health, effects by slice, and how the goal went over time.

A worker makes it after the results, once for each analysis, from moments of slices; no row of a unit is read. Slices
are told only when the results are: between the looks of a group sequential test they would be looks, too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import Max
from django.utils import timezone

from experiments import health
from experiments.analysis import AnalysisSettings, ArmData
from experiments.lifecycle import Status
from experiments.models import Analysis, Arm, Experiment, Source
from experiments.queries import slices
from experiments.reading import adaptive
from experiments.reading.shapes import bounds
from experiments.services.analyses import inputs
from experiments.services.planning import days_left, power_at_plan
from experiments.stats.heterogeneity import Heterogeneity, by_slice
from experiments.stats.metrics import MetricDefinition
from experiments.stats.moments import Moments
from experiments.stats.results import finite_or_none

MOST_VALUES = 50
LEAST_UNITS = 20

# By dimension and value, the moments of each arm by its key.
Sliced = Mapping[str, Mapping[str, Mapping[str, Moments]]]


def make_details(analysis: Analysis) -> bool:
    """Fill `analysis.details` where it is empty. False where it was there; twice does nothing more."""
    if analysis.details is not None:
        return False
    made = details_of(analysis)
    return bool(Analysis.objects.filter(pk=analysis.pk, details__isnull=True).update(details=made))


def refresh_health(experiment: Experiment, analysis: Analysis) -> bool:
    """Check a running experiment's health by its moments as they are: a fault between two looks, or events that have
    stopped, must not wait for the next analysis. True where something changed. Nothing of the outcome is in it.
    """
    if analysis.details is None or experiment.status != Status.RUNNING:
        return False
    settings, arms = inputs(experiment)
    active = [arm for arm in arms if not arm.dropped]
    found = [one.to_dict() for one in _health(experiment, settings, active)]
    if found == analysis.details["health"]:
        return False
    analysis.details = {**analysis.details, "health": found}
    analysis.save(update_fields=["details"])
    return True


def details_of(analysis: Analysis) -> dict[str, Any]:
    """The details, JSON-safe: `health`, `slices`, `days_left` and `days`."""
    experiment = analysis.experiment
    settings = AnalysisSettings.from_dict(analysis.settings)
    arms = [ArmData.from_dict(key, entry) for key, entry in analysis.moments.items()]
    arms.sort(key=lambda arm: int(analysis.moments[arm.key]["position"]))
    active = [arm for arm in arms if not arm.dropped]
    sliced = _sliced(experiment)
    goal = next((one.definition for one in settings.metrics if one.key == settings.goal_metric), None)
    told = goal is not None and not settings.silent and not settings.adaptive
    return {
        "health": [one.to_dict() for one in _health(experiment, settings, active)],
        "slices": _slices(goal, active, sliced) if told and goal is not None else [],
        "days_left": _days_left(experiment),
        "days": _days(goal, active, sliced.get("day", {})) if told and goal is not None else [],
    }


def _sliced(experiment: Experiment) -> Sliced:
    """An import has no slices."""
    return slices.by_dimension(experiment) if experiment.source == Source.LIVE else {}


# --- health -----------------------------------------------------------------------------------------------------------
def _health(experiment: Experiment, settings: AnalysisSettings, active: Sequence[ArmData]) -> list[health.Check]:
    running = settings.mode == "running"
    weights = adaptive.expected_weights(active)
    units = [arm.moments.n for arm in active]
    checks = [health.shares(units, weights, running=running)]
    if checks[0].status == "fail":
        # Only a cause needs the slices: a healthy test is checked every few seconds without them.
        found = (
            health.cause(dimension, _counts(values, active), weights, running=running)
            for dimension, values in _sliced(experiment).items()
            if dimension not in slices.OWN or dimension == "day"
        )
        checks += [one for one in found if one is not None]
    checks.append(health.two_arms(sum(units), settings.two_arms))
    checks.append(health.alike_before([arm.moments for arm in active]))
    if experiment.source == Source.LIVE:
        checks.append(health.bots([0 if arm.marked is None else arm.marked.n for arm in active], units))
        checks.append(health.freshness(_hours_since_event(experiment), running=experiment.status == Status.RUNNING))
        chance, lift = power_at_plan(experiment)
        checks.append(health.power(chance, lift))
    return checks


def _days_left(experiment: Experiment) -> dict[str, Any] | None:
    if experiment.status != Status.RUNNING or experiment.planned_units is None:
        return None
    found = days_left(experiment)
    return {
        "days": found.days,
        "on": None if found.on is None else found.on.isoformat(),
        "daily_units": found.daily_units,
        "power": found.power,
    }


def _counts(values: Mapping[str, Mapping[str, Moments]], active: Sequence[ArmData]) -> dict[str, list[int]]:
    return {
        value: [by_arm[arm.key].n if arm.key in by_arm else 0 for arm in active] for value, by_arm in values.items()
    }


def _hours_since_event(experiment: Experiment) -> float | None:
    newest = Arm.objects.filter(experiment=experiment).aggregate(at=Max("moments__last_event_at"))["at"]
    return None if newest is None else float(max(round((timezone.now() - newest).total_seconds() / 3600), 0))


# --- slices -----------------------------------------------------------------------------------------------------------
def _slices(goal: MetricDefinition, active: Sequence[ArmData], sliced: Sliced) -> list[dict[str, Any]]:
    if not active:
        return []
    control, *others = _control_first(active)
    found = []
    for dimension, values in sliced.items():
        if dimension in slices.OWN:
            continue
        for arm in others:
            pairs = _pairs(values, control, arm)
            if pairs:
                found.append(_dimension(dimension, arm, by_slice(goal, pairs)))
    return found


def _pairs(
    values: Mapping[str, Mapping[str, Moments]], control: ArmData, arm: ArmData
) -> dict[str, tuple[Moments, Moments]]:
    largest = sorted(values, key=lambda value: -sum(one.n for one in values[value].values()))[:MOST_VALUES]
    pairs = {
        value: (values[value][control.key], values[value][arm.key])
        for value in largest
        if {control.key, arm.key} <= set(values[value])
    }
    return {value: pair for value, pair in pairs.items() if min(one.n for one in pair) >= LEAST_UNITS}


def _dimension(dimension: str, arm: ArmData, found: Heterogeneity) -> dict[str, Any]:
    q = found.homogeneity
    return {
        "dimension": dimension,
        "arm": arm.key,
        "differs_p_value": q.p_value,
        "i_squared": finite_or_none(q.i_squared),
        "reversed": found.mix.reversed,
        "values": [
            {
                "value": one.value,
                "units": [one.comparison.control.n, one.comparison.treatment.n],
                "lift": None if one.comparison.lift is None else bounds(one.comparison.lift),
                "difference": bounds(one.comparison.difference),
                "p_value_corrected": one.adjusted_p,
            }
            for one in found.slices
        ],
    }


# --- over time --------------------------------------------------------------------------------------------------------
def _days(
    goal: MetricDefinition, active: Sequence[ArmData], days: Mapping[str, Mapping[str, Moments]]
) -> list[dict[str, Any]]:
    """By day of first exposure, the units and each arm's value among all who had entered by its end."""
    columns = tuple(filter(None, (goal.numerator, goal.denominator)))
    sums = {arm.key: Moments.empty(columns) for arm in active}
    found = []
    for day in sorted(days):
        for key, moments in days[day].items():
            if key in sums:
                sums[key] = sums[key] + moments.select(columns)
        values = {key: _value(goal, one) for key, one in sums.items()}
        found.append({"day": day, "units": {key: one.n for key, one in sums.items()}, "values": values})
    return found


def _value(goal: MetricDefinition, moments: Moments) -> float | None:
    if not moments.n:
        return None
    below = 1.0 if goal.denominator is None else moments.mean(goal.denominator)
    return finite_or_none(moments.mean(goal.numerator) / below) if below else None


def _control_first(active: Sequence[ArmData]) -> list[ArmData]:
    return sorted(active, key=lambda arm: not arm.is_control)
