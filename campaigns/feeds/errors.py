"""What can be wrong with a feed or a row of it: a code and the text at fault. The sentences are in product_words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

GIVEN = 80


class FeedError(ValueError):
    """The file as a whole cannot be read, or not further than this."""

    def __init__(self, code: str, given: str = "") -> None:
        self.code = code
        self.given = given[:GIVEN]
        super().__init__(code)


class ValueProblem(ValueError):
    """One value cannot be used."""

    def __init__(self, code: str, given: str = "") -> None:
        self.code = code
        self.given = given[:GIVEN]
        super().__init__(code)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with one row. A `warning` leaves the row usable; anything else does not."""

    row: int
    sku: str
    field: str
    code: str
    given: str = ""
    warning: bool = False

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "row": self.row,
            "sku": self.sku,
            "field": self.field,
            "code": self.code,
            "given": self.given,
            "warning": self.warning,
        }
