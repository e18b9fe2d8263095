"""Errors as HTTP: application/problem+json (RFC 9457). The one place where the error tree meets a status."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from typing import Any

from django.core.exceptions import BadRequest, PermissionDenied, RequestDataTooBig, ValidationError
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse

from core import errors
from core.request_id import current_request_id

logger = logging.getLogger(__name__)

CONTENT_TYPE = "application/problem+json"


def response(error: errors.CopyliftError) -> HttpResponse:
    """The problem document of an error, with Retry-After and WWW-Authenticate where the status asks for them."""
    body: dict[str, Any] = {
        "type": f"urn:copylift:problem:{error.code}",
        "title": type(error).title,
        "status": error.status,
        "detail": error.message,
        "code": error.code,
        "request_id": current_request_id(),
    }
    if error.problems:
        body["errors"] = [problem.to_dict() for problem in error.problems]
    if error.data:
        body["data"] = error.data
    answer = HttpResponse(json.dumps(body, ensure_ascii=False), status=error.status, content_type=CONTENT_TYPE)
    if error.status == errors.Unauthenticated.status:
        answer["WWW-Authenticate"] = 'Bearer realm="copylift"'
    if "retry_after" in error.data:
        answer["Retry-After"] = str(error.data["retry_after"])
    return answer


def from_exception(exception: Exception) -> errors.CopyliftError:
    """Our error for any exception that reached a door; an unknown one is logged whole and answered without detail."""
    match exception:
        case errors.CopyliftError():
            return exception
        case Http404():
            return errors.NotFound(str(exception) or errors.NotFound.title)
        case PermissionDenied():
            return errors.Forbidden(str(exception) or errors.Forbidden.title)
        case RequestDataTooBig():
            return errors.TooLarge("The request body is larger than the limit.")
        case BadRequest():
            return errors.InvalidInput(str(exception) or errors.InvalidInput.title)
        case ValidationError():
            return errors.InvalidInput(problems=from_django(exception))
        case OperationalError() | InterfaceError():
            # The database is away or restarting: a client that comes again in a moment loses nothing.
            logger.warning("the database does not answer", exc_info=exception)
            return errors.Unavailable("The database does not answer at the moment.", retry_after=2)
        case _:
            logger.error("unhandled exception", exc_info=exception)
            failure = errors.CopyliftError("Something went wrong on our side. The request id finds it in the log.")
            failure.code, failure.status = "internal_error", 500
            return failure


def from_django(exception: ValidationError) -> list[errors.FieldProblem]:
    """Django's validation errors, one problem a message."""
    fields = exception.message_dict if hasattr(exception, "error_dict") else {"": exception.messages}
    return [
        errors.FieldProblem(field=field, code="invalid", message=message)
        for field, messages in fields.items()
        for message in messages
    ]


def from_pydantic(details: Sequence[dict[str, Any]]) -> errors.InvalidInput:
    """Pydantic's error list as ours: `("body", "payload", "weights", 0)` becomes `weights.0`."""
    problems = [
        errors.FieldProblem(
            field=field_path(detail.get("loc", ())),
            code=str(detail.get("type", "invalid")),
            message=str(detail.get("msg", "cannot be used")),
        )
        for detail in details
    ]
    named = ", ".join(sorted({problem.field for problem in problems if problem.field}))
    return errors.InvalidInput(f"Some values cannot be used: {named}." if named else "", problems=problems)


def field_path(location: Sequence[Any]) -> str:
    """Where the value stands, without the outer `body` and the name of our own parameter."""
    places = [str(place) for place in location]
    if places and places[0] in {"body", "query", "path", "header", "form", "file"}:
        places = places[2:] if places[0] == "body" and len(places) > 2 else places[1:]
    return ".".join(places)


def wants_problem(request: HttpRequest) -> bool:
    """True for the API's paths: everything else is a page."""
    return request.path.startswith("/api/")
