"""Numbers and lists inside sentences, in the reader's language. The twin of `wording.figures`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import reduce

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, ngettext

from core.templatetags.copylift import written
from experiments import wording
from experiments.wording.figures import MINUS

# `wording` is pure and cannot mark its words; these are the same, for the catalogue.
LABELS = frozenset(
    {
        gettext_noop("Click-through rate"),
        gettext_noop("Conversion rate"),
        gettext_noop("Revenue per shopper"),
        gettext_noop("Satisfaction"),
        gettext_noop("Share of low ratings"),
        gettext_noop("Share of shoppers who click"),
        gettext_noop("Orders per shopper"),
        gettext_noop("Revenue per order"),
        gettext_noop("Revenue per shopper, capped"),
        gettext_noop("Margin per shopper"),
        gettext_noop("Cost per shopper"),
        gettext_noop("Share of shoppers who come back"),
        gettext_noop("the goal metric"),
    }
)


def label(name: str) -> str:
    """A metric's name; what a shop named itself stays as it is."""
    return _(name) if name in LABELS else name


# What a launch calls the control; every other arm bears the words that it shows.
ARMS = frozenset({gettext_noop("Shown today")})


def arm(name: str) -> str:
    """An arm's name: ours in the reader's language, a shop's own as it is."""
    return _(name) if name in ARMS else name


def inside(name: str) -> str:
    """A metric's name in the middle of a sentence."""
    return label(name).lower()


def signed(value: float, digits: int, *, plus: bool = True) -> str:
    """A number with a sign and grouped digits."""
    shown = round(value, digits)
    sign = MINUS if shown < 0 else "+" if plus and shown > 0 else ""
    return f"{sign}{_plain(abs(value), digits)}"


def percent(value: float, digits: int = 1) -> str:
    """0.021 → 2.1 %."""
    return f"{signed(100 * value, digits, plus=False)} %"


def signed_percent(value: float) -> str:
    """0.021 → +2.1 %."""
    return f"{signed(100 * value, 1)} %"


def amount(value: float, form: wording.Format, currency: str) -> str:
    """A signed difference in the metric's own unit."""
    match form:
        case "share":
            shown = signed(100 * min(1.0, max(-1.0, value)), 2)
            return _("%(value)s percentage points") % {"value": shown}
        case "money":
            return f"{signed(value, 2)} {currency}"
        case "rating":
            return _("%(value)s stars") % {"value": signed(value, 2)}
        case "number":
            return signed(value, 2)


def span(lower: str, upper: str) -> str:
    """From one end to the other."""
    return _("%(lower)s to %(upper)s") % {"lower": lower, "upper": upper}


def count(value: int) -> str:
    """A whole number."""
    return written(value, 0)


def shoppers(units: int) -> str:
    """1 shopper, 2,000 shoppers."""
    return ngettext("%(count)s shopper", "%(count)s shoppers", units) % {"count": count(units)}


def both(words: Sequence[str]) -> str:
    """One and another."""
    return reduce(lambda first, second: _("%(first)s and %(second)s") % {"first": first, "second": second}, words)


def listed(words: Sequence[str]) -> str:
    """One, another."""
    return reduce(lambda first, second: _("%(first)s, %(second)s") % {"first": first, "second": second}, words)


def clauses(words: Sequence[str]) -> str:
    """Parts of a sentence, one after the other."""
    return reduce(lambda first, second: _("%(first)s; %(second)s") % {"first": first, "second": second}, words)


def _plain(value: float, digits: int) -> str:
    return written(value, digits) if math.isfinite(value) else f"{value:.{digits}f}"
