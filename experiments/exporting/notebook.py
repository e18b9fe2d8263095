"""A notebook of one analysis: the data inside, the table, and one figure computed again from the moments.

It needs pandas and scipy and nothing of this platform, so an analyst can send it on.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

_TABLE = """import json

import pandas as pd

analysis = json.loads(DATA)
results = analysis["results"]
names = {arm["key"]: arm["name"] for arm in results["arms"]}
rows = [
    {
        "metric": metric["key"],
        "arm": names[entry["arm"]],
        "units": entry["units"],
        "value": entry["value"]["estimate"],
        **{
            part: (comparison[part] or {}).get("estimate") if part in ("difference", "lift") else comparison[part]
            for comparison in metric["comparisons"]
            if comparison["arm"] == entry["arm"]
            for part in ("difference", "lift", "p_value", "chance_to_win", "verdict", "method")
        },
    }
    for metric in results["metrics"]
    for entry in metric["arms"]
]
pd.DataFrame(rows)"""

_AGAIN = """import numpy as np
from scipy import stats

# Everything above was computed from these: n, means and centred cross-products of the unit columns, by arm.
moments = analysis["moments"]


def column(arm, name):
    found = moments[arm]
    at = found["columns"].index(name)
    n = found["n"]
    return n, found["mean"][at], np.array(found["cross"]).reshape(len(found["columns"]), -1)[at, at] / (n - 1)


def welch(control, treatment, name):
    (n_c, mean_c, var_c), (n_t, mean_t, var_t) = column(control, name), column(treatment, name)
    return stats.ttest_ind_from_stats(mean_t, var_t**0.5, n_t, mean_c, var_c**0.5, n_c, equal_var=False)


control = next(arm["key"] for arm in results["arms"] if arm["is_control"])
usable = [arm for arm in moments if arm != control and min(moments[arm]["n"], moments[control]["n"]) > 1]
# One look at a fixed time, without correction: compare with the method named in the table.
{arm: {name: welch(control, arm, name).pvalue for name in moments[arm]["columns"]} for arm in usable}"""


def build(analysis: Mapping[str, Any]) -> dict[str, Any]:
    """The notebook (format 4.5) as JSON-safe data, with no output yet."""
    verdict = analysis["results"]["verdict"]
    reasons = "\n".join(f"- {_plain(reason)}" for reason in verdict["reasons"])
    title = f"# {_plain(analysis['name'])}\n\n**{_plain(verdict['sentence'])}**\n\n{reasons}"
    about = (
        f"Experiment `{analysis['experiment']}`, analysed {analysis['created_at']}, inputs `{analysis['inputs_hash']}`."
    )
    data = json.dumps(analysis, ensure_ascii=True)
    cells = [
        _cell("markdown", f"{title}\n\n{about}", "about"),
        # A literal of a literal: no text of a campaign can end the string early.
        _cell("code", f"DATA = {data!r}", "data"),
        _cell("code", _TABLE, "table"),
        _cell("code", _AGAIN, "again"),
    ]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}


def _cell(kind: str, source: str, name: str) -> dict[str, Any]:
    cell = {"cell_type": kind, "id": name, "metadata": {}, "source": source.splitlines(keepends=True)}
    return cell if kind == "markdown" else cell | {"execution_count": None, "outputs": []}


def _plain(text: str) -> str:
    """A text from outside as Markdown would show it: letters, not marks."""
    return "".join(f"\\{letter}" if letter in "\\`*_{}[]<>()#!|&" else letter for letter in " ".join(text.split()))
