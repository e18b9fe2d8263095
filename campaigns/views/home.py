"""Home: what runs, what went wrong, what waits for the one who looks. HTMX asks for the lower part again and again."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from campaigns.demo import progress
from campaigns.queries.attention import to_look_at
from campaigns.views import reads, tour
from campaigns.views.alerts import alerts
from campaigns.views.waiting import tasks
from core.members import signed_in
from core.models import User
from core.services.notices import mark_read
from experiments.lifecycle import Status
from experiments.models import Analysis
from experiments.queries import newest_analyses

JOBS_SHOWN = 5
TASKS_SHOWN = 8
NOTICES_SHOWN = 5
LONGEST_NUMBER = 18


@require_safe
@login_required
def home(request: HttpRequest) -> HttpResponse:
    """The page, or only its live part for HTMX."""
    part = "campaigns/_home_live.html" if request.headers.get("HX-Request") else "campaigns/home.html"
    member = signed_in(request)
    context = live(member)
    if not request.headers.get("HX-Request"):
        context["tour"] = tour.shown(member)
    return render(request, part, context)


@require_POST
@login_required
def notices_read(request: HttpRequest) -> HttpResponse:
    """Put away the member's own notices up to the newest that the page showed: one that came meanwhile stays."""
    newest = request.POST.get("newest", "")
    if newest.isascii() and newest.isdecimal() and len(newest) <= LONGEST_NUMBER:
        mark_read(signed_in(request), newest=int(newest))
    return redirect("home")


def live(user: User) -> dict[str, Any]:
    """All that the live part shows; what a role may not see is not read."""
    running, more, noticed, newest = _tests(user) if user.has_perm("experiments.view_experiment") else ([], 0, [], {})
    stopped = [one for one in noticed if one.status == Status.STOPPED]
    waiting = tasks(user, stopped=stopped, running=running)
    return {
        "running": running,
        "more_running": more,
        "alerts": alerts(noticed, newest),
        "waiting": waiting[:TASKS_SHOWN],
        "more_waiting": max(0, len(waiting) - TASKS_SHOWN),
        "jobs": reads.jobs_for(user, JOBS_SHOWN) if user.has_perm("core.view_job") else [],
        "notices": reads.unread_notices(user, NOTICES_SHOWN),
        "demo": progress.setting_up() if user.has_perm("campaigns.view_campaign") else [],
    }


def _tests(user: User) -> tuple[list[Any], int, list[Any], dict[int, Analysis]]:
    """The running tests with their figures, how many more there are, those to look at, and what is known of all."""
    running, more = reads.running_experiments(user)
    noticed = to_look_at(user)
    newest = newest_analyses(one.pk for one in [*running, *noticed])
    for one in running:
        reads.attach_figures(one, newest.get(one.pk))
    return running, more, noticed, newest
