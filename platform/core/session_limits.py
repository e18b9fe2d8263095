"""A session ends after a time without a sign of its member, and in any case some days after signing in.

Peculiar: pages that renew themselves are no sign of anybody, or a forgotten tab would keep its session for ever. So an
HTMX GET is checked and does not count. Signs are written down once a minute, not with each request.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib.auth import logout
from django.contrib.auth.signals import user_logged_in
from django.http import HttpRequest, HttpResponse

BEGAN, SEEN = "began_at", "seen_at"
WRITE_SECONDS = 60
GetResponse = Callable[[HttpRequest], HttpResponse]


class SessionLimitsMiddleware:
    """Signs out whose time is up, before any door looks who is there."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Serve; a page's own renewal is answered with the word to load it anew, which leads to signing in."""
        if request.user.is_authenticated:
            if is_over(request, now := time.time()):
                logout(request)
                if request.headers.get("HX-Request"):
                    return HttpResponse(status=204, headers={"HX-Refresh": "true"})
            else:
                note_sign(request, now)
        return self.get_response(request)


def is_over(request: HttpRequest, now: float) -> bool:
    """Whether the member was away too long, or signed in too long ago."""
    session = request.session
    idle, old = now - float(session.get(SEEN, now)), now - float(session.get(BEGAN, now))
    return idle > settings.COPYLIFT_SESSION_IDLE_MINUTES * 60 or old > settings.SESSION_COOKIE_AGE


def note_sign(request: HttpRequest, now: float) -> None:
    """Write down that the member is there. A session older than this rule begins now."""
    session = request.session
    if BEGAN not in session:
        session[BEGAN] = now
    renews_itself = request.method == "GET" and bool(request.headers.get("HX-Request"))
    if SEEN not in session or (not renews_itself and now - session[SEEN] >= WRITE_SECONDS):
        session[SEEN] = now


def begin(*, request: HttpRequest, **_: Any) -> None:
    """A sign-in begins both times anew, also in a session that was there before."""
    request.session[BEGAN] = request.session[SEEN] = time.time()


def connect() -> None:
    """Listen to sign-ins; once, in ready()."""
    user_logged_in.connect(begin, dispatch_uid="session-limits")
