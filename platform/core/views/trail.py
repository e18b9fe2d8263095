"""The audit trail: found by person, action, thing and day; as a page, and as CSV of all that was found.

What is about a brand that the member may not see is left out.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import Any

from django.contrib.auth.decorators import login_required, permission_required
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from core import access, queries
from core.files import formula_safe
from core.forms import TrailForm
from core.members import signed_in
from core.models import AuditEntry

PAGE_SIZE = 50
COLUMNS = ("at", "actor_label", "action", "object_type", "object_id", "object_label", "data", "request_id")


@require_safe
@login_required
@permission_required("core.view_auditentry", raise_exception=True)
def trail(request: HttpRequest) -> HttpResponse:
    """The newest entries; older ones by `before`, the number of the last one shown: pages do not shift meanwhile."""
    form = TrailForm(request.GET or None)
    found = access.visible(signed_in(request), queries.trail(**form.filters()))
    before = request.GET.get("before", "")
    older = found.filter(pk__lt=int(before)) if before.isdecimal() and len(before) < 19 else found
    entries = list(older[: PAGE_SIZE + 1])
    context = {
        "form": form,
        "entries": entries[:PAGE_SIZE],
        "before": entries[PAGE_SIZE - 1].pk if len(entries) > PAGE_SIZE else None,
        "query": form.as_query(),
    }
    return render(request, "core/trail.html", context)


@require_safe
@login_required
@permission_required("core.view_auditentry", raise_exception=True)
def trail_csv(request: HttpRequest) -> StreamingHttpResponse:
    """All that was found, written while it is read."""
    found = queries.trail(**TrailForm(request.GET or None).filters())
    entries = access.visible(signed_in(request), found)
    answer = StreamingHttpResponse(lines(entries.iterator(chunk_size=2000)), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = 'attachment; filename="audit-trail.csv"'
    return answer


class Echo:
    """What csv.writer writes to: hands the line back."""

    def write(self, line: str) -> str:
        """The line itself."""
        return line


def lines(entries: Iterator[AuditEntry]) -> Iterator[Any]:
    """The heading, then a line an entry."""
    writer = csv.writer(Echo())
    yield writer.writerow(COLUMNS)
    for entry in entries:
        yield writer.writerow([formula_safe(str(getattr(entry, name))) for name in COLUMNS])
