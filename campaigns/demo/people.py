"""The demo's members, and the one file that names their password and the shop's API key: var/demo.json, mode 0600.

The file is the only place where the two are written down. Where it is lost, members get a new password and the shop a
new key; where the database is new, the password in the file is used again, so that a bookmarked login keeps working.
"""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path
from typing import Any

from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group
from django.db import transaction

from campaigns.demo.data import MemberData
from core import errors
from core.models import ApiKey, User
from core.models.access import Scope
from core.roles import Role
from core.services import api_keys

FILE_NAME = "demo.json"
KEY_NAME = "Demo shop (simulated traffic)"
KEY_SCOPES = [Scope.DECIDE.value, Scope.EVENTS.value, Scope.READ.value]
# Who opens the admin: approvers review there, administrators run the site there.
STAFF = frozenset({Role.APPROVER.value, Role.ADMINISTRATOR.value})


class Credentials:
    """What var/demo.json holds; missing parts are empty."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE_NAME
        written = _read(self.path)
        self.password = str(written.get("password", ""))
        self.api_key = str(written.get("api_key", ""))

    def save(self, members: list[MemberData]) -> None:
        """Write the file whole or not at all, readable by its owner alone."""
        logins = [{"email": member.email, "role": member.role} for member in members]
        text = json.dumps({"password": self.password, "logins": logins, "api_key": self.api_key}, indent=2)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        half = self.path.with_name(f"{FILE_NAME}.{os.getpid()}")
        half.unlink(missing_ok=True)
        with os.fdopen(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(text + "\n")
        half.replace(self.path)


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


@transaction.atomic
def load_members(members: list[MemberData], credentials: Credentials) -> int:
    """Make the members that are missing; how many. With no password written down, all of them get a new one."""
    renew = not credentials.password
    credentials.password = credentials.password or secrets.token_urlsafe(9)
    # Hashed once: they share the password, and five slow hashes would take longer than all the rest.
    encoded = make_password(credentials.password)
    groups = {group.name: group for group in Group.objects.all()}
    present = {user.email: user for user in User.objects.filter(email__in=[one.email for one in members])}
    for member in members:
        if member.email not in present:
            _create(member, encoded, groups)
    if renew and present:
        User.objects.filter(pk__in=[user.pk for user in present.values()]).update(password=encoded)
    return len(members) - len(present)


def _create(member: MemberData, encoded: str, groups: dict[str, Group]) -> None:
    user = User(email=member.email, name=member.name, password=encoded, is_staff=member.role in STAFF)
    user.save()
    user.groups.add(groups[member.role])


def load_api_key(credentials: Credentials, *, owner: User) -> bool:
    """See to it that the key written down works; whether a new one was made. Older keys of the demo end then."""
    try:
        for scope in KEY_SCOPES:
            api_keys.authenticate(credentials.api_key, scope=scope)
    except errors.CopyliftError:
        for old in ApiKey.objects.filter(name=KEY_NAME, revoked_at=None):
            api_keys.revoke_api_key(old, actor=owner)
        _key, credentials.api_key = api_keys.issue_api_key(name=KEY_NAME, scopes=KEY_SCOPES, created_by=owner)
        return True
    return False


def member_of(members: list[MemberData], role: Role, place: int = 0) -> User:
    """The demo's marketer, approver, … as the user they sign in as. Raises NotFound before `load_demo`."""
    named = [member.email for member in members if member.role == role.value]
    user = User.objects.filter(email=named[place]).first()
    if user is None:
        raise errors.NotFound(f"The demo's member {named[place]} is not there; run load_demo first.")
    return user
