"""No page is open by oversight: the resolver is walked, and who is not signed in gets in at the named doors alone.

A new page is covered the moment it has an address; one that is meant to be open is added to OPEN with its reason.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator

import pytest
from django.test import Client
from django.urls import URLResolver, get_resolver, reverse
from django.urls.converters import IntConverter, UUIDConverter

pytestmark = pytest.mark.django_db

# Signing in and out, a forgotten password, health for the machine room, and the language of the foot. A shared report
# opens for whoever has its signed address: tests/experiments/test_sharing. The snippet is for the shop's pages.
PASSWORD = {f"password_reset{step}" for step in ("", "_done", "_confirm", "_complete")}
OPEN = PASSWORD | {
    "login",
    "logout",
    "healthz",
    "readyz",
    "set_language",
    "shared:report",
    "shared:file",
    "shared:pdf",
    "snippet",
    # Links in messages: whoever holds one may stop further messages or go to the shop; a signature stands for the rest.
    "campaigns:unsubscribe",
    "campaigns:click",
    "admin:login",
    "admin:logout",
    "admin:jsi18n",
}
# The API asks for a key instead; its description is public.
API = "api"
# The admin wraps each of its own doors alike, by staff and permission.
ADMIN = "admin"


def doors(resolver: URLResolver, spaces: tuple[str, ...] = ()) -> Iterator[tuple[str, str]]:
    """Every named pattern with an address made up for it."""
    for entry in resolver.url_patterns:
        converters = {**resolver.pattern.converters, **entry.pattern.converters}
        if isinstance(entry, URLResolver):
            yield from doors(entry, (*spaces, entry.namespace) if entry.namespace else spaces)
        elif entry.name and entry.name not in PASSWORD and spaces[:1] not in {(API,), (ADMIN,)}:
            name = ":".join((*spaces, entry.name))
            groups = re.findall(r"\(\?P<(\w+)>(\w*)", str(entry.pattern))
            written = {key: first or "plan" for key, first in groups}
            yield name, reverse(name, kwargs=written | {key: made_up(one) for key, one in converters.items()})


def made_up(converter: object) -> int | str | uuid.UUID:
    """A value that fits."""
    if isinstance(converter, UUIDConverter):
        return uuid.UUID(int=7)
    return 7 if isinstance(converter, IntConverter) else "plan"


def test_who_is_not_signed_in_gets_in_at_no_page(client: Client) -> None:
    found = [door for door in doors(get_resolver()) if door[0] not in OPEN]
    assert len(found) > 30
    open_doors = []
    for name, url in found:
        for answer in (client.get(url), client.post(url)):
            to_sign_in = answer.status_code == 302 and answer.headers["Location"].startswith(reverse("login"))
            if not to_sign_in and answer.status_code != 405:
                open_doors.append((name, answer.status_code))
    assert open_doors == []
