"""The picture of a result: what is drawn, what is left out, and that it carries no fixed colours."""

from __future__ import annotations

from typing import Any

from experiments import charts

ARMS = [{"key": "a", "name": "Today's text"}, {"key": "b", "name": "Warm & <b>direct</b>"}]


def results(lift: dict[str, Any] | None, verdict: str = "better") -> dict[str, Any]:
    """Results with one comparison."""
    comparison = {"arm": "b", "lift": lift, "verdict": verdict}
    return {"arms": ARMS, "metrics": [{"label": "Conversion rate", "comparisons": [comparison]}]}


def test_a_row_names_metric_and_arm() -> None:
    assert charts.rows(results({"estimate": 0.11, "lower": 0.02, "upper": 0.2})) == [
        {
            "metric": "Conversion rate",
            "arm": "Warm & <b>direct</b>",
            "estimate": 0.11,
            "lower": 0.02,
            "upper": 0.2,
            "verdict": "better",
        }
    ]


def test_an_open_interval_is_cut_at_the_edge() -> None:
    row = charts.rows(results({"estimate": 0.5, "lower": None, "upper": None}))[0]
    assert (row["lower"], row["upper"]) == (-charts.WIDEST, charts.WIDEST)


def test_what_has_no_lift_is_not_drawn() -> None:
    assert charts.rows(results(None)) == []
    assert charts.interval_chart(results(None)) == ""


def test_the_picture_takes_its_colours_from_the_page_and_escapes_names() -> None:
    svg = charts.interval_chart(results({"estimate": 0.11, "lower": 0.02, "upper": 0.2}))
    assert svg.startswith("<svg")
    assert "var(--good)" in svg
    assert "var(--ink)" in svg
    assert [stand_in for stand_in in charts.STAND_INS if stand_in in svg] == []
    assert "<b>" not in svg
    assert "<script" not in svg


def test_arms_of_one_name_are_told_apart() -> None:
    arms = [{"key": "a", "name": "Same"}, {"key": "b", "name": "Same"}, {"key": "c", "name": "Other"}]
    assert charts.distinct_names(arms) == {"a": "1. Same", "b": "2. Same", "c": "Other"}
