"""Small filters for numbers as people read them: shares, signed changes, money, durations, states."""

from __future__ import annotations

import json
import math
from typing import Any

from django import template
from django.utils.formats import number_format
from django.utils.translation import gettext as _

from core.localised import localised

register = template.Library()
register.filter("localised", localised)

MISSING = "–"
# The colour of a state, so that one word looks the same on each page; what is not here is quiet.
TONES = {
    **dict.fromkeys(("running", "generating", "sending"), "live"),
    **dict.fromkeys(("succeeded", "approved", "edited", "decided", "production", "finished", "done"), "good"),
    **dict.fromkeys(("paused", "pending", "in_review", "warn"), "warn"),
    **dict.fromkeys(("failed", "rejected", "block"), "bad"),
}


def written(value: float, digits: int) -> str:
    """A number in the reader's language. Rounded here: Django's number_format cuts a float off."""
    return number_format(f"{value:.{digits}f}", digits, force_grouping=True)


def sign_of(value: float, digits: int) -> str:
    """+, a true minus, or ± for what is zero as it is shown: "−0.0" would be read as a loss."""
    shown = round(value, digits)
    return "+" if shown > 0 else "−" if shown < 0 else "±"


def is_number(value: Any) -> bool:
    """A finite number that is no truth value."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


@register.filter
def share(value: Any, digits: int = 2) -> str:
    """0.0213 → 2.13 %. A missing or infinite value is a dash."""
    return f"{written(100 * value, digits)} %" if is_number(value) else MISSING


@register.filter
def change(value: Any, digits: int = 1) -> str:
    """0.11 → +11.0 %, with a true minus sign."""
    if not is_number(value):
        return MISSING
    return f"{sign_of(100 * value, digits)}{written(abs(100 * value), digits)} %"


@register.filter
def points(value: Any, digits: int = 2) -> str:
    """0.0022 → +0.22 pp: a difference of two shares, in percentage points."""
    if not is_number(value):
        return MISSING
    sign = "+" if value > 0 else "−" if value < 0 else "±"
    return f"{sign}{written(abs(100 * value), digits)} pp"


@register.filter
def decimal(value: Any, digits: int = 2) -> str:
    """A number with its digits grouped, or a dash."""
    return written(value, digits) if is_number(value) else MISSING


@register.filter
def signed(value: Any, digits: int = 2) -> str:
    """−0.19, +1,040: a number with its sign, a true minus, and its digits grouped."""
    if not is_number(value):
        return MISSING
    return f"{sign_of(value, digits)}{written(abs(value), digits)}"


@register.filter
def count(value: Any) -> str:
    """A whole number with its digits grouped, or a dash."""
    return written(value, 0) if is_number(value) else MISSING


@register.filter
def probability(value: Any) -> str:
    """A p-value: four digits, and never a false zero."""
    if not is_number(value):
        return MISSING
    return _("under 0.0001") if value < 0.0001 else written(value, 4)


@register.filter
def tone(state: Any) -> str:
    """The CSS tone of a state's badge."""
    return TONES.get(str(state), "quiet")


@register.filter
def role(name: Any) -> str:
    """A role's name in the reader's language; an unknown group's own name."""
    names = {"marketer": _("marketer"), "approver": _("approver"), "analyst": _("analyst")}
    return {**names, "administrator": _("administrator")}.get(str(name), str(name))


@register.filter
def as_json(value: Any) -> str:
    """For a `data-` attribute: escaped by the template like any text."""
    return json.dumps(value, ensure_ascii=False, default=str)


@register.filter
def seconds(value: Any) -> str:
    """A timedelta or number of seconds as people say it: 850 ms, 4.2 s, 3 min 20 s."""
    total = value.total_seconds() if hasattr(value, "total_seconds") else value
    if not is_number(total):
        return MISSING
    if total < 1:
        return f"{round(total * 1000)} ms"
    if total < 60:
        return f"{written(total, 1)} s"
    minutes, rest = divmod(round(total), 60)
    return f"{minutes} min {rest} s"
