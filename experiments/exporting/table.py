"""The tidy table of a result: one row for each metric and arm, the same columns in every format and experiment.

A number the data do not give is empty. Rates are shares, not percent; times are ISO 8601; money is in `currency`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

# column: the type it has in a Parquet file
COLUMNS: dict[str, str] = {
    "experiment": "string",
    "as_of": "string",
    "mode": "string",
    "metric": "string",
    "label": "string",
    "format": "string",
    "direction": "string",
    "is_goal": "bool",
    "arm": "string",
    "arm_name": "string",
    "is_control": "bool",
    "units": "int64",
    "currency": "string",
    "value": "double",
    "value_lower": "double",
    "value_upper": "double",
    "difference": "double",
    "difference_lower": "double",
    "difference_upper": "double",
    "lift": "double",
    "lift_lower": "double",
    "lift_upper": "double",
    "expected_lift": "double",
    "confidence": "double",
    "p_value": "double",
    "p_value_corrected": "double",
    "chance_to_win": "double",
    "verdict": "string",
    "method": "string",
    "sentence": "string",
}

Row = dict[str, Any]


def rows(key: str, results: Mapping[str, Any]) -> list[Row]:
    """The table of an analysis' results; every row has every column."""
    arms = {arm["key"]: arm for arm in results["arms"]}
    return [row for metric in results["metrics"] for row in _metric_rows(key, results, metric, arms)]


def _metric_rows(
    key: str, results: Mapping[str, Any], metric: Mapping[str, Any], arms: Mapping[str, Any]
) -> Iterator[Row]:
    compared = {comparison["arm"]: comparison for comparison in metric["comparisons"]}
    for entry in metric["arms"]:
        arm = arms[entry["arm"]]
        row: Row = dict.fromkeys(COLUMNS)
        row |= {name: results.get(name) for name in ("as_of", "mode", "currency", "confidence")}
        row |= {name: metric.get(name) for name in ("label", "format", "direction", "is_goal")}
        row |= {"experiment": key, "metric": metric["key"], "units": entry["units"]}
        row |= {"arm": arm["key"], "arm_name": arm["name"], "is_control": arm["is_control"]}
        row |= _bounds("value", entry["value"])
        yield row | _comparison(compared.get(entry["arm"]))


def _comparison(found: Mapping[str, Any] | None) -> Row:
    if found is None:
        return {}
    plain = ("p_value", "p_value_corrected", "chance_to_win", "verdict", "method", "sentence")
    shrunk = found.get("shrunk") or {}
    return {
        **_bounds("difference", found["difference"]),
        **_bounds("lift", found.get("lift")),
        **{name: found.get(name) for name in plain},
        "expected_lift": shrunk.get("estimate"),
    }


def _bounds(name: str, found: Mapping[str, Any] | None) -> Row:
    found = found or {}
    return {name: found.get("estimate"), f"{name}_lower": found.get("lower"), f"{name}_upper": found.get("upper")}
