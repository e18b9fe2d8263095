"""The picture of a result: one row a metric and arm, the lift with its interval, and the line of no change.

Declared once in Altair and drawn as SVG by vl-convert, which carries Vega: no network, no Node. Both are heavy and only
a worker or a command draws, so they are imported inside the function. The words beside the chart are its text
alternative; colours are CSS variables of the page, so that dark mode and print need no second drawing.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

COLOURS = {"better": "var(--good)", "worse": "var(--bad)", "unclear": "var(--soft)"}
# Vega wants real colours while it lays the picture out; these stand for the variables and are exchanged afterwards.
STAND_INS = {"#010101": "var(--ink)", "#020202": "var(--soft)", "#030303": "var(--line)"}
VERDICT_STAND_INS = {"better": "#040404", "worse": "#050505", "unclear": "#060606"}
WIDTH = 520
ROW_HEIGHT = 26
# Reserved whatever the names: a browser's letters are wider than those vl-convert measures and cuts names with.
LABEL_WIDTH = 220
LABEL_LIMIT = 165
_ACCESSIBLE = re.compile(r' (?:role|aria-[a-z]+)="[^"]*"')
AXIS = "Change against the control, with its 95 % interval"
# An interval wider than this share of change is drawn cut off: the others would shrink to dots.
WIDEST = 2.0


def rows(results: dict[str, Any]) -> list[dict[str, Any]]:
    """What is drawn: metric, arm, estimate, lower, upper (shares of change), verdict; no row without a lift."""
    names = distinct_names(results["arms"])
    return list(_rows(results["metrics"], names))


def distinct_names(arms: list[dict[str, Any]]) -> dict[str, str]:
    """A name for each arm's key; arms of one name are numbered, or they would be drawn as one row."""
    shared = Counter(arm["name"] for arm in arms)
    return {
        arm["key"]: f"{place}. {arm['name']}" if shared[arm["name"]] > 1 else arm["name"]
        for place, arm in enumerate(arms, start=1)
    }


def _rows(metrics: list[dict[str, Any]], names: dict[str, str]) -> Iterator[dict[str, Any]]:
    for metric in metrics:
        for comparison in metric["comparisons"]:
            lift = comparison.get("lift")
            if not lift or lift["estimate"] is None:
                continue
            yield {
                "metric": metric["label"],
                "arm": names[comparison["arm"]],
                "estimate": _cut(lift["estimate"], 0.0),
                "lower": _cut(lift["lower"], -WIDEST),
                "upper": _cut(lift["upper"], WIDEST),
                "verdict": comparison["verdict"],
            }


def _cut(value: float | None, otherwise: float) -> float:
    number = otherwise if value is None or math.isnan(value) else float(value)
    return min(WIDEST, max(-WIDEST, number))


def interval_chart(results: dict[str, Any]) -> str:
    """The SVG, or an empty string where no lift can be drawn."""
    found = rows(results)
    if not found:
        return ""
    import vl_convert  # noqa: PLC0415 - heavy, and never in the web process

    svg: str = vl_convert.vegalite_to_svg(json.dumps(specification(found)))
    return _with_variables(svg)


def in_words(svg: str, words: Mapping[str, str]) -> str:
    """The stored picture with its words exchanged: it is drawn once, in English, and read in any language.

    What Vega says to screen readers is English too, and goes: the words beside the picture are its alternative.
    """
    svg = _ACCESSIBLE.sub("", svg).replace("<svg ", '<svg aria-hidden="true" ', 1)
    for drawn, said in words.items():
        svg = svg.replace(f">{escape(drawn, quote=False)}</text>", f">{escape(said, quote=False)}</text>")
    return svg


def specification(found: list[dict[str, Any]]) -> dict[str, Any]:
    """The Vega-Lite document of these rows."""
    import altair as alt  # noqa: PLC0415 - as above

    base = alt.Chart().encode(
        y=alt.Y(
            "arm:N",
            sort=None,
            title=None,
            axis=alt.Axis(labelLimit=LABEL_LIMIT, minExtent=LABEL_WIDTH, ticks=False, domain=False),
        ),
        color=alt.Color(
            "verdict:N",
            legend=None,
            scale=alt.Scale(domain=list(VERDICT_STAND_INS), range=list(VERDICT_STAND_INS.values())),
        ),
    )
    change = alt.Axis(format="+.0%", title=AXIS, tickCount=6)
    zero = alt.Chart().mark_rule(color="#020202", strokeDash=[4, 3]).encode(x=alt.datum(0))
    bars = base.mark_rule(strokeWidth=4, strokeCap="round").encode(
        x=alt.X("lower:Q", axis=change, scale=alt.Scale(padding=12)), x2="upper:Q"
    )
    points = base.mark_point(filled=True, size=110, opacity=1).encode(x="estimate:Q")
    layers = alt.layer(zero, bars, points).properties(width=WIDTH, height=alt.Step(ROW_HEIGHT))
    header = alt.Header(
        labelOrient="top", labelAnchor="start", labelFontSize=13, labelFontWeight="bold", labelColor="#010101"
    )
    data = alt.Data(values=found)  # type: ignore[no-untyped-call]
    chart = layers.facet(
        row=alt.Row("metric:N", sort=None, title=None, header=header),
        data=data,
        spacing=8,
    ).resolve_scale(y="independent")
    document: dict[str, Any] = chart.configure(**_configuration()).to_dict()
    return document


def _configuration() -> dict[str, Any]:
    return {
        "background": "transparent",
        "font": "sans-serif",
        "view": {"stroke": None},
        "axis": {
            "labelColor": "#010101",
            "titleColor": "#020202",
            "gridColor": "#030303",
            "domainColor": "#030303",
            "tickColor": "#030303",
            "labelFontSize": 13,
            "titleFontSize": 12,
            "titleFontWeight": "normal",
        },
    }


def _with_variables(svg: str) -> str:
    exchanged = STAND_INS | {stand_in: COLOURS[verdict] for verdict, stand_in in VERDICT_STAND_INS.items()}
    for stand_in, variable in exchanged.items():
        svg = svg.replace(stand_in, variable).replace(_as_rgb(stand_in), variable)
    return svg


def _as_rgb(colour: str) -> str:
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return f"rgb({red},{green},{blue})"
