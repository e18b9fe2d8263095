"""The people of the tests. Alice is a marketer, Bob an approver, Ana an analyst, Dora an administrator, Charlie has
no role.
"""

from __future__ import annotations

from django.contrib.auth.models import Group

from core.models import User
from core.roles import Role

PASSWORD = "a-long-test-password"


def member(name: str, *roles: Role, staff: bool = False) -> User:
    """A member with these roles; `name@shop.test` is the address."""
    user = User.objects.create_user(f"{name.lower()}@shop.test", PASSWORD, name=name, is_staff=staff)
    user.groups.set(Group.objects.filter(name__in=[role.value for role in roles]))
    return user


def alice() -> User:
    """A marketer."""
    return member("Alice", Role.MARKETER)


def bob() -> User:
    """An approver, who works in the admin."""
    return member("Bob", Role.APPROVER, staff=True)


def ana() -> User:
    """An analyst."""
    return member("Ana", Role.ANALYST)


def dora() -> User:
    """An administrator."""
    return member("Dora", Role.ADMINISTRATOR, staff=True)


def charlie() -> User:
    """A member without a role."""
    return member("Charlie")
