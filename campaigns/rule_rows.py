"""A rule as rows of three texts, as the builder shows it and takes it back. Pure.

Peculiar: what is typed has no type. A value that reads as a number or as true or false is one, unless it stands in
quotation marks or every shopper known has text there: a postcode of 01234 stays text. Writing a rule and reading it
back gives the same rule.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from campaigns.audiences import LISTS, WITHOUT_VALUE, RuleError, is_number, validate_rule

_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]{1,3})?")
_BOOLEANS = {"true": True, "false": False, "yes": True, "no": False, "是": True, "否": False}
_ITEM = re.compile(r'\s*(?:"((?:[^"\\]|\\.)*)"|([^,，、]*))\s*(?:[,，、]|$)')
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')


@dataclass(frozen=True, slots=True)
class Row:
    """One condition as it is typed."""

    attribute: str = ""
    operator: str = "is"
    value: str = ""

    @property
    def is_empty(self) -> bool:
        """Whether nothing was typed."""
        return not self.attribute.strip() and not self.value.strip()


def to_rows(rule: Sequence[Mapping[str, Any]]) -> list[Row]:
    """The rows of a rule."""
    return [Row(one["attribute"], one["operator"], _written(one["operator"], one.get("value"))) for one in rule]


def from_rows(rows: Sequence[Row], kinds: Mapping[str, Collection[str]] | None = None) -> list[dict[str, Any]]:
    """The rule of the rows that are not empty. `kinds` are the JSON types known of each attribute.

    Raises RuleError whose field is that of the row as it stands on the page, such as `rule.2.value`.
    """
    rule = []
    for place, row in enumerate(rows):
        if not row.is_empty:
            condition = _condition(row, only_text=set((kinds or {}).get(row.attribute.strip(), ())) == {"string"})
            _check(condition, place)
            rule.append(condition)
    validate_rule(rule)
    return rule


def _check(condition: dict[str, Any], place: int) -> None:
    try:
        validate_rule([condition])
    except RuleError as problem:
        field = problem.field.replace("rule.0", f"rule.{place}", 1)
        raise RuleError(field, problem.message, problem.code) from None


def _condition(row: Row, *, only_text: bool) -> dict[str, Any]:
    condition: dict[str, Any] = {"attribute": row.attribute.strip(), "operator": row.operator}
    if row.operator not in WITHOUT_VALUE:
        condition["value"] = _read(row.operator, row.value.strip(), only_text=only_text)
    elif row.value.strip():
        condition["value"] = row.value.strip()
    return condition


def _read(operator: str, text: str, *, only_text: bool) -> Any:
    if operator in LISTS:
        return [_read_item(one, only_text=only_text) for one in _items(text)]
    if operator in {"at_least", "at_most", "within_days"}:
        return _number(text) if _NUMBER.fullmatch(text) else text
    quoted = _QUOTED.fullmatch(text)
    return _unquoted(quoted[1]) if quoted else _typed(text, only_text=only_text)


def _items(text: str) -> list[re.Match[str]]:
    found = []
    place = 0
    while place < len(text) and (match := _ITEM.match(text, place)):
        found.append(match)
        place = match.end()
    return [one for one in found if one[1] is not None or one[2].strip()]


def _read_item(match: re.Match[str], *, only_text: bool) -> Any:
    return _unquoted(match[1]) if match[1] is not None else _typed(match[2].strip(), only_text=only_text)


def _typed(text: str, *, only_text: bool) -> Any:
    if only_text:
        return text
    if text.lower() in _BOOLEANS:
        return _BOOLEANS[text.lower()]
    return _number(text) if _NUMBER.fullmatch(text) else text


def _number(text: str) -> Any:
    number = json.loads(text)
    return number if is_number(number) else text


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text, flags=re.DOTALL)


def _written(operator: str, value: Any) -> str:
    if operator in WITHOUT_VALUE or value is None:
        return ""
    if isinstance(value, list):
        return ", ".join(_one(item, listed=True) for item in value)
    return _one(value, listed=False)


def _one(value: Any, *, listed: bool) -> str:
    if not isinstance(value, str):
        return json.dumps(value)
    plain = value == value.strip() and value and '"' not in value and "\\" not in value
    clear = plain and isinstance(_typed(value, only_text=False), str) and not (listed and re.search("[,，、]", value))
    if clear:
        return value
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
