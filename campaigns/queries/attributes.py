"""Which attributes the shoppers have, with values that occur: what the rule builder suggests.

From the shoppers changed last, since reading all would take seconds at a size where it tells nothing new.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from typing import Any

from campaigns.models import Shopper

READ = 2000
MOST_NAMES = 60
MOST_VALUES = 12
LONGEST = 60


@dataclass(frozen=True, slots=True)
class KnownAttribute:
    """An attribute, the JSON types seen of it, and its most frequent values as they are typed."""

    name: str
    kinds: frozenset[str]
    values: tuple[str, ...]


def known_attributes() -> list[KnownAttribute]:
    """The most frequent attributes, by name. One query."""
    names: Counter[str] = Counter()
    kinds: dict[str, set[str]] = {}
    values: dict[str, Counter[str]] = {}
    for attributes in Shopper.objects.order_by("-pk").values_list("attributes", flat=True)[:READ]:
        for name, value in attributes.items():
            names[name] += 1
            kinds.setdefault(name, set()).add(kind_of(value))
            values.setdefault(name, Counter()).update(_texts(value))
    return [
        KnownAttribute(name, frozenset(kinds[name]), tuple(text for text, _ in values[name].most_common(MOST_VALUES)))
        for name in sorted(name for name, _ in names.most_common(MOST_NAMES))
    ]


def kind_of(value: Any) -> str:
    """The JSON type of a value."""
    kinds: dict[type, str] = {str: "string", bool: "boolean", int: "number", float: "number", list: "array"}
    return kinds.get(type(value), "object")


def _texts(value: Any) -> list[str]:
    found = value if isinstance(value, list) else [value]
    texts = (one if isinstance(one, str) else json.dumps(one) for one in found if not isinstance(one, dict | list))
    return [text for text in texts if 0 < len(text) <= LONGEST]
