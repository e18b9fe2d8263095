"""The one error tree: a machine code, the field at fault, data, and a sentence a person can act on.

Pure. `core.problems` is the one place that turns these into HTTP; commands print the sentence and exit with 2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class FieldProblem:
    """One thing wrong with one place in the input: `field` is a dotted path (`events.3.type`) or a row and column."""

    field: str
    code: str
    message: str

    def to_dict(self) -> dict[str, str]:
        """The three fields, for JSON."""
        return {"field": self.field, "code": self.code, "message": self.message}


class CopyliftError(Exception):
    """Something the caller can understand and act on. Everything else is a bug."""

    code = "error"
    status = 400
    title = "The request could not be carried out."

    def __init__(
        self, message: str = "", *, code: str | None = None, problems: list[FieldProblem] | None = None, **data: Any
    ) -> None:
        self.message = message or self.title
        self.code = code or type(self).code
        self.problems = problems or []
        self.data = data
        super().__init__(self.message)

    def sentences(self) -> list[str]:
        """The message and one line for each field, each said once: of a single field the message is that line."""
        lines = (f"{problem.field}: {problem.message}" for problem in self.problems)
        return list(dict.fromkeys([self.message, *lines]))

    def said(self) -> str:
        """What a page says where the field needs no naming: the fields' sentences, else the message."""
        return " ".join(problem.message for problem in self.problems) or self.message


class InvalidInput(CopyliftError):
    """A value is missing, of the wrong type or out of range; `problems` names each field."""

    code = "invalid_input"
    status = 422
    title = "Some values cannot be used."

    @classmethod
    def field(cls, field: str, message: str, code: str = "invalid") -> InvalidInput:
        """The common case of a single field at fault."""
        return cls(f"{field}: {message}", problems=[FieldProblem(field=field, code=code, message=message)])


class Unauthenticated(CopyliftError):
    """No key, or one that cannot be used."""

    code = "unauthenticated"
    status = 401
    title = "An API key is needed."


class Forbidden(CopyliftError):
    """Who asks is known but may not do this."""

    code = "forbidden"
    status = 403
    title = "You may not do this."


class NotFound(CopyliftError):
    """What was named does not exist, or not for who asks."""

    code = "not_found"
    status = 404
    title = "There is no such thing here."


class Conflict(CopyliftError):
    """The state changed, or does not allow this step."""

    code = "conflict"
    status = 409
    title = "This cannot be done in the present state."


class TooLarge(CopyliftError):
    """More than the stated limit was sent."""

    code = "too_large"
    status = 413
    title = "Too much was sent at once."


class UnsupportedMedia(CopyliftError):
    """The content type or encoding is not one we read."""

    code = "unsupported_media_type"
    status = 415
    title = "This kind of content cannot be read."


class TooManyRequests(CopyliftError):
    """Slow down; `retry_after` in seconds."""

    code = "too_many_requests"
    status = 429
    title = "Too many requests."


class Unavailable(CopyliftError):
    """A service the platform stands on does not answer."""

    code = "unavailable"
    status = 503
    title = "A service is not available at the moment."
