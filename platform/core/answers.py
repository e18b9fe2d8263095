"""What doors answer, and where the platform is found from outside: each said in one place."""

from __future__ import annotations

import json
from typing import Any

from django.conf import settings
from django.http import HttpResponse


def answer(data: dict[str, Any], *, status: int = 200) -> HttpResponse:
    """JSON in UTF-8. Built by hand: a schema would check again what we have just made."""
    return HttpResponse(json.dumps(data, ensure_ascii=False), status=status, content_type="application/json")


def whole_address(path: str) -> str:
    """The address of a page as it is sent to somebody; `path` begins with a slash, or is empty."""
    return f"{settings.PUBLIC_URL.rstrip('/')}{path}"
