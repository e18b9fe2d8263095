"""What is said of one arm against the control, from the stored numbers. The twin of `wording.changes`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from experiments.sentences import figures
from experiments.stats.results import Interval
from experiments.wording import Change

Stored = Mapping[str, Any]


def interval(stored: Stored) -> Interval:
    """Estimate and ends as they were before they became JSON."""
    return Interval.from_dict({"confidence": None, **stored})


def change(results: Stored, metric: Stored, comparison: Stored) -> Change:
    """One stored comparison as a sentence needs it."""
    names = {arm["key"]: arm["name"] for arm in results["arms"]}
    control = next(arm["name"] for arm in results["arms"] if arm["is_control"])
    return Change(
        arm=names[comparison["arm"]],
        control=control,
        metric=metric["label"],
        format=metric["format"],
        currency=results["currency"],
        lift=None if comparison["lift"] is None else interval(comparison["lift"]),
        difference=interval(comparison["difference"]),
        verdict=comparison["verdict"],
        corrected_for=len(metric["comparisons"]) if metric["is_goal"] else 1,
    )


def span(one: Change) -> str:
    """The estimate with both ends."""
    estimate, ends = _estimate_and_ends(one)
    return f"{estimate} ({ends})"


def comparison(one: Change) -> str:
    """What a metric says of one arm."""
    told: dict[str, str] = {"arm": one.arm, "metric": figures.inside(one.metric), "control": one.control}
    if not math.isfinite(one.difference.lower):
        return _("%(arm)s: nothing can be said of the %(metric)s; there are too few data, or all are alike.") % told
    told["allowed"] = _allowed(one.corrected_for)
    if one.verdict == "unclear":
        told["ends"] = _estimate_and_ends(one)[1]
        return _("%(arm)s: no difference in %(metric)s can be told%(allowed)s; all from %(ends)s fits the data.") % told
    told["span"] = span(one)
    if one.difference.estimate > 0:
        return _("%(arm)s: %(metric)s is higher than with %(control)s: %(span)s%(allowed)s.") % told
    return _("%(arm)s: %(metric)s is lower than with %(control)s: %(span)s%(allowed)s.") % told


def not_judged(one: Change) -> str:
    """Before the first look, or the end, nothing is concluded."""
    return _("%(arm)s: %(metric)s is not judged yet.") % {"arm": one.arm, "metric": figures.inside(one.metric)}


def expected(one: Change, stored: Stored) -> str:
    """What is to be expected of an arm, given how much such arms changed in the past."""
    told = {
        "arm": one.arm,
        "metric": figures.inside(one.metric),
        "estimate": figures.signed_percent(stored["estimate"]),
        "shown": "" if one.lift is None else _(", not %(lift)s") % {"lift": figures.signed_percent(one.lift.estimate)},
    }
    past = stored["prior"]["experiments"]
    if not past:
        return (
            _(
                "%(arm)s: expect about %(estimate)s in %(metric)s%(shown)s; that is what public headline tests make "
                "(this shop has no finished ones yet) of such a figure."
            )
            % told
        )
    return ngettext(
        "%(arm)s: expect about %(estimate)s in %(metric)s%(shown)s; that is what %(past)s past experiment makes of "
        "such a figure.",
        "%(arm)s: expect about %(estimate)s in %(metric)s%(shown)s; that is what %(past)s past experiments make of "
        "such a figure.",
        past,
    ) % {**told, "past": past}


def after_stop(one: Change, stored: Stored) -> str:
    """The estimate corrected for the looks that were taken before the stop."""
    found = interval(stored["difference"])
    estimate, lower, upper = (
        figures.amount(value, one.format, one.currency) for value in (found.estimate, found.lower, found.upper)
    )
    return _(
        "%(arm)s: a test that may stop early overstates what it stops for; allowing for that, the difference in "
        "%(metric)s is %(estimate)s (%(ends)s)."
    ) % {
        "arm": one.arm,
        "metric": figures.inside(one.metric),
        "estimate": estimate,
        "ends": figures.span(lower, upper),
    }


def guardrail(arm: str, stored: Stored) -> str:
    """Whether an arm keeps a metric that must not get worse."""
    margin = stored["margin"]
    allowed = figures.percent(margin) if stored["relative"] else f"{margin:g}"
    told = {"arm": arm, "metric": figures.inside(stored["label"]), "limit": _limit(margin, allowed)}
    match stored["status"]:
        case "passed":
            return _("%(arm)s: %(metric)s holds; it did not get worse %(limit)s.") % told
        case "failed":
            return _("%(arm)s: %(metric)s got worse %(limit)s.") % told
        case _other:
            return _("%(arm)s: whether %(metric)s got worse %(limit)s cannot be told yet.") % told


def roi(arm: str, stored: Stored, currency: str) -> str:
    """Whether an arm's extra margin is more than its extra cost."""
    if stored["verdict"] == "undefined":
        return _("%(arm)s: no return can be stated; it did not cost measurably more than the control.") % {"arm": arm}
    profit = interval(stored["profit"])
    told = {
        "arm": arm,
        "currency": currency,
        "gained": figures.signed(profit.estimate, 3),
        "ends": figures.span(figures.signed(profit.lower, 3), figures.signed(profit.upper, 3)),
        "each": _each(stored["roi"]),
    }
    match stored["verdict"]:
        case "pays":
            return (
                _(
                    "%(arm)s pays: after its extra cost it earns %(gained)s %(currency)s a shopper more than the "
                    "control (%(ends)s)%(each)s."
                )
                % told
            )
        case "loses":
            return (
                _(
                    "%(arm)s loses money: after its extra cost it stands at %(gained)s %(currency)s a shopper against "
                    "the control (%(ends)s)%(each)s."
                )
                % told
            )
        case _other:
            return (
                _("%(arm)s: whether it pays cannot be told; all from %(ends)s %(currency)s a shopper fits the data.")
                % told
            )


def _estimate_and_ends(one: Change) -> tuple[str, str]:
    """In words: relative where that has meaning, else in the metric's unit."""
    if one.lift is not None and one.lift.bounded:
        lift = one.lift
        estimate, lower, upper = (figures.signed_percent(value) for value in (lift.estimate, lift.lower, lift.upper))
    else:
        found = one.difference
        estimate, lower, upper = (
            figures.amount(value, one.format, one.currency) for value in (found.estimate, found.lower, found.upper)
        )
    return estimate, figures.span(lower, upper)


def _allowed(comparisons: int) -> str:
    return _(", after allowing for %(count)s comparisons") % {"count": comparisons} if comparisons > 1 else ""


def _limit(margin: float, allowed: str) -> str:
    return _("by more than %(margin)s") % {"margin": allowed} if margin else _("at all")


def _each(stored: Stored | None) -> str:
    net = None if stored is None else interval(stored)
    if net is None or not net.bounded:
        return ""
    return _(", a return of %(net)s") % {"net": figures.signed_percent(net.estimate)}
