"""Jobs: the list, one job live, cancel and resume."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from core import dispatch, errors, queries
from core.members import signed_in
from core.models import Job
from core.services import jobs as services


@require_safe
@login_required
@permission_required("core.view_job", raise_exception=True)
def job_list(request: HttpRequest) -> HttpResponse:
    """All jobs; the table renews itself while one is open."""
    jobs = queries.recent_jobs(signed_in(request))
    template = "core/_job_table.html" if request.headers.get("HX-Request") else "core/jobs.html"
    return render(request, template, {"jobs": jobs, "any_open": any(job.is_open for job in jobs)})


@require_safe
@login_required
@permission_required("core.view_job", raise_exception=True)
def job_detail(request: HttpRequest, job_id: uuid.UUID) -> HttpResponse:
    """One job; its panel renews itself while it is open."""
    template = "core/_job_panel.html" if request.headers.get("HX-Request") else "core/job.html"
    return render(request, template, {"job": find(request, job_id)})


@require_POST
@login_required
@permission_required("core.cancel_job", raise_exception=True)
def job_cancel(request: HttpRequest, job_id: uuid.UUID) -> HttpResponse:
    """Ask a job to stop."""
    if not services.cancel_job(find(request, job_id), actor=signed_in(request)):
        messages.info(request, _("The job had ended already."))
    return redirect("core:job", job_id=job_id)


@require_POST
@login_required
@permission_required("core.cancel_job", raise_exception=True)
def job_resume(request: HttpRequest, job_id: uuid.UUID) -> HttpResponse:
    """Queue a stopped job again."""
    try:
        dispatch.send_on_commit(services.resume_job(find(request, job_id), actor=signed_in(request)))
    except errors.Conflict as problem:
        messages.error(request, problem.message)
    return redirect("core:job", job_id=job_id)


def find(request: HttpRequest, job_id: uuid.UUID) -> Job:
    """The job where the member may see what it is about, else the 404 page."""
    try:
        return queries.job_by_id(job_id, signed_in(request))
    except errors.NotFound as problem:
        raise Http404(problem.message) from None
