"""What the pages share: finding a row or the 404 page, the steps of a job, and a service's refusal as a message."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest
from django.utils.translation import gettext as _

from core import dispatch, errors
from core.members import signed_in
from core.models import Job
from core.services import jobs as job_services

Row = TypeVar("Row")
JOB_MOVES = ("cancel", "resume")


def find(read: Callable[[int], Row], pk: int) -> Row:
    """The row, or the 404 page."""
    try:
        return read(pk)
    except errors.NotFound as problem:
        raise Http404(problem.message) from None


def move_job(request: HttpRequest, job: Job | None, move: str) -> None:
    """Cancel or resume the job behind a page; what cannot be done is said on the page."""
    if job is None:
        messages.error(request, _("There is no job to do this with."))
    elif move == "cancel":
        if not job_services.cancel_job(job, actor=signed_in(request)):
            messages.info(request, _("The job had ended already."))
    else:
        attempt(request, lambda: dispatch.send_on_commit(job_services.resume_job(job, actor=signed_in(request))))


def attempt(request: HttpRequest, step: Callable[[], Any], done: str = "") -> bool:
    """Take a step; say `done`, or the sentences of the refusal. What the role does not include is the page for that."""
    try:
        step()
    except errors.Forbidden as problem:
        raise PermissionDenied(problem.message) from problem
    except errors.CopyliftError as problem:
        messages.error(request, " ".join(problem.sentences()))
        return False
    if done:
        messages.success(request, done)
    return True
