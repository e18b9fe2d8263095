"""The sentence of a stored verdict and the reasons beneath it: the rule that spoke names the sentence.

The twin of `wording.verdicts` and of the order in which `reading.reader` gives reasons.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from experiments.sentences import changes, figures
from experiments.verdicts import FUTILE
from experiments.wording import Change

Stored = Mapping[str, Any]


class Told:
    """One analysis' results, read for their words. `goal_label` names the goal where no figure of it is shown."""

    def __init__(self, results: Stored, goal_label: str) -> None:
        self.results = results
        self.verdict: Stored = results["verdict"]
        self.numbers: Stored = self.verdict["numbers"]
        self.names = {arm["key"]: arm["name"] for arm in results["arms"]}
        self.control = next(arm["name"] for arm in results["arms"] if arm["is_control"])
        self.running = results["mode"] == "running"
        self.goal = next((metric for metric in results["metrics"] if metric["is_goal"]), None)
        self.metric = figures.inside(self.goal["label"] if self.goal else goal_label)
        self.candidates: Sequence[Stored] = self.numbers["arms"]
        self.silent = any(one["method"] == "not_yet" for each in results["metrics"] for one in each["comparisons"])

    @cached_property
    def changes(self) -> dict[str, Change]:
        """By arm, what the goal makes of it."""
        if self.goal is None:
            return {}
        return {one["arm"]: changes.change(self.results, self.goal, one) for one in self.goal["comparisons"]}

    def said(self, sentence: str, **more: Any) -> str:
        """A sentence with what every verdict may name."""
        return sentence % {"control": self.control, "metric": self.metric, **more}

    def seen(self) -> str:
        """How many were seen, of how many."""
        planned = self.numbers["planned_units"]
        if not planned:
            return figures.shoppers(self.numbers["units"])
        return _("%(units)s of %(planned)s planned shoppers") % {
            "units": figures.count(self.numbers["units"]),
            "planned": figures.count(planned),
        }


def sentence(told: Told) -> str:
    """The verdict's sentence. Raises KeyError for a rule of another version."""
    return SENTENCES[told.verdict["rule"]](told)


def reasons(told: Told) -> list[str]:
    """What stands beneath it, in the order in which it was stored."""
    results, about = told.results, told.verdict["arm"]
    found = _advice(told)
    if not told.silent:
        shipped = about if told.verdict["code"] == "ship" else None
        found += [changes.comparison(one) for arm, one in told.changes.items() if arm != shipped]
        if len(told.changes) > 1:
            found.append(_several(len(told.changes)))
    found += [changes.guardrail(told.names[e["arm"]], e) for e in results["guardrails"] if e["status"] != "passed"]
    found += [
        changes.roi(told.names[e["arm"]], e, results["currency"]) for e in results["roi"] if about in (None, e["arm"])
    ]
    return found + _circumstances(results)


# --- by rule ----------------------------------------------------------------------------------------------------
def _shares_off(told: Told) -> str:
    arms, units = told.results["sample_ratio"]["arms"], told.results["units"]
    planned, seen = (
        " / ".join(figures.percent(arm[name] / units) for arm in arms) for name in ("expected", "observed")
    )
    return _(
        "Do not trust this test: shoppers arrived in shares that chance does not explain (planned %(planned)s, seen "
        "%(seen)s). Find the cause and run it again."
    ) % {"planned": planned, "seen": seen}


def _nothing_measured(told: Told) -> str:
    if told.running:
        return _more_to_come(told)
    return told.said(_("Nothing can be said: %(metric)s was not measured in enough shoppers."))


def _nothing_due(told: Told) -> str:
    look = told.results["look"]
    due = look["next_at"] if look else None
    if due is None or told.numbers["planned_units"] is None:
        return told.said(_("Keep running: %(seen)s; this test is read once, when it is stopped."), seen=told.seen())
    return told.said(
        _("Keep running: %(seen)s; the first look is at %(due)s."), seen=told.seen(), due=figures.count(due)
    )


def _harm(told: Told) -> str:
    by_goal = all(one["goal"] == "worse" for one in told.candidates)
    others = len(told.results["sample_ratio"]["arms"]) - 1
    if not told.running and by_goal:
        if others == 1:
            return told.said(_("Keep %(control)s: the other arm is clearly worse on %(metric)s."))
        return told.said(
            _("Keep %(control)s: all %(others)s other arms are clearly worse on %(metric)s."), others=others
        )
    why = figures.clauses([_harm_of(told, one) for one in told.candidates])
    if told.running:
        return told.said(_("Roll back to %(control)s: %(reasons)s."), reasons=why)
    return told.said(_("Keep %(control)s: %(reasons)s."), reasons=why)


def _harm_of(told: Told, one: Stored) -> str:
    arm, broken = told.names[one["arm"]], one["guardrails_failed"]
    if broken:
        metrics = figures.both([figures.inside(name) for name in broken])
        return _("%(arm)s makes %(metrics)s clearly worse than is allowed") % {"arm": arm, "metrics": metrics}
    return told.said(_("%(arm)s is clearly worse on %(metric)s"), arm=arm)


def _winner(told: Told) -> str:
    if told.verdict["code"] == "ship":
        change = told.changes[told.verdict["arm"]]
        return told.said(
            _("Ship %(arm)s: its %(metric)s beats that of %(control)s, %(span)s."),
            arm=change.arm,
            span=changes.span(change),
        )
    winners = [one for one in told.candidates if one["goal"] == "better" and not one["guardrails_failed"]]
    return _not_yet(told, max(winners, key=lambda one: abs(told.changes[one["arm"]].difference.estimate)))


def _not_yet(told: Told, best: Stored) -> str:
    arm, numbers = told.names[best["arm"]], told.numbers
    if numbers["hours"] is not None and numbers["hours"] < numbers["minimum_hours"]:
        return told.said(
            _(
                "Keep running: %(arm)s is ahead on %(metric)s, but the test has run %(hours)s of at least %(least)s "
                "hours."
            ),
            arm=arm,
            hours=figures.signed(numbers["hours"], 0, plus=False),
            least=figures.count(numbers["minimum_hours"]),
        )
    if best["guardrails_unclear"]:
        return told.said(
            _("Keep running: %(arm)s is better on %(metric)s, but whether %(others)s holds cannot be told yet."),
            arm=arm,
            others=figures.both([figures.inside(name) for name in best["guardrails_unclear"]]),
        )
    return told.said(
        _(
            "Keep running: %(arm)s is ahead on %(metric)s, but shipping it could cost %(loss)s on average; at most "
            "%(most)s is allowed."
        ),
        arm=arm,
        loss=figures.percent(best["expected_loss_ship"], 2),
        most=figures.percent(numbers["loss_threshold"], 2),
    )


def _little_risk(told: Told) -> str:
    open_ones = [one for one in told.candidates if not _harms(one) and one["expected_loss_ship"] is not None]
    if told.verdict["code"] == "ship":
        best = next(one for one in open_ones if one["arm"] == told.verdict["arm"])
        return told.said(
            _(
                "Ship %(arm)s: it is not clearly better on %(metric)s, but if it is worse after all that costs "
                "%(loss)s on average, which is less than you said you mind."
            ),
            arm=told.names[best["arm"]],
            loss=figures.percent(best["expected_loss_ship"] or 0.0, 2),
        )
    return told.said(
        _(
            "Keep %(control)s: no arm is clearly better on %(metric)s, and staying costs %(loss)s on average, which is "
            "less than you said you mind."
        ),
        loss=figures.percent(max(one["expected_loss_keep"] or 0.0 for one in open_ones), 2),
    )


def _more_to_come(told: Told) -> str:
    return told.said(
        _("Keep running: after %(seen)s no arm is clearly better than the control on %(metric)s."), seen=told.seen()
    )


def _nothing_found(told: Told) -> str:
    seen = figures.shoppers(told.numbers["units"])
    if told.running:
        return told.said(
            _(
                "No winner: after %(seen)s no arm is clearly better on %(metric)s; the planned number is reached, so "
                "stop it."
            ),
            seen=seen,
        )
    return told.said(_("No winner: after %(seen)s no arm is clearly better on %(metric)s."), seen=seen)


SENTENCES: dict[str, Callable[[Told], str]] = {
    "shares_off": _shares_off,
    "nothing_measured": _nothing_measured,
    "nothing_due": _nothing_due,
    "harm": _harm,
    "winner": _winner,
    "little_risk": _little_risk,
    "more_to_come": _more_to_come,
    "nothing_found": _nothing_found,
}


# --- reasons ----------------------------------------------------------------------------------------------------
def _harms(one: Stored) -> bool:
    return one["goal"] == "worse" or bool(one["guardrails_failed"])


def _advice(told: Told) -> list[str]:
    code, arm = told.verdict["code"], told.verdict["arm"]
    shipped = next((one for one in told.candidates if code == "ship" and one["arm"] == arm), None)
    if shipped is not None and shipped["guardrails_unclear"]:
        metrics = figures.both([figures.inside(name) for name in shipped["guardrails_unclear"]])
        told_of = {"arm": told.names[arm], "metrics": metrics}
        return [_("%(arm)s: whether %(metrics)s holds was not settled; watch it.") % told_of]
    ahead = [one for one in told.candidates if not _harms(one)]
    if code != "keep_running" or told.silent or not ahead:
        return []
    chances = [one["chance_to_get_there"] for one in ahead]
    if None in chances or max(chances) >= FUTILE:
        return []
    return [_futile(told, [told.names[one["arm"]] for one in ahead], max(chances))]


def _futile(told: Told, arms: Sequence[str], chance: float) -> str:
    named = {"arm": arms[0], "chance": figures.percent(chance, 0)}
    if len(arms) == 1:
        return told.said(
            _(
                "Unlikely to get there: if it goes on as it went, %(arm)s turns out clearly better on %(metric)s with "
                "a chance of %(chance)s. Stopping now loses little."
            ),
            **named,
        )
    return told.said(
        _(
            "Unlikely to get there: if it goes on as it went, no arm will turn out clearly better on %(metric)s with a "
            "chance of %(chance)s. Stopping now loses little."
        ),
        **named,
    )


def _several(comparisons: int) -> str:
    return _("%(count)s arms were compared with the control; the verdict allows for that (Holm).") % {
        "count": comparisons
    }


def _circumstances(results: Stored) -> list[str]:
    found = []
    if results["design"] == "adaptive":
        found.append(
            _(
                "The shares changed while the test ran, so plain averages would mislead; each shopper counts by the "
                "chance that the arm had when it was shown."
            )
        )
    if dropped := [arm["name"] for arm in results["arms"] if arm["dropped"]]:
        found.append(_dropped(dropped))
    if units := results["two_arms"]:
        found.append(
            ngettext(
                "%(count)s shopper saw more than one arm and counts for none.",
                "%(count)s shoppers saw more than one arm and count for none.",
                units,
            )
            % {"count": figures.count(units)}
        )
    return found


def _dropped(arms: Sequence[str]) -> str:
    return ngettext(
        "%(arms)s was taken out of the test and is compared with nothing.",
        "%(arms)s were taken out of the test and are compared with nothing.",
        len(arms),
    ) % {"arms": figures.listed(arms)}
