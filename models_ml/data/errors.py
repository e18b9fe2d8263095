"""The one error of this package: it names the field, so that a form can show the sentence beside it."""

from __future__ import annotations


class DataError(ValueError):
    """Data or a plan that cannot be used. `field` names what is wrong (dotted path), `message` says why.

    Where a line of a file is to blame, the message names file and line.
    """

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
        self.message = message
