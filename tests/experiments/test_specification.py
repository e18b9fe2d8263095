"""What an experiment may say of itself: each field refused by its path, and what is usual let through."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import pytest

from experiments.specification import Frame, check

FRAME = Frame(["a", "b"], planned_units=1_000)
ADDED = {"key": "added", "label": "Added", "kind": "proportion", "event": "add_to_cart", "window_hours": 24}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"condition": {"country": {"$im": 1}}}, "condition.country.$im: is not an operator"),
        ({"condition": []}, "condition: an object is needed"),
        ({"condition": {"a": "x" * 20_000}}, "condition: is longer than"),
        ({"forced": {"u": "z"}}, "forced.u: this experiment has no arm 'z'"),
        ({"forced": {"": "a"}}, "forced: text of 1 to 200"),
        ({"forced": ["u"]}, "forced: an object"),
        ({"holdouts": ["x", "x"]}, "holdouts.1: 'x' is there twice"),
        ({"holdouts": "x"}, "holdouts: a list"),
        ({"metrics": [5]}, "metrics.0: an object"),
        ({"metrics": [{**ADDED, "key": "Added"}]}, "metrics.0.key: 1 to 80"),
        ({"metrics": [{**ADDED, "key": "clicks"}]}, "metrics.0.key: 'clicks' cannot name a column"),
        ({"metrics": [ADDED, ADDED]}, "metrics.1: 'added' is there twice"),
        ({"metrics": [{**ADDED, "kind": "median"}]}, "metrics.0.kind: 'median' is not one of proportion, mean, ratio"),
        ({"metrics": [{**ADDED, "aggregate": "max"}]}, "metrics.0.aggregate: 'max' is not one of"),
        ({"metrics": [{**ADDED, "format": "euro"}]}, "metrics.0.format: 'euro' is not one of"),
        ({"metrics": [{**ADDED, "direction": "up"}]}, "metrics.0.direction: 'up'"),
        ({"metrics": [{**ADDED, "window_hours": 0}]}, "metrics.0.window_hours: 0 is not a whole number from 1"),
        ({"metrics": [{**ADDED, "window_hours": True}]}, "metrics.0.window_hours: True"),
        (
            {"metrics": [{**ADDED, "covariates": ["clicks"]}]},
            "metrics.0.covariates.0: 'clicks' is not one of pre_clicks",
        ),
        ({"metrics": [{**ADDED, "windows": 1}]}, "metrics.0.windows: is not a field"),
        ({"metrics": [{**ADDED, "denominator": "clicks"}]}, "metrics.0.denominator: 'clicks' does not go"),
        (
            {"metrics": [{"key": "x", "kind": "mean", "numerator": "nothing"}]},
            "metrics.0: there is no column 'nothing'",
        ),
        ({"guardrails": [{"metric": "conversion"}]}, "guardrails.0: metric, margin"),
        ({"guardrails": [{"metric": "nothing", "margin": 0.1}]}, "guardrails.0.metric: there is no metric"),
        ({"guardrails": [{"metric": "conversion", "margin": -0.1}]}, "guardrails.0.margin: -0.1 is not a number"),
        ({"guardrails": [{"metric": "conversion", "margin": 2}]}, "guardrails.0.margin: 2 is more than 1"),
        ({"guardrails": [{"metric": "conversion", "margin": 0, "relative": 1}]}, "guardrails.0.relative: true or"),
        ({"dimensions": [{"key": "day", "values": []}]}, "dimensions.0.key: 'day' is kept"),
        ({"dimensions": [{"key": "c", "values": ["US", "US"]}]}, "dimensions.0.values.1: 'US' is there twice"),
        ({"dimensions": [{"key": "c", "values": [1]}]}, "dimensions.0.values.0: text"),
        ({"dimensions": [{"key": f"d{n}", "values": []} for n in range(6)]}, "dimensions: a list of at most 5"),
        (
            {"dimensions": [{"key": "c", "values": [str(n) for n in range(51)]}]},
            "dimensions.0.values: a list of at most 50",
        ),
        ({"conversion_window_hours": 0}, "conversion_window_hours: 0"),
        ({"covariate_days": None}, "covariate_days: None"),
        ({"covariate_days": 366}, "covariate_days: 366"),
        ({"revenue_cap": Decimal(0)}, "revenue_cap: an amount"),
        ({"revenue_cap": Decimal("NaN")}, "revenue_cap: an amount"),
        ({"design": None}, "design: None is not one of"),
        ({"design": "peek"}, "design: 'peek' is not one of group_sequential"),
        ({"planned_looks": 0}, "planned_looks: 0"),
        ({"alpha": 0}, "alpha: 0 is not between"),
        ({"alpha": float("nan")}, "alpha: nan"),
        ({"minimum_hours": -1}, "minimum_hours: -1"),
        ({"pause_on_breach": "no"}, "pause_on_breach: true or false"),
        ({"allocation": "greedy"}, "allocation: 'greedy'"),
        ({"adaptive_settings": {"floor": 0.1}}, "adaptive_settings: only an adaptive"),
        (
            {"allocation": "adaptive", "adaptive_settings": {"floor": 0.6}},
            "adaptive_settings.floor: 0.6 is more than 0.5",
        ),
        ({"allocation": "adaptive", "adaptive_settings": {"batch_hours": 0}}, "adaptive_settings.batch_hours: 0"),
        ({"allocation": "adaptive", "adaptive_settings": {"method": "best"}}, "adaptive_settings.method: 'best'"),
        ({"allocation": "adaptive", "adaptive_settings": {"speed": 1}}, "adaptive_settings: an object with floor"),
        ({"plan": []}, "plan: an object"),
        ({"plan": {"x": float("nan")}}, "plan: cannot be written as JSON"),
        ({"colour": "red"}, "colour: is not a field"),
    ],
)
def test_each_field_is_refused_by_its_path(fields: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        check(fields, FRAME)


def test_what_goes_with_what() -> None:
    with pytest.raises(ValueError, match=r"^goal_metric: there is no metric 'added'"):
        check({}, Frame(["a"], "added"))
    check({"metrics": [ADDED]}, Frame(["a"], "added"))
    with pytest.raises(ValueError, match=r"^design: group_sequential needs planned_units"):
        check({"design": "group_sequential"}, Frame(["a"]))


def test_what_is_usual_is_let_through() -> None:
    check(
        {
            "condition": {"country": {"$in": ["US", "GB"]}},
            "forced": {"qa": "b"},
            "holdouts": ["season"],
            "metrics": [ADDED, {"key": "order_value"}, {"key": "rate", "kind": "ratio", "numerator": "added",
                                                        "denominator": "impressions"}],
            "guardrails": [{"metric": "ctr", "margin": 0.02, "relative": True}, {"metric": "added", "margin": 0}],
            "dimensions": [{"key": "country", "values": ["US", "GB"]}],
            "conversion_window_hours": 72, "covariate_days": 14, "revenue_cap": Decimal(500),
            "design": "group_sequential", "planned_looks": 14, "alpha": 0.1, "minimum_hours": 168,
            "pause_on_breach": False, "allocation": "adaptive", "adaptive_settings": {"floor": 0.05, "batch_hours": 12},
            "plan": {"arms": 2},
        },
        FRAME,
    )  # fmt: skip
