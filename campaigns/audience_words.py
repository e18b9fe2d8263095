"""A rule in the reader's language, what each operator is called, and what is wrong with a rule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django_stubs_ext import StrPromise

from campaigns.audiences import MAX_ATTRIBUTE, MAX_CONDITIONS, MAX_DAYS, MAX_TEXT, MAX_VALUES, RuleError, is_number

OPERATOR_NAMES: dict[str, StrPromise] = {
    "is": gettext_lazy("is"),
    "is_not": gettext_lazy("is not"),
    "in": gettext_lazy("is one of"),
    "not_in": gettext_lazy("is none of"),
    "contains": gettext_lazy("contains"),
    "at_least": gettext_lazy("is at least"),
    "at_most": gettext_lazy("is at most"),
    "within_days": gettext_lazy("in the last (days)"),
    "exists": gettext_lazy("is known"),
    "is_missing": gettext_lazy("is not known"),
}
SHOWN_VALUES = 8


def rule_in_words(rule: Sequence[Mapping[str, Any]]) -> str:
    """The whole rule as one line."""
    if not rule:
        return _("everybody")
    return _(" and ").join(condition_in_words(condition) for condition in rule)


def condition_in_words(condition: Mapping[str, Any]) -> str:
    """One condition, such as “orders is at least 4”."""
    attribute, operator, value = condition["attribute"], condition["operator"], condition.get("value")
    if operator in {"exists", "is_missing"}:
        return f"{attribute} {OPERATOR_NAMES[operator]}"
    if operator == "within_days":
        days = int(value or 0)
        within = ngettext("was within the last day", "was within the last %(days)s days", days)
        return f"{attribute} {within % {'days': number_format(days, force_grouping=True)}}"
    return f"{attribute} {OPERATOR_NAMES.get(operator, operator)} {_values(value)}"


def explain(problem: RuleError) -> str:
    """What is wrong with a rule, for the member who wrote it."""
    sentence = _SENTENCES.get(problem.code)
    return str(sentence) if sentence is not None else problem.message


def _values(value: Any) -> str:
    if not isinstance(value, list):
        return _value(value)
    shown = _(", ").join(_value(one) for one in value[:SHOWN_VALUES])
    more = len(value) - SHOWN_VALUES
    return shown + (ngettext(" and %(more)s more", " and %(more)s more", more) % {"more": more} if more > 0 else "")


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if is_number(value):
        return number_format(value, use_l10n=True)
    return str(value)


_SENTENCES: dict[str, StrPromise | str] = {
    "no_list": gettext_lazy("The rule must be a list of conditions."),
    "no_object": gettext_lazy("Each condition needs an attribute, an operator and a value."),
    "unknown_field": gettext_lazy("A condition has an attribute, an operator and a value, and nothing else."),
    "too_many": gettext_lazy("A rule has %(most)d conditions at most.") % {"most": MAX_CONDITIONS},
    "missing": gettext_lazy("Something is missing here."),
    "attribute": gettext_lazy("Name an attribute, in 1 to %(most)d characters.") % {"most": MAX_ATTRIBUTE},
    "operator": gettext_lazy("Choose how to compare."),
    "no_value": gettext_lazy("Leave the value empty: this asks only whether the attribute is known."),
    "number": gettext_lazy("A number is needed here."),
    "days": gettext_lazy("A whole number of days is needed, from 0 to %(most)d.") % {"most": MAX_DAYS},
    "list": gettext_lazy("Name 1 to %(most)d values, with commas between them.") % {"most": MAX_VALUES},
    "single": gettext_lazy("A text of 1 to %(most)d characters, a number, yes or no is needed.") % {"most": MAX_TEXT},
}
