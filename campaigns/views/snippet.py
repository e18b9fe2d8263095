"""The JavaScript snippet as shops load it: one address that stays, without its comments, small and long kept.

Anybody may load it: it holds nothing of a shop. Its address has a version of its own, so that another way of talking
to the server would get another address and no page that is out there breaks.
"""

from __future__ import annotations

import gzip
import hashlib
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from django.contrib.staticfiles import finders
from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import condition, require_safe

FILE = "copylift/snippet.js"
# A day, and a week more while a newer one is fetched behind the shopper's back.
KEPT = "public, max-age=86400, stale-while-revalidate=604800"


class Served(NamedTuple):
    """The snippet as it goes out."""

    plain: bytes
    packed: bytes
    etag: str


@lru_cache(maxsize=1)
def served() -> Served:
    """Read once a process: lines without their indents, and none that is only a comment."""
    path = finders.find(FILE)
    if path is None:
        raise FileNotFoundError(FILE)
    lines = (line.strip() for line in Path(path).read_text(encoding="utf-8").splitlines())
    plain = "\n".join(line for line in lines if line and not line.startswith("//")).encode()
    return Served(plain, gzip.compress(plain, 9, mtime=0), f'W/"{hashlib.sha256(plain).hexdigest()[:16]}"')


def etag(_request: HttpRequest) -> str:
    """The snippet's own mark."""
    return served().etag


@require_safe
@condition(etag_func=etag)
def snippet(request: HttpRequest) -> HttpResponse:
    """The script, packed where the browser can unpack it."""
    packed = "gzip" in request.headers.get("Accept-Encoding", "")
    answer = HttpResponse(served().packed if packed else served().plain, content_type="text/javascript; charset=utf-8")
    if packed:
        answer["Content-Encoding"] = "gzip"
    answer["Cache-Control"] = KEPT
    answer["Access-Control-Allow-Origin"] = "*"
    answer["Cross-Origin-Resource-Policy"] = "cross-origin"
    patch_vary_headers(answer, ["Accept-Encoding"])
    return answer
