"""Where the links in a message lead: open to anybody who holds one, without sign-in, cookie or script.

Stopping is one click by POST (RFC 8058): mail programs send it without a visit, so there is no CSRF token to ask for,
and the signature stands for the wish of whoever holds the message. GET only shows the button: programs that look for
harmful links open every one of them.
"""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils import translation
from django.utils.translation import get_language
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_safe

from campaigns.message_links import read_click, read_stop
from campaigns.services import answering
from campaigns.services.mailing import LOCALES
from core import errors
from experiments.schemas.marks import is_crawler, is_fetched_ahead


@csrf_exempt
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """The button, or what came of pressing it."""
    try:
        about = answering.stopping(read_stop(token))
    except errors.NotFound as problem:
        return _page(request, {"sentence": problem.message}, status=404)
    done = request.method == "POST"
    if done and not about.is_test:
        answering.unsubscribe(about.stop)
    with translation.override(LOCALES.get(about.language) or get_language()):
        return _page(request, {"about": about, "done": done, "channel": about.stop.channel})


@never_cache
@require_safe
def click(request: HttpRequest, token: str) -> HttpResponse:
    """On to the shop. HEAD is asked by programs alone and counts nothing."""
    try:
        url = answering.follow(
            read_click(token),
            is_bot=is_crawler(request.headers.get("User-Agent", "")),
            is_prefetch=is_fetched_ahead(request.headers),
            is_look=request.method == "HEAD",
        )
    except errors.NotFound as problem:
        return _page(request, {"sentence": problem.message}, status=404)
    return _private(HttpResponseRedirect(url))


def _page(request: HttpRequest, context: dict[str, Any], status: int = 200) -> HttpResponse:
    return _private(render(request, "campaigns/unsubscribe.html", context, status=status))


def _private(answer: HttpResponse) -> HttpResponse:
    answer["X-Robots-Tag"] = "noindex, nofollow"
    answer["Referrer-Policy"] = "no-referrer"
    return answer
