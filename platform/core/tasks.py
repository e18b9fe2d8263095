"""Periodic work of the ground."""

from __future__ import annotations

from celery import shared_task

from core import dispatch
from core.services import jobs


@shared_task(name="core.sweep_jobs", ignore_result=True)
def sweep_jobs() -> int:
    """Send every waiting job that nobody took, after putting back those whose worker died. Returns how many."""
    return sum(dispatch.send(job) for job in jobs.requeue_lost_jobs())
