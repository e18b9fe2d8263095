"""Sending a job's message to the broker, after the transaction that made it. A broker that is down loses nothing.

The message only wakes a worker: the row is the truth, and the sweeper sends again what nobody took.
"""

from __future__ import annotations

import logging
from functools import partial

from celery import current_app
from django.db import transaction
from kombu.exceptions import OperationalError

from core.models import Job
from core.services import jobs

logger = logging.getLogger(__name__)


def send_on_commit(job: Job) -> None:
    """Wake a worker once the row can be seen by it. For doors; services never schedule."""
    transaction.on_commit(partial(send, job))


def send(job: Job) -> bool:
    """Wake a worker now. False where the broker does not answer; the job stays waiting."""
    try:
        current_app.send_task(job.task_name, args=[str(job.pk)], queue=job.queue, retry=False)
    except (OperationalError, OSError):
        logger.warning("the broker does not answer; the job waits", extra={"job": str(job.pk)})
        return False
    jobs.note_sent(job.pk)
    return True
