"""A record of a feed before anything is known of its meaning: the row it stands in and its columns as texts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

MOST_COLUMNS = 300
MOST_DEPTH = 3


@dataclass(frozen=True, slots=True)
class Record:
    """`row` as a person counts: the line of a table, the number of an entry elsewhere. `broken` is a code."""

    row: int
    values: Mapping[str, str]
    broken: str = ""


def flat(data: Mapping[str, Any]) -> dict[str, str]:
    """An object as columns of texts: inner objects by dotted names, lists joined by commas."""
    return dict(list(_flat("", data, 0))[:MOST_COLUMNS])


def text_of(value: Any) -> str:
    """A value of JSON as text; numbers come as they were written."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else ""


def _flat(prefix: str, data: Mapping[str, Any], depth: int) -> Iterator[tuple[str, str]]:
    for key, value in data.items():
        name = f"{prefix}{key}"[:100]
        if isinstance(value, Mapping):
            if depth < MOST_DEPTH:
                yield from _flat(f"{name}.", value, depth + 1)
        elif isinstance(value, list):
            yield name, ", ".join(text for one in value[:50] if (text := text_of(one)))
        else:
            yield name, text_of(value)
