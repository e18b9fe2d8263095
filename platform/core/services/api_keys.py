"""Issuing, checking and revoking API keys.

A key is `cl_<prefix>_<secret>`: the prefix finds the row, a SHA-256 of the whole is compared. A slow password hash is
not needed: the secret has 256 bits of randomness, so it cannot be guessed from its digest, and every event pays this.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from core import audit, errors
from core.models import ApiKey, User
from core.models.access import Scope

SCHEME = "cl"
# Writing "last used" on each request would make every read a write.
LAST_USED_STEP = timedelta(minutes=1)


@transaction.atomic
def issue_api_key(
    *, name: str, scopes: list[str], created_by: User | None, expires_at: datetime | None = None
) -> tuple[ApiKey, str]:
    """A new key and its secret, which is shown this once and stored nowhere.

    Raises InvalidInput for an empty name, no scope, an unknown scope, or an end in the past.
    """
    name = name.strip()
    if not name or len(name) > 100:
        raise errors.InvalidInput.field("name", _("a name of 1 to 100 characters is needed."))
    unknown = sorted(set(scopes) - set(Scope.values))
    if unknown or not scopes:
        words = {"scopes": ", ".join(Scope.values), "got": ", ".join(unknown) or "–"}
        raise errors.InvalidInput.field("scopes", _("choose from %(scopes)s; got %(got)s.") % words)
    if expires_at is not None and expires_at <= timezone.now():
        raise errors.InvalidInput.field("expires_at", _("lies in the past."))
    prefix = secrets.token_hex(4)
    secret = f"{SCHEME}_{prefix}_{secrets.token_urlsafe(32)}"
    key = ApiKey.objects.create(
        name=name,
        prefix=prefix,
        digest=digest(secret),
        scopes=sorted(set(scopes)),
        created_by=created_by,
        expires_at=expires_at,
    )
    audit.record("api_key.issued", key, actor=created_by, scopes=key.scopes)
    return key, secret


@transaction.atomic
def revoke_api_key(key: ApiKey, *, actor: User) -> bool:
    """End a key at once. False where it was revoked before."""
    changed = ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=timezone.now())
    if changed:
        audit.record("api_key.revoked", key, actor=actor)
    return bool(changed)


def authenticate(secret: str, *, scope: str) -> ApiKey:
    """The key of a secret, if it may do `scope`.

    Raises Unauthenticated for a missing, malformed, unknown, revoked or ended key, Forbidden for a missing scope.
    """
    if not secret:
        raise errors.Unauthenticated("An API key is needed: Authorization: Bearer cl_….", code="key_missing")
    parts = secret.split("_", 2)
    if len(parts) != 3 or parts[0] != SCHEME:
        raise errors.Unauthenticated("This is not a Copylift API key.", code="key_malformed")
    key = ApiKey.objects.filter(prefix=parts[1]).first()
    if key is None or not hmac.compare_digest(key.digest, digest(secret)):
        raise errors.Unauthenticated("This API key is not known.", code="key_unknown")
    if not key.is_usable():
        state = "revoked" if key.revoked_at else "past its end"
        raise errors.Unauthenticated(
            f"This API key is {state}.", code="key_revoked" if key.revoked_at else "key_expired"
        )
    if scope not in key.scopes:
        raise errors.Forbidden(f"This API key lacks the scope {scope!r}.", code="scope_missing", scope=scope)
    touch(key)
    return key


def touch(key: ApiKey) -> None:
    """Note the use, at most once a minute."""
    now = timezone.now()
    if key.last_used_at is None or now - key.last_used_at > LAST_USED_STEP:
        stale = Q(last_used_at=None) | Q(last_used_at__lt=now - LAST_USED_STEP)
        ApiKey.objects.filter(stale, pk=key.pk).update(last_used_at=now)


def digest(secret: str) -> str:
    """What is stored in the place of a secret."""
    return hashlib.sha256(secret.encode()).hexdigest()
