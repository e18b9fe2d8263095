"""Audience rules as conditions of the database over `Shopper.attributes`: the same answer as `audiences.matches`.

Peculiar: no key of Django's JSON look-ups is used, since these take an attribute named "1" for a place in a list. Each
condition is one expression that is true or false and never NULL, so that it can be turned round. `is` asks by
containment, which the index over attributes answers.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from string import Formatter
from typing import Any

from django.db.models import BooleanField, F, Func, JSONField, Q, TextField, Value
from django.db.models.expressions import Combinable

from campaigns.audiences import DAY, LISTS, WITHOUT_VALUE, days_within

HOLDS = {
    "in": "coalesce({0} = any (array(select jsonb_array_elements({1}::jsonb))), false)",
    "not_in": "not coalesce({0} = any (array(select jsonb_array_elements({1}::jsonb))), false)",
    "exists": "coalesce(jsonb_typeof({0}), 'null') <> 'null'",
    "is_missing": "coalesce(jsonb_typeof({0}), 'null') = 'null'",
    # A CASE, since the database is free to convert before it asks for the type where both stand beside each other.
    "at_least": "coalesce(case when jsonb_typeof({0}) = 'number' then {0}::numeric >= {1}::numeric end, false)",
    "at_most": "coalesce(case when jsonb_typeof({0}) = 'number' then {0}::numeric <= {1}::numeric end, false)",
    "contains": "coalesce(jsonb_typeof({0}) = 'array' and {0} @> {1}::jsonb, false)",
    "contains_text": "coalesce(case jsonb_typeof({0}) when 'array' then {0} @> {1}::jsonb"
    " when 'string' then strpos({0} #>> '{{}}', {2}) > 0 end, false)",
    "within_days": "coalesce(jsonb_typeof({0}) = 'string' and ({0} #>> '{{}}') ~ {3}"
    " and left({0} #>> '{{}}', 10) collate \"C\" between {1} and {2}, false)",
}


def rule_q(rule: Sequence[Mapping[str, Any]], *, today: date | None = None) -> Q:
    """The shoppers of a valid rule, for `Shopper.objects.filter` or a `When`."""
    found = Q()
    for condition in rule:
        found &= _condition(condition, today)
    return found


def _condition(condition: Mapping[str, Any], today: date | None) -> Q:
    name, operator, wanted = condition["attribute"], condition["operator"], condition.get("value")
    if operator in {"is", "is_not"}:
        held = Q(attributes__contains={name: wanted})
        return held if operator == "is" else ~held
    if operator == "contains" and isinstance(wanted, str):
        operator = "contains_text"
    return Q(_Holds(HOLDS[operator], _value(name), *map(_text, _arguments(operator, wanted, today))))


def _arguments(operator: str, wanted: Any, today: date | None) -> list[str]:
    """What the operator's text names {1} and following."""
    if operator in WITHOUT_VALUE:
        return []
    if operator in LISTS:
        return [json.dumps(wanted)]
    if operator == "within_days":
        return [*days_within(wanted, today), f"^({DAY})$"]
    if operator == "contains_text":
        return [json.dumps([wanted]), wanted]
    return [json.dumps([wanted])] if operator == "contains" else [str(Decimal(repr(wanted)))]


def _value(name: str) -> Func:
    return Func(F("attributes"), Value(name), function="jsonb_extract_path", output_field=JSONField())


def _text(value: str) -> Value:
    return Value(value, output_field=TextField())


class _Holds(Func):
    """True or false by a text in which {0}, {1} … are the expressions, each as often as it is needed."""

    output_field = BooleanField()

    def __init__(self, text: str, *expressions: Combinable) -> None:
        super().__init__(*expressions)
        self.text = text

    def as_sql(self, compiler: Any, connection: Any, *_: Any, **_context: Any) -> tuple[str, tuple[Any, ...]]:  # noqa: ARG002
        """The text with each expression in its places, and the parameters in the order of the places."""
        sql, params = "", list[Any]()
        for literal, place, _spec, _conversion in Formatter().parse(self.text):
            sql += literal
            if place is not None:
                piece, values = compiler.compile(self.source_expressions[int(place)])
                sql += f"({piece})"
                params += values
        return sql, tuple(params)
