"""/healthz: the process answers. /readyz: everything it stands on does, each part named."""

from __future__ import annotations

from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from core import health


@require_safe
@never_cache
def healthz(request: HttpRequest) -> JsonResponse:
    """200 as long as the process serves; no service is asked."""
    return JsonResponse({"status": "alive"})


@require_safe
@never_cache
def readyz(request: HttpRequest) -> JsonResponse:
    """200 where every part is well, else 503; the parts are listed in both cases."""
    checks = health.readiness()
    ready = all(check.ok for check in checks)
    parts = {check.name: {"ok": check.ok, "detail": check.detail} for check in checks}
    answer = JsonResponse({"status": "ready" if ready else "not ready", "checks": parts}, status=200 if ready else 503)
    # Django logs a 5xx as an error; here it is the answer to a question that is asked every second while starting.
    answer._has_been_logged = True  # type: ignore[attr-defined]  # noqa: SLF001 - the only switch
    return answer
