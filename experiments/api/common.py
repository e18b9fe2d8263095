"""What all doors of the API share: who may read, and how an answer is written."""

from __future__ import annotations

import json
from typing import Any

from django.http import HttpRequest, HttpResponse

from core import errors
from core.api_auth import KeyAuth
from core.models import ApiKey, User
from core.models.access import Scope


class ReadAuth(KeyAuth):
    """A key that may read, or a signed-in member whose role may see experiments, as on the pages."""

    def __call__(self, request: HttpRequest) -> ApiKey | User:
        """The key or the member; raises Forbidden for a member without the permission."""
        found = super().__call__(request)
        if isinstance(found, User) and not found.has_perm("experiments.view_experiment"):
            raise errors.Forbidden("Your role may not see experiments.")
        return found


READ = ReadAuth(Scope.READ)


def answer(data: dict[str, Any], *, status: int = 200) -> HttpResponse:
    """JSON in UTF-8. Built by hand: a schema would check again what we have just made."""
    return HttpResponse(json.dumps(data, ensure_ascii=False), status=status, content_type="application/json")


def member_of(request: HttpRequest) -> User | None:
    """The member who reads with a session; None for a key, which sees every brand."""
    caller = request.auth  # type: ignore[attr-defined]  # put there by KeyAuth
    return caller if isinstance(caller, User) else None
