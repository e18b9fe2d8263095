"""A body with files is turned away before it is read where nobody is signed in.

Django keeps a form's files on disk while it reads them and sets no limit to them: DATA_UPLOAD_MAX_MEMORY_SIZE is about
everything but files. Each door for files has a limit of its own, behind the sign-in; this one stands before it.
"""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from core.views import errors

GetResponse = Callable[[HttpRequest], HttpResponse]


class UploadLimitMiddleware:
    """413 for a stranger's form that is larger than any other body may be. Without a length nothing is read."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Look at the length before anything touches the body."""
        is_form = (request.content_type or "").startswith("multipart/")
        if is_form and length_of(request) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE and not request.user.is_authenticated:
            return errors.too_large(request)
        return self.get_response(request)


def length_of(request: HttpRequest) -> int:
    """What the sender says; 0 where that is no number."""
    said = str(request.META.get("CONTENT_LENGTH") or "")
    return int(said) if said.isdecimal() else 0
