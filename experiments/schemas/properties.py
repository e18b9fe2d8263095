"""The properties of an event: bounded, storable as JSON, and read for what they say of bots and prefetching.

They are written as JSON once, here; most pass by that text alone. Only where it looks doubtful is the tree walked,
which finds the place of the fault.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from experiments.schemas.bodies import printable
from experiments.schemas.marks import is_ahead, is_crawler
from experiments.services import Refused

MOST_PROPERTY_BYTES = 4096
MOST_PROPERTY_DEPTH = 5
_write = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode


class Properties(NamedTuple):
    """What an event carries besides: the object, the same as JSON (empty for none), and its two marks."""

    value: dict[str, Any]
    written: str = ""
    is_bot: bool = False
    is_prefetch: bool = False


NONE = Properties({})


def parse_properties(properties: Any) -> Properties:
    """The properties, checked; raises Refused."""
    if properties is None:
        return NONE
    if not isinstance(properties, dict):
        raise Refused("properties", f"must be an object, not {called(properties)}.")
    if not properties:
        return NONE
    written = _written(properties)
    size = len(written) if written.isascii() else len(written.encode())
    if size > MOST_PROPERTY_BYTES:
        raise Refused("properties", f"take {size} bytes; at most {MOST_PROPERTY_BYTES} are kept.")
    return Properties(properties, written, _is_bot(properties), _is_prefetch(properties))


def _written(properties: dict[str, Any]) -> str:
    try:
        written = _write(properties)
        written.encode()
    except (ValueError, RecursionError):
        check_tree("properties", properties, MOST_PROPERTY_DEPTH)
        raise Refused("properties", "cannot be written as JSON.") from None
    if "\\u0000" in written or written.count("{") + written.count("[") > MOST_PROPERTY_DEPTH:
        check_tree("properties", properties, MOST_PROPERTY_DEPTH)
    return written


def check_tree(name: str, value: Any, depth: int) -> None:
    """Raise Refused for the first place below `name` that cannot be stored, or lies deeper than `depth`."""
    if depth < 0:
        raise Refused("properties", f"are nested more than {MOST_PROPERTY_DEPTH} deep.")
    match value:
        case str():
            check_characters(name, value)
        case float() if not math.isfinite(value):
            raise Refused(name, "must be a finite number.")
        case dict():
            for key, inner in value.items():
                place = f"{name}.{printable(key)}"
                check_characters(place, key)
                check_tree(place, inner, depth - 1)
        case list():
            for index, inner in enumerate(value):
                check_tree(f"{name}.{index}", inner, depth - 1)


def check_characters(name: str, value: str) -> None:
    """Raise Refused for text that PostgreSQL cannot hold."""
    if "\0" in value:
        raise Refused(name, "holds a NUL character.")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError as problem:
            raise Refused(name, f"holds half a character (a lone surrogate) at {problem.start}.") from None


def _is_bot(properties: Mapping[str, Any]) -> bool:
    agent = properties.get("user_agent")
    return _flag(properties, "bot") or (isinstance(agent, str) and is_crawler(agent))


def _is_prefetch(properties: Mapping[str, Any]) -> bool:
    return (
        _flag(properties, "prefetch") or is_ahead(properties.get("purpose")) or is_ahead(properties.get("sec_purpose"))
    )


def _flag(properties: Mapping[str, Any], name: str) -> bool:
    declared = properties.get(name)
    if declared is not None and not isinstance(declared, bool):
        raise Refused(f"properties.{name}", "must be true or false.")
    return bool(declared)


def called(value: Any) -> str:
    """What a JSON value is called in a sentence."""
    match value:
        case bool():
            return "a truth value"
        case int() | float():
            return "a number"
        case str():
            return "text"
        case list():
            return "a list"
        case _:
            return "an object"
