"""Who calls the API: `auth=KeyAuth("events")` on an operation. A signed-in member may read with the session."""

from __future__ import annotations

from django.http import HttpRequest

from core import errors
from core.models import ApiKey, User
from core.models.access import Scope
from core.services import api_keys


class KeyAuth:
    """Checks `Authorization: Bearer cl_…` (or X-API-Key) for one scope; the key is put on `request.auth`."""

    openapi_security_schema = {"type": "http", "scheme": "bearer"}
    openapi_name = "ApiKey"

    def __init__(self, scope: Scope | str) -> None:
        self.scope = str(scope)

    def __call__(self, request: HttpRequest) -> ApiKey | User:
        """The key, or the signed-in member for reading; raises Unauthenticated or Forbidden."""
        secret = secret_of(request)
        if not secret and self.scope == Scope.READ and isinstance(request.user, User):
            return request.user
        return api_keys.authenticate(secret, scope=self.scope)


def secret_of(request: HttpRequest) -> str:
    """The secret a request carries, or an empty string. Raises Unauthenticated for a scheme other than Bearer."""
    header = request.headers.get("Authorization", "")
    if not header:
        return request.headers.get("X-API-Key", "").strip()
    scheme, _, secret = header.partition(" ")
    if scheme.lower() != "bearer":
        raise errors.Unauthenticated("The Authorization header must be: Bearer cl_….", code="key_malformed")
    return secret.strip()


def member_of(request: HttpRequest) -> User | None:
    """The member who reads with a session; None for a key, which sees every brand."""
    caller = request.auth  # type: ignore[attr-defined]  # put there by KeyAuth
    return caller if isinstance(caller, User) else None
