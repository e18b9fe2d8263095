"""What an experiment may say of who enters, what is measured and how it is judged: each field by itself. Pure.

`check` raises ValueError naming the field first ("metrics.1.window_hours: …"); the service turns that into an answer.
Beside these an experiment has a key, a name, arms and a plan (experiments.services.experiments).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple, NoReturn, TypedDict, get_args

from experiments.conditions import check_condition
from experiments.stats.metrics import AGGREGATES, CATALOGUE, UNIT_COLUMNS, Kind, MetricDefinition, custom_columns
from experiments.wording import Format

KEY = re.compile(r"[a-z0-9][a-z0-9_-]{0,79}")
DESIGNS = ("", "group_sequential", "confidence_sequence", "fixed")
METHODS = ("thompson", "top_two")
ADAPTIVE = {"floor": 0.05, "batch_hours": 24, "method": "thompson"}
MAX_FORCED, MAX_METRICS, MAX_GUARDRAILS, MAX_DIMENSIONS, MAX_VALUES = 1_000, 50, 20, 5, 50
MAX_HOURS = 24 * 366
MAX_JSON = 20_000
# Columns of the time before the first exposure: all that may adjust a figure.
HISTORY = ("pre_clicks", "pre_orders", "pre_revenue")

_METRIC_CHOICES: dict[str, Sequence[str]] = {
    "kind": get_args(Kind),
    "aggregate": AGGREGATES,
    "format": get_args(Format),
    "direction": ("increase", "decrease"),
}
# Characters at most.
_METRIC_TEXTS = {"label": 200, "event": 100, "numerator": 80, "denominator": 80}
_METRIC_FIELDS = frozenset({"key", "window_hours", "covariates", *_METRIC_CHOICES, *_METRIC_TEXTS})
_RESERVED = frozenset({"day", "marked", "batch", "overall"})


class Further(TypedDict, total=False):
    """The fields, as `create_experiment` takes them; each may be left out. `holdouts` are keys."""

    condition: dict[str, Any]
    forced: dict[str, str]
    holdouts: Sequence[str]
    metrics: Sequence[dict[str, Any]]
    guardrails: Sequence[dict[str, Any]]
    dimensions: Sequence[dict[str, Any]]
    conversion_window_hours: int | None
    covariate_days: int
    revenue_cap: Decimal | None
    design: str
    planned_looks: int | None
    alpha: float
    minimum_hours: int
    pause_on_breach: bool
    allocation: str
    adaptive_settings: dict[str, Any]
    plan: dict[str, Any] | None


class Frame(NamedTuple):
    """What the fields are checked against."""

    arms: Collection[str]
    goal_metric: str = "conversion"
    planned_units: int | None = None


def check(fields: Further, frame: Frame) -> None:
    """Raises ValueError naming the first field at fault."""
    for name, value in fields.items():
        if name not in _CHECKS:
            _refuse(name, "is not a field of an experiment")
        _CHECKS[name](value, frame)
    metrics = _known_metrics(fields.get("metrics", ()))
    if frame.goal_metric not in metrics:
        _refuse("goal_metric", f"there is no metric {frame.goal_metric!r}")
    for index, guardrail in enumerate(fields.get("guardrails", ())):
        if guardrail["metric"] not in metrics:
            _refuse(f"guardrails.{index}.metric", f"there is no metric {guardrail['metric']!r}")
    if fields.get("design") == "group_sequential" and not frame.planned_units:
        _refuse("design", "group_sequential needs planned_units")
    if fields.get("adaptive_settings") and fields.get("allocation") != "adaptive":
        _refuse("adaptive_settings", "only an adaptive experiment has them")


def adaptive_settings(given: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of adaptive allocation with what was left out."""
    return {**ADAPTIVE, **given}


def check_forced(forced: object, frame: Frame) -> None:
    """{unit: key of an arm}."""
    if not isinstance(forced, dict) or len(forced) > MAX_FORCED:
        _refuse("forced", f"an object of at most {MAX_FORCED} units with the key of an arm each is needed")
    for unit, arm in forced.items():
        _text(unit, "forced")
        if arm not in frame.arms:
            _refuse(f"forced.{unit}", f"this experiment has no arm {arm!r}")


def _check_condition(condition: object, _: Frame) -> None:
    try:
        check_condition(condition)
    except ValueError as problem:
        told = str(problem)
        raise ValueError(told if told.startswith("condition: ") else f"condition.{told}") from problem
    _json("condition", condition)


def _check_holdouts(keys: object, _: Frame) -> None:
    for index, key in enumerate(_list(keys, "holdouts", 10)):
        _text(key, f"holdouts.{index}", 80)
    _unique(keys, "holdouts")


def _check_metrics(entries: object, _: Frame) -> None:
    listed = _list(entries, "metrics", MAX_METRICS)
    for index, entry in enumerate(listed):
        _check_metric(entry, f"metrics.{index}")
    _unique([entry["key"] for entry in listed], "metrics")
    columns = {*UNIT_COLUMNS, *(column.key for column in custom_columns(listed))}
    for index, entry in enumerate(listed):
        for column in MetricDefinition.from_entry(entry).columns():
            if column not in columns:
                _refuse(f"metrics.{index}", f"there is no column {column!r}")


def _check_metric(entry: object, field: str) -> None:
    if not isinstance(entry, dict):
        _refuse(field, "an object is needed")
    for name in entry:
        if name not in _METRIC_FIELDS:
            _refuse(f"{field}.{name}", "is not a field of a metric")
    key = entry.get("key")
    if not isinstance(key, str) or not KEY.fullmatch(key):
        _refuse(f"{field}.key", "1 to 80 small letters, digits, hyphens and underscores are needed")
    given = {name: value for name, value in entry.items() if value is not None}
    for name in _METRIC_CHOICES.keys() & given.keys():
        _one_of(given[name], _METRIC_CHOICES[name], f"{field}.{name}")
    for name in _METRIC_TEXTS.keys() & given.keys():
        _text(given[name], f"{field}.{name}", _METRIC_TEXTS[name])
    for index, column in enumerate(_list(given.get("covariates", ()), f"{field}.covariates", len(HISTORY))):
        _one_of(column, HISTORY, f"{field}.covariates.{index}")
    if "window_hours" in given:
        _whole(given["window_hours"], f"{field}.window_hours", 1, MAX_HOURS)
    try:
        MetricDefinition.from_entry(entry)
        custom_columns([entry])
    except ValueError as problem:
        raise ValueError(f"{field}.{problem}") from problem


def _check_guardrails(entries: object, _: Frame) -> None:
    listed = _list(entries, "guardrails", MAX_GUARDRAILS)
    for index, entry in enumerate(listed):
        field = f"guardrails.{index}"
        if not isinstance(entry, dict) or not {"metric", "margin"} <= set(entry) <= {"metric", "margin", "relative"}:
            _refuse(field, "metric, margin and perhaps relative are needed")
        _text(entry["metric"], f"{field}.metric", 80)
        relative = entry.get("relative", True)
        _truth(relative, f"{field}.relative")
        _share(entry["margin"], f"{field}.margin", most=1.0 if relative else math.inf)
    _unique([entry["metric"] for entry in listed], "guardrails")


def _check_dimensions(entries: object, _: Frame) -> None:
    listed = _list(entries, "dimensions", MAX_DIMENSIONS)
    for index, entry in enumerate(listed):
        field = f"dimensions.{index}"
        if not isinstance(entry, dict) or set(entry) != {"key", "values"}:
            _refuse(field, "key and values are needed")
        _text(entry["key"], f"{field}.key", 80)
        if entry["key"] in _RESERVED:
            _refuse(f"{field}.key", f"{entry['key']!r} is kept for the platform")
        values = _list(entry["values"], f"{field}.values", MAX_VALUES)
        for position, value in enumerate(values):
            _text(value, f"{field}.values.{position}")
        _unique(values, f"{field}.values")
    _unique([entry["key"] for entry in listed], "dimensions")


def _check_cap(cap: object, _: Frame) -> None:
    if cap is None:
        return
    if not isinstance(cap, Decimal) or not cap.is_finite() or not 0 < cap < 10**12:
        _refuse("revenue_cap", "an amount above 0 is needed")


def _check_alpha(alpha: object, _: Frame) -> None:
    if isinstance(alpha, bool) or not isinstance(alpha, int | float) or not 0.0001 <= alpha <= 0.5:
        _refuse("alpha", f"{alpha} is not between 0.0001 and 0.5")


def _check_adaptive(settings: object, frame: Frame) -> None:
    if not isinstance(settings, dict) or not set(settings) <= set(ADAPTIVE):
        _refuse("adaptive_settings", f"an object with {', '.join(ADAPTIVE)} is needed")
    found = adaptive_settings(settings)
    _share(found["floor"], "adaptive_settings.floor", most=1 / max(len(frame.arms), 1))
    _whole(found["batch_hours"], "adaptive_settings.batch_hours", 1, 24 * 28)
    _one_of(found["method"], METHODS, "adaptive_settings.method")


def _check_plan(plan: object, _: Frame) -> None:
    if plan is not None and not isinstance(plan, dict):
        _refuse("plan", "an object is needed")
    _json("plan", plan)


def _hours(name: str, least: int, most: int, *, optional: bool) -> Callable[[object, Frame], None]:
    def check_hours(value: object, _: Frame) -> None:
        if value is not None or not optional:
            _whole(value, name, least, most)

    return check_hours


_CHECKS: dict[str, Callable[[object, Frame], None]] = {
    "condition": _check_condition,
    "forced": check_forced,
    "holdouts": _check_holdouts,
    "metrics": _check_metrics,
    "guardrails": _check_guardrails,
    "dimensions": _check_dimensions,
    "conversion_window_hours": _hours("conversion_window_hours", 1, MAX_HOURS, optional=True),
    "covariate_days": _hours("covariate_days", 0, 365, optional=False),
    "revenue_cap": _check_cap,
    "design": lambda value, _: _one_of(value, DESIGNS, "design"),
    "planned_looks": _hours("planned_looks", 1, 200, optional=True),
    "alpha": _check_alpha,
    "minimum_hours": _hours("minimum_hours", 0, MAX_HOURS, optional=False),
    "pause_on_breach": lambda value, _: _truth(value, "pause_on_breach"),
    "allocation": lambda value, _: _one_of(value, ("fixed", "adaptive"), "allocation"),
    "adaptive_settings": _check_adaptive,
    "plan": _check_plan,
}


def _known_metrics(entries: Sequence[Mapping[str, Any]]) -> set[str]:
    return {*CATALOGUE, *(str(entry["key"]) for entry in entries)}


def _refuse(field: str, sentence: str) -> NoReturn:
    raise ValueError(f"{field}: {sentence}")


def _text(value: object, field: str, longest: int = 200) -> None:
    if not isinstance(value, str) or not 0 < len(value) <= longest or "\0" in value:
        _refuse(field, f"text of 1 to {longest} characters is needed")


def _list(value: object, field: str, most: int) -> Sequence[Any]:
    if not isinstance(value, list | tuple) or len(value) > most:
        _refuse(field, f"a list of at most {most} is needed")
    return value


def _unique(values: Any, field: str) -> None:
    seen: list[object] = []
    for index, value in enumerate(values):
        if value in seen:
            _refuse(f"{field}.{index}", f"{value!r} is there twice")
        seen.append(value)


def _one_of(value: object, allowed: Sequence[str], field: str) -> None:
    if value not in allowed:
        _refuse(field, f"{value!r} is not one of {', '.join(filter(None, allowed))}")


def _whole(value: object, field: str, least: int, most: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        _refuse(field, f"{value!r} is not a whole number from {least} to {most}")


def _share(value: object, field: str, *, most: float) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
        _refuse(field, f"{value!r} is not a number from 0 on")
    if value > most:
        _refuse(field, f"{value} is more than {most:g}")


def _truth(value: object, field: str) -> None:
    if not isinstance(value, bool):
        _refuse(field, "true or false is needed")


def _json(field: str, value: object) -> None:
    try:
        size = len(json.dumps(value, allow_nan=False))
    except (TypeError, ValueError) as problem:
        raise ValueError(f"{field}: cannot be written as JSON") from problem
    if size > MAX_JSON:
        _refuse(field, f"is longer than {MAX_JSON} characters")
