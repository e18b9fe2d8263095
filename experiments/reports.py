"""A result as a page part and as a file: one context for both, so that they cannot differ."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
from collections.abc import Iterable
from datetime import date, datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.template.loader import render_to_string
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from redis.exceptions import RedisError

from core import audit, errors
from core.templatetags.copylift import change, count
from experiments import charts, circumstances, over_time, queries, sentences, services, shown, terms
from experiments.exporting import pdf
from experiments.exporting.files import FORMATS, Export
from experiments.models import Analysis, Experiment
from experiments.queries.over_time import goal_over_time

log = logging.getLogger(__name__)

# The tone of a verdict's card.
TONES = {
    "ship": "good",
    "keep": "quiet",
    "roll_back": "bad",
    "keep_running": "live",
    "cannot_tell": "warn",
    "invalid": "bad",
}
HISTORY_SHOWN = 20
PDF_KEPT_SECONDS = 3600
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
        "chart": _chart(analysis) if analysis else "",
        "looks": _looks(experiment, analysis) if analysis else [],
        "plan": circumstances.against_plan(experiment, analysis, arms),
        "around": circumstances.around(experiment, arms),
        "terms": terms.TERMS,
        "methods": terms.methods(told) if told else [],
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
        arm.name = sentences.arm_name(arm.name)
    return arms


def state_of(context: dict[str, Any]) -> str:
    """A short name for all that the live part shows: the same as long as there is nothing new to show."""
    experiment, analysis, results = context["experiment"], context["analysis"], context["results"]
    shown_now: list[Any] = [experiment.version, experiment.notice, context["with_bots"], get_language()]
    if analysis is not None and results is not None:
        shown_now += [analysis.pk, analysis.details, bool(analysis.chart_svg), str(results["as_of"]), results["units"]]
    return hashlib.sha256(json.dumps(shown_now, sort_keys=True, default=str).encode()).hexdigest()[:16]


def say(experiments: Iterable[Experiment]) -> None:
    """Give each experiment of a list `told`: its newest verdict in the reader's language. One query."""
    listed = list(experiments)
    newest = queries.newest_analyses(one.pk for one in listed)
    for one in listed:
        one.told = sentences.sentence_of(newest[one.pk]) if one.pk in newest else ""  # type: ignore[attr-defined]


def history(experiment: Experiment) -> list[Any]:
    """What happened to it, the newest first, each entry with `words` to read after the name of who did it."""
    arms = {arm.key: sentences.arm_name(arm.name) for arm in experiment.arms.all()}
    entries: list[Any] = list(audit.history(experiment)[:HISTORY_SHOWN])
    for entry in entries:
        entry.words = sentences.words_of(entry, arms)
        entry.who = _("The platform") if entry.actor_label == audit.label(None) else entry.actor_label
    return entries


def lacks_chart(analysis: Analysis | None) -> bool:
    """True where a chart can be drawn and none was yet: imports of thousands are not drawn ahead."""
    return analysis is not None and not analysis.chart_svg and bool(charts.rows(analysis.results))


def table(results: dict[str, Any]) -> dict[str, Any]:
    """The results with each comparison joined to its arm: rows of a table, control first."""
    names = charts.distinct_names(results["arms"])
    return {
        **results,
        "as_of": datetime.fromisoformat(results["as_of"]) if results.get("as_of") else None,
        # The goal first: it is what the verdict is about.
        "metrics": sorted(
            (metric | {"rows": _rows(metric, names)} for metric in results["metrics"]),
            key=lambda one: not one["is_goal"],
        ),
        "roi": [_whole(entry, results) | {"name": names[entry["arm"]]} for entry in results.get("roi", [])],
        "guardrails": [entry | {"name": names[entry["arm"]]} for entry in results.get("guardrails", [])],
        "sample_ratio": {
            **results["sample_ratio"],
            "arms": [entry | {"name": names[entry["key"]]} for entry in results["sample_ratio"]["arms"]],
        },
    }


def _whole(entry: dict[str, Any], results: dict[str, Any]) -> dict[str, Any]:
    """A return with its profit over all shoppers who saw the arm: what the shop has in hand."""
    units = next(arm["units"] for arm in results["arms"] if arm["key"] == entry["arm"])
    whole = {name: None if value is None else value * units for name, value in (entry.get("profit") or {}).items()}
    return {**entry, "units": units, "whole": whole}


def _chart(analysis: Analysis) -> str:
    """The stored picture in the reader's language."""
    labels = {metric["label"]: sentences.label(metric["label"]) for metric in analysis.results["metrics"]}
    return charts.in_words(
        analysis.chart_svg, {charts.AXIS: _("Change against the control, with its 95 % interval"), **labels}
    )


def _looks(experiment: Experiment, analysis: Analysis) -> list[dict[str, Any]]:
    """By arm, how its lift went from look to look: points, and the picture of them where there are two."""
    rows = goal_over_time(experiment)
    names = charts.distinct_names(sentences.named(analysis.results)["arms"])
    found = []
    for arm, name in names.items():
        points = over_time.points(rows, arm)
        if points:
            found.append({"name": name, "points": points, "svg": _drawn(points, name, experiment)})
    return [one for one in found if one["svg"]]


def _drawn(points: list[over_time.Point], name: str, experiment: Experiment) -> str:
    return over_time.draw(
        points,
        planned=experiment.planned_units,
        title=_("%(arm)s: lift at each look with its interval and boundary; the table beneath holds the same numbers")
        % {"arm": name},
        axis=_("shoppers"),
        share=lambda value: change(value, 0) if value else "0 %",
        count=count,
    )


def _details(analysis: Analysis) -> dict[str, Any] | None:
    """The details with each slice's arm by its name; the checks that are not well come first."""
    if analysis.details is None:
        return None
    names = charts.distinct_names(sentences.named(analysis.results)["arms"])
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


def render_pdf(experiment: Experiment) -> bytes:
    """The same document as PDF. Raises Unavailable where the machine lacks what draws it.

    Drawing takes seconds, so it is kept for an hour under the hash of the document: what changes is drawn anew.
    """
    html = render_report(experiment)
    key = f"report-pdf:{hashlib.sha256(html.encode()).hexdigest()}"
    found = _kept(key)
    if found is not None:
        return found
    try:
        made = pdf.write(html)
    except (ImportError, OSError) as problem:
        log.warning("no PDF: %s", problem)
        raise errors.Unavailable(_("PDF files cannot be made on this machine.")) from problem
    with contextlib.suppress(RedisError, OSError):
        cache.set(key, made, PDF_KEPT_SECONDS)
    return made


def _kept(key: str) -> bytes | None:
    """What the cache has; nothing where it does not answer."""
    with contextlib.suppress(RedisError, OSError):
        found: bytes | None = cache.get(key)
        return found
    return None


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
