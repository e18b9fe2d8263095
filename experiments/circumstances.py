"""What stands around a result: the plan against what came, phases, holdouts and arms that were taken out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from core.templatetags.copylift import change, count, share
from experiments.models import Analysis, Arm, Experiment, Holdout, Phase, Source

Row = dict[str, str]


def around(experiment: Experiment, arms: Sequence[Arm]) -> dict[str, Any]:
    """Phases where there was more than one, holdouts in force, and arms that were taken out. Two queries."""
    if experiment.source != Source.LIVE:
        return {}
    phases = list(Phase.objects.filter(experiment=experiment).order_by("number"))
    in_force = Holdout.objects.filter(Q(is_global=True) | Q(experiments=experiment), is_active=True).distinct()
    return {
        "phases": phases if len(phases) > 1 else [],
        "holdouts": list(in_force.order_by("name")),
        "dropped": [arm for arm in arms if arm.dropped_at is not None],
    }


def against_plan(experiment: Experiment, analysis: Analysis | None, arms: Sequence[Arm]) -> list[Row]:
    """Rows of `name`, `planned` and `actual`; none for an import, which had no plan here."""
    if experiment.source != Source.LIVE or experiment.started_at is None:
        return []
    plan: Mapping[str, Any] = experiment.plan or {}
    results = analysis.results if analysis is not None else {}
    rows = [
        _units(experiment, results),
        _days(experiment, plan),
        _daily(experiment, plan, results),
        _arms(plan, arms),
        _baseline(plan, results),
        _lift(plan, results),
    ]
    return [row for row in rows if row is not None]


# --- rows -------------------------------------------------------------------------------------------------------
def _units(experiment: Experiment, results: Mapping[str, Any]) -> Row:
    planned = experiment.planned_units
    return {
        "name": _("Shoppers"),
        "planned": count(planned) if planned else _("no plan"),
        "actual": count(results.get("units", 0)),
    }


def _days(experiment: Experiment, plan: Mapping[str, Any]) -> Row:
    until = experiment.stopped_at or timezone.now()
    planned = _planned_end(experiment, plan)
    return {
        "name": _("Time"),
        "planned": planned or _("no plan"),
        "actual": _lasted(until - (experiment.started_at or until)),
    }


def _planned_end(experiment: Experiment, plan: Mapping[str, Any]) -> str:
    if isinstance(days := plan.get("days"), int):
        return _counted_days(days)
    end = experiment.planned_end
    return _("until %(day)s") % {"day": _day(end)} if end else ""


def _daily(experiment: Experiment, plan: Mapping[str, Any], results: Mapping[str, Any]) -> Row | None:
    planned = plan.get("daily_units")
    if not isinstance(planned, int | float) or experiment.started_at is None:
        return None
    lasted = (experiment.stopped_at or timezone.now()) - experiment.started_at
    days = max(lasted / timedelta(days=1), 1.0)
    coming = planned * float(plan.get("share", 1.0) or 1.0)
    return {"name": _("Shoppers a day"), "planned": count(coming), "actual": count(results.get("units", 0) / days)}


def _arms(plan: Mapping[str, Any], arms: Sequence[Arm]) -> Row | None:
    planned = plan.get("arms")
    if not isinstance(planned, int):
        return None
    return {
        "name": _("Arms"),
        "planned": count(planned),
        "actual": count(sum(arm.dropped_at is None for arm in arms)),
    }


def _baseline(plan: Mapping[str, Any], results: Mapping[str, Any]) -> Row | None:
    planned, goal = plan.get("baseline"), _goal(results)
    if not isinstance(planned, int | float) or goal is None or goal["format"] != "share":
        return None
    control = next(arm["key"] for arm in results["arms"] if arm["is_control"])
    found = next((one["value"]["estimate"] for one in goal["arms"] if one["arm"] == control), None)
    return {"name": _("Value of the control"), "planned": share(planned), "actual": share(found)}


def _lift(plan: Mapping[str, Any], results: Mapping[str, Any]) -> Row | None:
    planned, goal = plan.get("lift"), _goal(results)
    if not isinstance(planned, int | float) or goal is None:
        return None
    lifts = [one["lift"]["estimate"] for one in goal["comparisons"] if one.get("lift")]
    best = max((one for one in lifts if one is not None), default=None)
    return {"name": _("Lift of the best arm"), "planned": change(planned), "actual": change(best)}


def _goal(results: Mapping[str, Any]) -> Mapping[str, Any] | None:
    return next((metric for metric in results.get("metrics", ()) if metric["is_goal"]), None)


def _lasted(time: timedelta) -> str:
    hours = round(time / timedelta(hours=1))
    if hours < 1:
        return _("under an hour")
    if hours < 48:
        return ngettext("%(count)d hour", "%(count)d hours", hours) % {"count": hours}
    return _counted_days(round(time / timedelta(days=1)))


def _counted_days(days: int) -> str:
    return ngettext("%(count)d day", "%(count)d days", days) % {"count": days}


def _day(moment: datetime) -> str:
    return date_format(timezone.localtime(moment), "DATE_FORMAT")
