"""A result as a page part and as a file: one context for both, so that they cannot differ."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.template.loader import render_to_string

from core import errors
from experiments import charts, queries, sentences, services, shown
from experiments.exporting.files import FORMATS, Export
from experiments.models import Analysis, Experiment

# The tone of a verdict's card.
TONES = {
    "ship": "good",
    "keep": "quiet",
    "roll_back": "bad",
    "keep_running": "live",
    "cannot_tell": "warn",
    "invalid": "bad",
}
STYLES = tuple(Path("static/copylift") / name for name in ("app.css", "studio.css", "report.css"))


def context(experiment: Experiment, *, with_bots: bool = False) -> dict[str, Any]:
    """What the result templates need: the experiment, its arms, the newest analysis and the results by arm.

    `with_bots` reads the stored moments once more with the units that are marked as bots; nothing is stored of that.
    """
    analysis = queries.latest_analysis(experiment)
    arms = _with_looks(experiment)
    told = None
    if analysis is not None:
        found = services.second_reading(experiment) if with_bots else analysis.results
        told = table(sentences.results_of(found, analysis.settings))
    return {
        "experiment": experiment,
        "arms": arms,
        "has_texts": any(arm.look or arm.content.get("headline") or arm.content.get("body") for arm in arms),
        "analysis": analysis,
        "results": told,
        "details": _details(analysis) if analysis else None,
        "notice": sentences.notice_of(experiment.notice, analysis) if experiment.notice else "",
        "with_bots": with_bots,
        "tone": TONES.get(told["verdict"]["code"], "quiet") if told else "quiet",
        "lacks_chart": lacks_chart(analysis),
    }


def _with_looks(experiment: Experiment) -> list[Any]:
    """The arms, each with its `look`: as its channel shows it, or None."""
    arms: list[Any] = list(experiment.arms.all())
    found = shown.looks(experiment, arms)
    for arm in arms:
        arm.look = found.get(arm.key)
    return arms


def say(experiments: Iterable[Experiment]) -> None:
    """Give each experiment of a list `told`: its newest verdict in the reader's language. One query."""
    listed = list(experiments)
    newest = queries.newest_analyses(one.pk for one in listed)
    for one in listed:
        one.told = sentences.sentence_of(newest[one.pk]) if one.pk in newest else ""  # type: ignore[attr-defined]


def lacks_chart(analysis: Analysis | None) -> bool:
    """True where a chart can be drawn and none was yet: imports of thousands are not drawn ahead."""
    return analysis is not None and not analysis.chart_svg and bool(charts.rows(analysis.results))


def table(results: dict[str, Any]) -> dict[str, Any]:
    """The results with each comparison joined to its arm: rows of a table, control first."""
    names = charts.distinct_names(results["arms"])
    return {
        **results,
        "as_of": datetime.fromisoformat(results["as_of"]) if results.get("as_of") else None,
        "metrics": [metric | {"rows": _rows(metric, names)} for metric in results["metrics"]],
        "roi": [entry | {"name": names[entry["arm"]]} for entry in results.get("roi", [])],
        "guardrails": [entry | {"name": names[entry["arm"]]} for entry in results.get("guardrails", [])],
        "sample_ratio": {
            **results["sample_ratio"],
            "arms": [entry | {"name": names[entry["key"]]} for entry in results["sample_ratio"]["arms"]],
        },
    }


def _details(analysis: Analysis) -> dict[str, Any] | None:
    """The details with each slice's arm by its name; the checks that are not well come first."""
    if analysis.details is None:
        return None
    names = charts.distinct_names(analysis.results["arms"])
    order = {"fail": 0, "warn": 1, "unknown": 2, "ok": 3}
    return {
        "health": sorted(map(sentences.health_of, analysis.details["health"]), key=lambda one: order[one["status"]]),
        "days_left": analysis.details.get("days_left"),
        "slices": [one | {"name": names[one["arm"]]} for one in analysis.details["slices"]],
        "days": _days(analysis, names),
    }


def _days(analysis: Analysis, names: dict[str, str]) -> dict[str, Any] | None:
    """How the goal went, by day of first exposure, as columns and rows; None where no day was told."""
    days = (analysis.details or {}).get("days") or []
    if not days:
        return None
    goal = next((metric for metric in analysis.results["metrics"] if metric["is_goal"]), None)
    arms = [arm for arm in names if arm in days[-1]["values"]]
    return {
        "label": sentences.label(goal["label"]) if goal else "",
        "format": goal["format"] if goal else "number",
        "arms": [names[arm] for arm in arms],
        "rows": [
            {
                "day": date.fromisoformat(one["day"]),
                "units": sum(one["units"].values()),
                "values": [one["values"].get(arm) for arm in arms],
            }
            for one in days
        ],
    }


def _rows(metric: dict[str, Any], names: dict[str, str]) -> list[dict[str, Any]]:
    compared = {comparison["arm"]: comparison for comparison in metric["comparisons"]}
    return [entry | {"name": names[entry["arm"]], "comparison": compared.get(entry["arm"])} for entry in metric["arms"]]


def render_report(experiment: Experiment) -> str:
    """One HTML document with its styles and charts inside; nothing is fetched when it is opened."""
    styles = "\n".join((settings.ROOT / path).read_text(encoding="utf-8") for path in STYLES)
    return render_to_string("experiments/report.html", {**context(experiment), "styles": styles})


def export(experiment: Experiment, name: str) -> tuple[bytes, str, str]:
    """The newest analysis in one of the formats: its bytes, their type, and a file name.

    Raises InvalidInput for an unknown format, NotFound where nothing was analysed yet.
    """
    if name not in FORMATS:
        raise errors.InvalidInput.field("format", f"{name!r} is not one of {', '.join(FORMATS)}.")
    analysis = queries.latest_analysis(experiment)
    if analysis is None:
        raise errors.NotFound(f"Experiment {experiment.key!r} has no results yet.", code="no_results")
    form = FORMATS[name]
    return form.write(_exported(experiment, analysis)), form.media_type, f"{experiment.key}{form.part}.{form.suffix}"


def _exported(experiment: Experiment, analysis: Analysis) -> Export:
    return Export(
        key=experiment.key,
        name=experiment.name,
        created_at=analysis.created_at.isoformat(),
        results=analysis.results,
        moments=analysis.moments,
        settings=analysis.settings,
        details=analysis.details,
        inputs_hash=analysis.inputs_hash,
    )
