"""The wordings of `data/patterns.toml` as compiled patterns: each list is one pattern of alternatives."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from models_ml.fact_check.numerals import SMALL_NUMBER
from models_ml.fact_check.units import data

_PART = re.compile(r"<([A-Z_]+)>")


def compiled(alternatives: Sequence[str]) -> re.Pattern[str]:
    """One pattern of several, with the parts they name put in. Raises KeyError for an unknown part."""
    return re.compile("|".join(_expand(alternative) for alternative in alternatives))


@cache
def pattern(section: str, name: str) -> re.Pattern[str]:
    """The pattern of a named list of a section, such as ("ranks", "most")."""
    return compiled(data("patterns")[section][name])


def entries(section: str) -> Sequence[Mapping[str, Any]]:
    """The entries of a section that is a table of tables, in their order."""
    listed: Sequence[Mapping[str, Any]] = data("patterns")[section]
    return listed


def _expand(text: str) -> str:
    parts = {**data("patterns")["parts"], "N": SMALL_NUMBER}
    while match := _PART.search(text):
        text = text[: match.start()] + parts[match[1]] + text[match.end() :]
    return text
