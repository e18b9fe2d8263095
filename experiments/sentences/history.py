"""An entry of an experiment's history in words, to read after the name of who did it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.models import AuditEntry
from core.templatetags.copylift import share

Data = Mapping[str, Any]

PLAIN = {
    "experiment.created": gettext_lazy("made the experiment"),
    "experiment.imported": gettext_lazy("brought it in from a file"),
    "experiment.replaced": gettext_lazy("brought it in anew, in the place of the one before"),
    "experiment.start": gettext_lazy("started it"),
    "experiment.pause": gettext_lazy("paused it"),
    "experiment.resume": gettext_lazy("let it go on"),
    "experiment.stop": gettext_lazy("stopped it for good"),
    "experiment.set_forced_arms": gettext_lazy("set who sees which arm for trying it out"),
    "experiment.update_allocation": gettext_lazy("shared the traffic out anew"),
    "experiment.learned": gettext_lazy("wrote down what was learned"),
    "experiment.guardrail_breach": gettext_lazy("found a guardrail broken"),
    "experiment.sample_ratio": gettext_lazy("found that shoppers do not arrive in the planned shares"),
    "report.shared": gettext_lazy("shared the report by a link"),
    "report.revoked": gettext_lazy("took a link to the report back"),
}


def words_of(entry: AuditEntry, arms: Mapping[str, str]) -> str:
    """What was done; `arms` are names by key. An action of another version by its code."""
    if entry.action in PLAIN:
        return str(PLAIN[entry.action])
    make = MADE.get(entry.action)
    try:
        return make(entry.data, arms) if make is not None else entry.action
    except (KeyError, TypeError, ValueError):
        return entry.action


def _decided(data: Data, arms: Mapping[str, str]) -> str:
    decision = data["decision"]
    if decision["action"] == "keep":
        return _("decided to keep the control")
    return _("decided to ship %(arm)s") % {"arm": _named(decision["arm"], arms)}


def _phase(data: Data, _arms: Mapping[str, str]) -> str:
    return _("began phase %(number)s; its figures begin anew") % {"number": data["phase"]}


def _coverage(data: Data, _arms: Mapping[str, str]) -> str:
    return _("raised the share of shoppers from %(before)s to %(after)s") % {
        "before": share(data["from"], 0),
        "after": share(data["to"], 0),
    }


def _dropped(data: Data, arms: Mapping[str, str]) -> str:
    return _("took %(arm)s out of the test") % {"arm": _named(data["arm"], arms)}


def _verdict(data: Data, arms: Mapping[str, str]) -> str:
    arm = _named(data["arm"], arms)
    words = {
        "ship": _("found a verdict: ship %(arm)s"),
        "keep": _("found a verdict: keep the control"),
        "roll_back": _("found a verdict: roll back to the control"),
        "cannot_tell": _("found a verdict: no winner"),
        "invalid": _("found a verdict: the test is not to be trusted"),
    }
    return words[data["verdict"]] % {"arm": arm}


def _named(key: str | None, arms: Mapping[str, str]) -> str:
    return arms.get(key or "", key or "")


MADE: Mapping[str, Callable[[Data, Mapping[str, str]], str]] = {
    "experiment.decide": _decided,
    "experiment.start_phase": _phase,
    "experiment.raise_coverage": _coverage,
    "experiment.drop_arm": _dropped,
    "experiment.verdict": _verdict,
}
