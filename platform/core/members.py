"""Who is signed in, where a door has already turned everyone else away."""

from __future__ import annotations

from django.http import HttpRequest

from core.models import User


def signed_in(request: HttpRequest) -> User:
    """The member behind a request. For doors under `login_required` or the admin; elsewhere it may fail."""
    assert isinstance(request.user, User)  # noqa: S101 - what those doors hold already, said to the type checker
    return request.user
