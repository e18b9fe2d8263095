"""The sentence of a health check from its code, status and numbers. The twin of `experiments.health`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from experiments.health import MOST_NAMED
from experiments.sentences import figures

Stored = Mapping[str, Any]
CAUSE = "shares_by_"


def sentence(check: Stored) -> str:
    """The check in the reader's language. Raises KeyError for a check of another version."""
    code = str(check["code"])
    if code.startswith(CAUSE):
        return _cause(check["numbers"])
    return CHECKS[code](str(check["status"]), check["numbers"])


def _shares(status: str, _numbers: Stored) -> str:
    return {
        "unknown": _("Nobody was seen yet."),
        "fail": _("Shoppers did not arrive in the planned shares; find the cause before trusting any figure."),
        "ok": _("Shoppers arrived in the planned shares."),
    }[status]


def _cause(numbers: Stored) -> str:
    values = [str(one["value"]) for one in numbers["values"]]
    named = figures.listed(values[:MOST_NAMED])
    if left := len(values[MOST_NAMED:]):
        named = ngettext("%(named)s and %(count)s more", "%(named)s and %(count)s more", left) % {
            "named": named,
            "count": left,
        }
    told = {"dimension": numbers["dimension"], "named": named, "rest": _rest(gone=numbers["gone_without"])}
    if numbers["dimension"] == "day":
        return _("Shares are off on the days %(named)s; %(rest)s.") % told
    return _("Shares are off where %(dimension)s is %(named)s; %(rest)s.") % told


def _rest(*, gone: bool) -> str:
    if gone:
        return _("without them the shares are as planned")
    return _("without them the shares are off all the same")


def _two_arms(status: str, numbers: Stored) -> str:
    told = {"share": figures.percent(numbers["share"])}
    return {
        "fail": _("%(share)s of shoppers saw more than one arm: assignment is broken."),
        "warn": _("%(share)s of shoppers saw more than one arm; they count for none. Is their name kept at login?"),
        "ok": _("Hardly anybody saw more than one arm."),
    }[status] % told


def _bots(status: str, numbers: Stored) -> str:
    if not sum(numbers["marked"]):
        return _("No shopper was marked as a bot.")
    return {
        "unknown": _("Too few shoppers were seen to say how bots fall on the arms."),
        "warn": _("Bots are not alike in all arms: one arm draws them, or the marks are wrong."),
        "ok": _("%(share)s are marked as bots, in all arms alike."),
    }[status] % {"share": figures.percent(numbers["share"])}


def _freshness(status: str, numbers: Stored) -> str:
    hours = numbers["hours"]
    if hours is None:
        return _("No event has arrived yet.")
    if status == "warn":
        told = {"hours": figures.signed(hours, 0, plus=False)}
        return _("The newest event is %(hours)s hours old: has the shop stopped sending?") % told
    return _("Events are up to date.")


def _power(status: str, numbers: Stored) -> str:
    if numbers["power"] is None:
        return _("Without a plan nothing can be said of its power.")
    told = {"lift": figures.percent(numbers["lift"]), "chance": figures.percent(numbers["power"], 0)}
    if status == "warn":
        return (
            _("A typical lift (%(lift)s) would be found with a chance of only %(chance)s: plan for more shoppers.")
            % told
        )
    return _("A typical lift (%(lift)s) would be found with a chance of %(chance)s.") % told


def _alike_before(status: str, _numbers: Stored) -> str:
    return {
        "unknown": _("Nothing is known of these shoppers before the test."),
        "fail": _("The arms' shoppers differed before the test began: assignment may follow what they did."),
        "ok": _("The arms' shoppers were alike before the test."),
    }[status]


CHECKS: dict[str, Callable[[str, Stored], str]] = {
    "shares": _shares,
    "two_arms": _two_arms,
    "bots": _bots,
    "freshness": _freshness,
    "power": _power,
    "alike_before": _alike_before,
}
