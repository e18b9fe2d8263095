"""The pages for 400, 403, 404 and 500; under /api/ the same as problem documents."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from core import errors, problems
from core.request_id import current_request_id


def _answer(request: HttpRequest, error: errors.CopyliftError, title: str, sentence: str) -> HttpResponse:
    if problems.wants_problem(request):
        return problems.response(error)
    context = {"title": title, "sentence": sentence, "request_id": current_request_id()}
    return render(request, "core/error.html", context, status=error.status)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """404."""
    sentence = _("The address is wrong, or what was here has been removed.")
    return _answer(request, errors.NotFound("There is nothing at this address."), _("Nothing here"), sentence)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """403."""
    sentence = _("Your role does not include this. An administrator can change your role.")
    return _answer(request, errors.Forbidden(), _("Not allowed"), sentence)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """403 for a form without its token. The reason stays in the log: it helps nobody who reads the page."""
    title = _("Your page was open for too long, or the form came from elsewhere")
    sentence = _(
        "Nothing was changed. Go back, load the page anew, and send the form once more. If that does not help, allow "
        "cookies of this site."
    )
    return _answer(request, errors.Forbidden("The CSRF token is missing or wrong."), title, sentence)


def too_large(request: HttpRequest) -> HttpResponse:
    """413 for a body that nobody reads."""
    sentence = _("Nothing of it was read. Sign in first; then send a smaller file.")
    return _answer(request, errors.TooLarge(), _("Too much was sent at once"), sentence)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """400."""
    error = errors.CopyliftError("The request cannot be read.", code="bad_request")
    return _answer(request, error, _("The request cannot be read"), _("Go back and try once more."))


def server_error(request: HttpRequest, *args: Any) -> HttpResponse:
    """500, without a database or a template of the site's frame: either may be what failed."""
    if problems.wants_problem(request):
        return problems.response(problems.from_exception(RuntimeError("see the log")))
    return render(None, "core/server_error.html", {"request_id": current_request_id()}, status=500)
