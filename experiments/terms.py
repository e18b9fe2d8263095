"""The statistical words of a result, each with what it means in a sentence or two; and how figures were computed.

On a page they open beside the word, by mouse, finger or keyboard; in a report they stand at its end.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrPromise


@dataclass(frozen=True)
class Term:
    """One word; `key` names it in addresses of the page."""

    key: str
    name: StrPromise
    words: StrPromise


TERMS = (
    Term("lift", _("Lift"), _("How much higher or lower a figure is than the control's, as a share of the control's.")),
    Term(
        "interval",
        _("95 % interval"),
        _(
            "All changes that fit the data. Where it leaves out 0 %, the change is clear. It is made so that 95 of 100 "
            "such intervals hold the true change, at every look at which it is shown."
        ),
    ),
    Term(
        "expected",
        _("To be expected"),
        _(
            "The lift once past experiments have had their say: what such a figure usually comes down to. A winner's "
            "own lift is mostly too high, so plan with this one."
        ),
    ),
    Term(
        "chance",
        _("Chance to win"),
        _("Probability that this arm is better than the control, given the data and no prior belief."),
    ),
    Term(
        "p-value",
        _("p-value"),
        _("How often a difference this large would appear if there were none. Under 0.05 it counts as clear."),
    ),
    Term(
        "boundary",
        _("Boundary"),
        _(
            "What a lift must pass at a look to count as clear. It is high at the first looks, so that looking often "
            "leads to no false call, and low at the end."
        ),
    ),
    Term(
        "guardrail",
        _("Guardrail"),
        _("A metric that must not get worse by more than its margin, whatever the goal does."),
    ),
    Term(
        "roi",
        _("ROI"),
        _("Return on investment: the extra margin for each unit of extra cost, less one. At 0 % the money is back."),
    ),
    Term(
        "split",
        _("Healthy split"),
        _(
            "Shoppers must arrive in the planned shares. If they do not, something loses or repeats some of them, and "
            "no figure can be trusted before it is found."
        ),
    ),
)

# By the code that a comparison bears.
METHODS: Mapping[str, StrPromise] = {
    "group_sequential": _(
        "A group sequential test: a few planned looks, each with its boundary, so that all looks together make a false "
        "call in at most 5 of 100 tests (Lan and DeMets)."
    ),
    "confidence_sequence": _(
        "A confidence sequence: an interval that holds at every moment at once, so that looking at any time is safe "
        "(Waudby-Smith and others)."
    ),
    "cuped": _("Adjusted by what the shoppers did before the test, which takes noise away (CUPED), and read once."),
    "welch": _("Welch's t-test: two means, without assuming that both vary alike; read once, at the end."),
    "student": _("Student's t-test, read once, at the end."),
    "score": _("A score test of two shares, read once, at the end."),
    "exact": _("An exact test, since the counts are small; read once, at the end."),
    "ratio_delta": _("A ratio of two sums, its error by the delta method; read once, at the end."),
    "not_yet": _("Not judged yet: nothing is concluded before the first look."),
}


def methods(results: Mapping[str, Any]) -> list[dict[str, Any]]:
    """How the metrics were computed: each method with its words and the labels of those that it was used for."""
    found: dict[str, list[str]] = {}
    for metric in results["metrics"]:
        for method in dict.fromkeys(str(one["method"]) for one in metric["comparisons"]):
            found.setdefault(method, []).append(metric["label"])
    return [{"method": code, "words": METHODS.get(code, code), "labels": labels} for code, labels in found.items()]
