"""What an analysis says, in the reader's language.

`experiments.wording` is pure and writes English once, when an analysis is made; that text is stored and goes into files
for machines. Pages and reports make the same sentences anew from the stored numbers and codes, through gettext, when
somebody reads. A test holds the two together; what was stored by an older version, or cannot be made, is shown as it
was stored.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.utils import translation
from django.utils.translation import gettext as _

from experiments import wording
from experiments.models import Analysis
from experiments.sentences import changes, figures, health, verdicts
from experiments.sentences.history import words_of

__all__ = ["arm_name", "health_of", "label", "named", "notice_of", "results_of", "sentence_of", "words_of"]

Stored = Mapping[str, Any]
label = figures.label
arm_name = figures.arm
_UNREADABLE = (KeyError, TypeError, ValueError, StopIteration, AttributeError, ZeroDivisionError)


def sentence_of(analysis: Analysis) -> str:
    """The verdict's sentence. Needs `results`, `settings` and `sentence` of the row."""
    try:
        return verdicts.sentence(_told(named(analysis.results), analysis.settings))
    except _UNREADABLE:
        return analysis.sentence


def results_of(results: Stored, settings: Stored) -> dict[str, Any]:
    """The results with each sentence and each metric's name in the reader's language. What is given stays as it is."""
    results = named(results)
    return {
        **results,
        "metrics": [_metric(results, metric) for metric in results["metrics"]],
        "guardrails": [_guardrail(results, entry) for entry in results.get("guardrails", [])],
        "roi": [_roi(results, entry) for entry in results.get("roi", [])],
        "verdict": _verdict(results, settings),
    }


def named(results: Stored) -> dict[str, Any]:
    """The results with each arm by its name in the reader's language."""
    return {**results, "arms": [{**arm, "name": arm_name(arm["name"])} for arm in results["arms"]]}


def health_of(check: Stored) -> dict[str, Any]:
    """A health check with its sentence in the reader's language."""
    return {**check, "sentence": _or(str(check["sentence"]), lambda: health.sentence(check))}


def notice_of(notice: Stored, analysis: Analysis | None) -> str:
    """What the platform did by itself. Its English alone is stored: made anew where the figures still say so."""
    stored = str(notice["sentence"])
    if analysis is None:
        return stored
    for make in (_paused, _breach, sentence_of):
        with translation.override("en"):
            same = _or("", lambda make=make: make(analysis)) == stored  # type: ignore[misc]
        if same:
            return make(analysis)
    return stored


def _told(results: Stored, settings: Stored) -> verdicts.Told:
    goal = settings["goal_metric"]
    label_of_goal = next(
        (one["label"] for one in settings["metrics"] if one["definition"]["key"] == goal), "the goal metric"
    )
    return verdicts.Told(results, label_of_goal)


def _or(stored: str, make: Callable[[], str]) -> str:
    try:
        return make()
    except _UNREADABLE:
        return stored


def _verdict(results: Stored, settings: Stored) -> dict[str, Any]:
    verdict = dict(results["verdict"])
    try:
        told = _told(results, settings)
        return verdict | {"sentence": verdicts.sentence(told), "reasons": verdicts.reasons(told)}
    except _UNREADABLE:
        return verdict


def _metric(results: Stored, metric: Stored) -> dict[str, Any]:
    found = [_comparison(results, metric, one) for one in metric["comparisons"]]
    return {**metric, "label": label(metric["label"]), "comparisons": found}


def _comparison(results: Stored, metric: Stored, comparison: Stored) -> dict[str, Any]:
    try:
        return _worded(comparison, changes.change(results, metric, comparison))
    except _UNREADABLE:
        return dict(comparison)


def _worded(comparison: Stored, change: wording.Change) -> dict[str, Any]:
    make = changes.not_judged if comparison["method"] == "not_yet" else changes.comparison
    made: dict[str, Any] = {**comparison, "sentence": make(change)}
    if shrunk := comparison.get("shrunk"):
        made["shrunk"] = shrunk | {"sentence": _or(shrunk["sentence"], lambda: changes.expected(change, shrunk))}
    if adjusted := comparison.get("adjusted"):
        made["adjusted"] = adjusted | {
            "sentence": _or(adjusted["sentence"], lambda: changes.after_stop(change, adjusted))
        }
    return made


def _guardrail(results: Stored, entry: Stored) -> dict[str, Any]:
    made = _or(entry["sentence"], lambda: changes.guardrail(_name(results, entry), entry))
    return {**entry, "label": label(entry["label"]), "sentence": made}


def _roi(results: Stored, entry: Stored) -> dict[str, Any]:
    made = _or(entry["sentence"], lambda: changes.roi(_name(results, entry), entry, results["currency"]))
    return {**entry, "sentence": made}


def _name(results: Stored, entry: Stored) -> str:
    return next(str(arm["name"]) for arm in results["arms"] if arm["key"] == entry["arm"])


def _broken(analysis: Analysis) -> str:
    found = [one for one in analysis.results["guardrails"] if one["status"] == "failed"]
    return " ".join(changes.guardrail(_name(analysis.results, one), one) for one in found)


def _paused(analysis: Analysis) -> str:
    told = {"reasons": _broken(analysis)}
    return _("Paused by itself, nobody new enters. %(reasons)s Stop it, or resume it if that is acceptable.") % told


def _breach(analysis: Analysis) -> str:
    told = {"reasons": _broken(analysis)}
    return _("%(reasons)s It goes on, since pausing by itself is switched off.") % told
