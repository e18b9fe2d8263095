"""Units of measure and of counting, with what they convert to; the list is data (`data/units.toml`)."""

from __future__ import annotations

import re
import tomllib
from decimal import Decimal
from fractions import Fraction
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple


class Unit(NamedTuple):
    """`factor` turns an amount into the dimension's base (ml, g, mm, minutes, months)."""

    kind: str
    dimension: str
    factor: Decimal
    system: str


@cache
def data(name: str) -> dict[str, Any]:
    """A data file of the fact check, parsed once; not to be changed."""
    return tomllib.loads(files("models_ml.fact_check").joinpath("data", f"{name}.toml").read_text(encoding="utf-8"))


@cache
def units() -> dict[str, Unit]:
    """Each written name and its unit."""
    return {
        name: Unit(entry["kind"], entry["dimension"], _decimal(factor), entry.get("system", ""))
        for entry in data("units")["unit"]
        for factor, names in entry["factors"]
        for name in names
    }


@cache
def _pattern() -> re.Pattern[str]:
    names = sorted(units(), key=len, reverse=True)
    latin = "|".join(re.escape(name) for name in names if re.search("[a-z]", name))
    signs = "|".join(re.escape(name) for name in names if not re.search("[a-z]", name))
    return re.compile(rf"\+?[\s-]?(?:({latin})(?![a-z0-9])|({signs}))")


def unit_after(text: str, position: int) -> tuple[Unit, int] | None:
    """The unit that begins at `position` of a folded text (after a space or hyphen), and where it ends."""
    match = _pattern().match(text, position)
    if match is None:
        return None
    return units()[match[1] or match[2]], match.end()


def _decimal(text: str) -> Decimal:
    fraction = Fraction(text)
    return Decimal(fraction.numerator) / Decimal(fraction.denominator)
