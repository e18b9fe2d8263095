"""What all doors of the API share: who may read, and how an answer is written."""

from __future__ import annotations

from django.http import HttpRequest

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
