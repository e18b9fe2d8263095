"""Plans of the next experiment from the shop's own history, and the days a running one still needs. Writes nothing."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date, timedelta

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from core import errors
from core.localised import localised
from experiments.lifecycle import Status
from experiments.models import ArmMoments, Experiment
from experiments.planning import Plan, PlanInputs, make_plan
from experiments.queries import history
from experiments.services.analyses import metrics_of
from experiments.services.priors import prior_for
from experiments.stats import contrasts, durations
from experiments.stats import power as powers
from experiments.stats.metrics import MetricDefinition
from experiments.stats.ratios import arm_ratio
from experiments.stats.shrinkage import Prior

# The median size of a normal effect, in its standard deviations: half of all tests have a smaller one.
TYPICAL = 0.6744897501960817


@dataclass(frozen=True, slots=True)
class History:
    """What is known of a metric: None where nothing is. `source` is the experiment that it was taken from."""

    metric: str
    baseline: float | None
    variance: float | None
    daily_units: float | None
    prior: Prior
    source: str
    higher_is_better: bool = True


@dataclass(frozen=True, slots=True)
class Remaining:
    """Days until a running experiment's plan is full and that day (None: nobody arrives), new units a day by the last
    week, and the power that the plan's typical lift has at the present units.
    """

    days: int | None
    on: date | None
    daily_units: float
    power: float | None


def history_of(metric: str) -> History:
    """Baseline, variance of one unit and units a day of a metric, from the newest experiment that has it."""
    prior = prior_for(metric)
    for row in history.controls_with_moments():
        found = _measured(row, metric)
        if found is not None:
            definition, baseline, variance = found
            experiment = row.arm.experiment
            daily = _daily(experiment)
            return History(
                metric, baseline, variance, daily, prior, experiment.name, definition.direction == "increase"
            )
    return History(metric, None, None, None, prior, "")


def plan_experiment(
    *,
    metric: str,
    arms: int = 3,
    days: int = 28,
    baseline: float | None = None,
    deviation: float | None = None,
    daily_units: float | None = None,
    share: float = 1.0,
    alpha: float = 0.05,
    power: float = 0.8,
    guardrails: int = 0,
    lift: float | None = None,
    choose_arms: bool = False,
) -> Plan:
    """A plan; what is not given comes from history. `deviation` is the standard deviation of one unit.

    Raises InvalidInput that names the field where a value is unusable, or neither given nor in the history. A baseline
    given between 0 and 1 without a deviation is taken as a share of units, with variance p(1 - p).
    """
    known = history_of(metric)
    value = _needed("baseline", baseline, known.baseline)
    try:
        inputs = PlanInputs(
            arms=arms,
            baseline=value,
            variance=_variance(deviation, baseline, known),
            daily_units=_needed("daily_units", daily_units, known.daily_units),
            days=days,
            share=share,
            alpha=alpha,
            power=power,
            guardrails=guardrails,
            prior_mean=known.prior.mean,
            prior_spread=known.prior.spread,
            higher_is_better=known.higher_is_better,
        )
        return make_plan(inputs, lift=lift, choose_arms=choose_arms)
    except ValueError as problem:
        field, _, message = str(problem).partition(": ")
        raise errors.InvalidInput.field(field, localised(message or field)) from problem


# What `experiments.planning`, which is pure, refuses; recognised by `localised` above.
_REFUSALS = (
    gettext_noop("%(value)s is not a positive number"),
    gettext_noop("%(value)s is not from %(lowest)s to %(highest)s"),
    gettext_noop("%(value)s is not between 0 and 1"),
    gettext_noop("%(value)s is not above 0 and at most 1"),
    gettext_noop("a prior wider than 1 on the log scale cannot be planned with"),
)


def days_left(experiment: Experiment) -> Remaining:
    """Days and date until the planned units are in at the rate of the last week, and the power at the present ones.

    The power is for the typical lift of the goal's prior. Raises InvalidInput for an experiment without planned units.
    """
    if experiment.planned_units is None:
        raise errors.InvalidInput.field("planned_units", _("The experiment has no planned number of shoppers."))
    so_far = history.units_so_far(experiment)
    daily = _daily(experiment) or 0.0
    days = durations.days_left(experiment.planned_units, units_so_far=so_far, daily_units=daily)
    on = None if days is None else timezone.localdate() + timedelta(days=days)
    return Remaining(days, on, daily, _power_now(experiment, so_far))


def power_at_plan(experiment: Experiment) -> tuple[float | None, float]:
    """The chance to find a typical lift of the goal's prior once the plan is full, and that lift (a share).

    The chance is None without a plan, or before the control has a value.
    """
    lift = math.expm1(TYPICAL * prior_for(experiment.goal_metric, experiment).spread)
    planned = experiment.planned_units
    return (None if planned is None else _power_now(experiment, planned)), lift


def _measured(row: ArmMoments, metric: str) -> tuple[MetricDefinition, float, float] | None:
    shown = next((one for one in metrics_of(row.arm.experiment) if one.key == metric), None)
    if shown is None:
        return None
    definition = shown.definition
    moments = row.value()
    if not {definition.numerator, definition.denominator} - {None} <= {*moments.columns}:
        return None
    found = arm_ratio(moments, definition.numerator, definition.denominator)
    variance = found.standard_error**2 * found.n
    usable = found.value > 0 and variance > 0 and math.isfinite(variance)
    return (definition, found.value, variance) if usable else None


def _daily(experiment: Experiment) -> float | None:
    """New units a day: of whole days, so today is left out where there is another; a day without any counts as 0."""
    by_day = dict(history.units_by_day(experiment))
    if not by_day:
        return history.units_a_day(experiment)
    today = timezone.now().date()
    first, last = (date.fromisoformat(choose(by_day)) for choose in (min, max))
    if experiment.status == Status.RUNNING:
        last = max(last, today - timedelta(days=1))
    if last >= today > first:
        last = today - timedelta(days=1)
    days = [first + timedelta(days=passed) for passed in range((last - first).days + 1)]
    return durations.arrival_rate([by_day.get(day.isoformat(), 0) for day in days])


def _power_now(experiment: Experiment, units: int) -> float | None:
    arms = experiment.arms.filter(dropped_at__isnull=True).count()
    rows = ArmMoments.objects.filter(arm__experiment=experiment, arm__is_control=True).select_related("arm__experiment")
    row = rows.first()
    found = None if row is None else _measured(row, experiment.goal_metric)
    if found is None or units < 1 or arms < 2:
        return None
    prior = prior_for(experiment.goal_metric, experiment)
    change = found[1] * math.expm1(TYPICAL * prior.spread)
    design = powers.Design(alpha=experiment.alpha, comparisons=arms - 1)
    return powers.power(contrasts.mean(change, math.sqrt(found[2])), units / arms, design=design)


def _needed(field: str, given: float | None, known: float | None) -> float:
    if given is not None:
        return given
    if known is None:
        unknown = _("No past experiment tells this value yet. Please give it.")
        raise errors.InvalidInput.field(field, unknown, "required")
    return known


def _variance(deviation: float | None, baseline: float | None, known: History) -> float:
    if deviation is not None:
        return deviation**2
    if baseline is None or (known.variance is not None and known.baseline == baseline):
        return _needed("deviation", None, known.variance)
    if 0 < baseline < 1:
        return baseline * (1 - baseline)
    return _needed("deviation", None, known.variance)
