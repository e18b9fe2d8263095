"""Periodic work of the ground."""

from __future__ import annotations

from celery import shared_task

from core import dispatch
from core.services import jobs, notices, webhook_sending, webhooks

# One run sends no more than this, so that a slow receiver holds a worker for minutes, not hours.
WEBHOOKS_A_RUN = 30


@shared_task(name="core.sweep_jobs", ignore_result=True)
def sweep_jobs() -> int:
    """Send every waiting job that nobody took, after putting back those whose worker died. Returns how many."""
    return sum(dispatch.send(job) for job in jobs.requeue_lost_jobs())


@shared_task(name="core.deliver_webhooks", ignore_result=True)
def deliver_webhooks() -> int:
    """Send what is due, one after the other; several runs at once share the work. Returns how many were tried."""
    for tried in range(WEBHOOKS_A_RUN):
        row = webhook_sending.claim()
        if row is None:
            return tried
        webhook_sending.send(row)
    return WEBHOOKS_A_RUN


@shared_task(name="core.forget_deliveries", ignore_result=True)
def forget_deliveries() -> int:
    """Delete what other systems took long ago. For the beat; returns how many went."""
    return webhooks.forget_taken()


@shared_task(name="core.mail_notices", ignore_result=True)
def mail_notices() -> int:
    """Mail what members asked to be mailed. For the beat; one query where nothing waits."""
    return notices.mail_due()
