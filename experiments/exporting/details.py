"""The tidy table of what is read beside a result: groups, days and checks of health, one row each. Pure.

`kind` says what a row is: "group" (an arm within one value of a dimension, against the control there), "day" (an arm's
goal among all who had entered by the end of a day) or "check" (one check of health). A column that a kind does not know
is empty.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

# column: the type it has in a Parquet file
COLUMNS: dict[str, str] = {
    "experiment": "string",
    "kind": "string",
    "metric": "string",
    "dimension": "string",
    "value": "string",
    "arm": "string",
    "arm_name": "string",
    "units": "int64",
    "control_units": "int64",
    "goal": "double",
    "lift": "double",
    "lift_lower": "double",
    "lift_upper": "double",
    "difference": "double",
    "difference_lower": "double",
    "difference_upper": "double",
    "p_value_corrected": "double",
    "status": "string",
    "sentence": "string",
}

Row = dict[str, Any]
Stored = Mapping[str, Any]


def rows(key: str, results: Stored, details: Stored | None) -> list[Row]:
    """The table; every row has every column. Empty where no details were made yet."""
    if details is None:
        return []
    goal = next((metric["key"] for metric in results["metrics"] if metric["is_goal"]), None)
    names = {arm["key"]: arm["name"] for arm in results["arms"]}
    empty: Row = dict.fromkeys(COLUMNS) | {"experiment": key}
    found = [*_groups(details, goal), *_days(details, goal), *_checks(details)]
    return [empty | row | {"arm_name": names.get(row.get("arm", ""))} for row in found]


def _groups(details: Stored, goal: str | None) -> Iterator[Row]:
    for entry in details.get("slices") or ():
        for one in entry["values"]:
            control, treatment = one["units"]
            yield {
                "kind": "group",
                "metric": goal,
                "dimension": entry["dimension"],
                "value": str(one["value"]),
                "arm": entry["arm"],
                "units": treatment,
                "control_units": control,
                "p_value_corrected": one["p_value_corrected"],
                **_bounds("lift", one["lift"]),
                **_bounds("difference", one["difference"]),
            }


def _days(details: Stored, goal: str | None) -> Iterator[Row]:
    for day in details.get("days") or ():
        for arm, units in day["units"].items():
            about = {"kind": "day", "metric": goal, "dimension": "day", "value": day["day"], "arm": arm}
            yield about | {"units": units, "goal": day["values"].get(arm)}


def _checks(details: Stored) -> Iterator[Row]:
    for check in details.get("health") or ():
        yield {"kind": "check", "value": check["code"], "status": check["status"], "sentence": check["sentence"]}


def _bounds(name: str, found: Stored | None) -> Row:
    found = found or {}
    return {name: found.get("estimate"), f"{name}_lower": found.get("lower"), f"{name}_upper": found.get("upper")}
