"""Reading the demo's TOML files with errors that name file, entry and field. Pure: no Django.

`Entry` wraps one table of a file: each value is asked for with its type, and `done` refuses what nobody asked for,
so a typing mistake in a field's name cannot be passed over in silence.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Collection, Mapping
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, TypeVar

from core import errors

T = TypeVar("T")


class Entry:
    """One table: `where` is how errors call it, such as `products/bags.toml, product 3 (WM-BAG-003)`."""

    def __init__(self, values: Any, where: str) -> None:
        self.where = where
        if not isinstance(values, Mapping):
            raise self.problem("", "must be a table.")
        self._values = dict(values)

    def problem(self, field: str, message: str) -> errors.InvalidInput:
        """The error for one field of this entry."""
        return errors.InvalidInput.field(f"{self.where}: {field}" if field else self.where, message)

    def text(self, field: str, *, longest: int = 4000, needed: bool = True) -> str:
        """A text without blanks around it."""
        value = self._take(field, "" if not needed else None)
        if not isinstance(value, str) or len(value) > longest or (needed and not value.strip()):
            raise self.problem(field, f"must be a text of {int(needed)} to {longest} characters.")
        return value.strip()

    def choice(self, field: str, allowed: Collection[str]) -> str:
        """One of some words."""
        value = self._take(field)
        if value not in allowed:
            raise self.problem(field, f"must be one of {', '.join(sorted(allowed))}; it is {value!r}.")
        return str(value)

    def texts(self, field: str, *, among: Collection[str] | None = None) -> tuple[str, ...]:
        """A list of texts, none twice, each one of `among` where that is given."""
        value = self._take(field)
        if not isinstance(value, list) or not all(isinstance(one, str) and one for one in value):
            raise self.problem(field, "must be a list of texts.")
        unknown = sorted(set(value) - set(among)) if among is not None else []
        if unknown or len(set(value)) < len(value):
            raise self.problem(field, f"names {unknown[0]!r}, which is not there." if unknown else "names one twice.")
        return tuple(value)

    def whole(self, field: str, *, most: int = 10_000_000) -> int:
        """A whole number from 0."""
        value = self._take(field)
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most:
            raise self.problem(field, f"must be a whole number from 0 to {most}.")
        return value

    def money(self, field: str) -> Decimal:
        """An amount with two digits, written as a text: TOML's floats would round."""
        value = self._take(field)
        try:
            amount = Decimal(value) if isinstance(value, str) else Decimal("nan")
        except InvalidOperation:
            amount = Decimal("nan")
        if not amount.is_finite() or amount <= 0 or amount != round(amount, 2):
            raise self.problem(field, 'must be an amount in quotes with two digits, such as "18.00".')
        return amount

    def optional_money(self, field: str) -> Decimal | None:
        """The same, or None where the field is missing."""
        return self.money(field) if field in self._values else None

    def table(self, field: str) -> dict[str, str]:
        """A table of texts."""
        value = self._take(field)
        if not isinstance(value, Mapping) or not all(isinstance(one, str) and one for one in value.values()):
            raise self.problem(field, "must be a table of texts.")
        return dict(value)

    def entry(self, field: str) -> Entry:
        """A table inside this one."""
        return Entry(self._take(field), f"{self.where}: {field}")

    def rows(self, field: str) -> list[dict[str, Any]]:
        """A list of tables, kept as they are for a reader of their own."""
        value = self._take(field)
        if not isinstance(value, list) or not all(isinstance(one, Mapping) for one in value):
            raise self.problem(field, "must be a list of tables.")
        return [dict(one) for one in value]

    def done(self) -> None:
        """Raise where a field is left that nobody asked for."""
        for field in self._values:
            raise self.problem(field, "is not a known field.")

    def _take(self, field: str, default: Any = None) -> Any:
        value = self._values.pop(field, default)
        if value is None:
            raise self.problem(field, "is missing.")
        return value


def read(path: Path, folder: Path) -> Entry:
    """A TOML file as an entry named by its path in `folder`. Raises InvalidInput for what is no TOML in UTF-8."""
    name = str(path.relative_to(folder))
    try:
        return Entry(tomllib.loads(path.read_bytes().decode("utf-8")), name)
    except UnicodeDecodeError as problem:
        raise errors.InvalidInput.field(name, f"is not UTF-8 at byte {problem.start}.") from None
    except tomllib.TOMLDecodeError as problem:
        raise errors.InvalidInput.field(name, f"is not TOML: {problem}.") from None
    except OSError as problem:
        raise errors.InvalidInput.field(name, f"cannot be read: {problem.strerror}.") from None


def each(entry: Entry, kind: str, key: str, make: Callable[[Entry], T]) -> list[T]:
    """`make` for each table of the list `kind`; errors call an entry by its number and its `key`."""
    made = []
    for number, values in enumerate(entry.rows(kind), start=1):
        one = Entry(values, f"{entry.where}, {kind} {number} ({values.get(key, '?')})")
        made.append(make(one))
        one.done()
    return made
