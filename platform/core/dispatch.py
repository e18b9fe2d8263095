"""Sending a job's message to the broker, after the transaction that made it. A broker that is down loses nothing.

The message only wakes a worker: the row is the truth, and the sweeper sends again what nobody took.
"""

from __future__ import annotations

import logging
import time
from functools import partial
from typing import Any

from celery import Task, current_app
from django.db import transaction
from kombu.exceptions import OperationalError

from core.models import Job
from core.services import jobs

logger = logging.getLogger(__name__)

QUIET_SECONDS = 60.0
# Until when this process leaves a broker alone that did not answer, on the monotonic clock.
_quiet_until = [0.0]


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


def wish(task: Task[Any, Any], *arguments: Any, expires: float = 60) -> bool:
    """Ask for work that no row stands for and nobody waits for, such as a picture; False where it could not be asked.

    To find out that a broker is away takes seconds, which a page must not spend again and again: it is asked once a
    minute then.
    """
    if time.monotonic() < _quiet_until[0]:
        return False
    try:
        task.apply_async(arguments, retry=False, expires=expires)
    except (OperationalError, OSError):
        _quiet_until[0] = time.monotonic() + QUIET_SECONDS
        logger.warning("the broker does not answer; it is asked again in a minute", extra={"task": task.name})
        return False
    return True
