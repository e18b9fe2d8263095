"""Running a job: claim it, keep its lease alive, report, notice a cancel, and end it in exactly one way.

    @shared_task(name="campaigns.generate_copy")
    def generate_copy(job_id: str) -> None:
        run_job(job_id, work)

    def work(job: JobContext) -> dict[str, Any]:
        for step in range(job.checkpoint.get("step", 0), 10):
            job.progress(10 * step, "writing", f"step {step} of 10")
            job.save_checkpoint({"step": step})
        return {"written": 10}

A heartbeat thread renews the lease, so that work inside one long library call keeps its job; the same thread reads the
wish to cancel. Work may run twice after a kill: it goes on from its checkpoint and must write idempotently.
"""

from __future__ import annotations

import logging
import threading
import time
import traceback
from collections.abc import Callable
from typing import Any, Self

from django.db import Error, connection
from django.utils import translation

from core import errors
from core.models import Job
from core.request_id import enter_request
from core.services import jobs

logger = logging.getLogger(__name__)

HEARTBEAT_SECONDS = 4.0
# A bar that moves three times a second is smooth; more writes would only load the database.
REPORT_EVERY_SECONDS = 0.3


class JobCancelled(Exception):
    """Raised inside the work when somebody cancelled it."""


class LeaseLost(Exception):
    """Raised inside the work when another worker holds the job now: stop without writing."""


class JobContext:
    """What the work may do with its job."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.arguments: dict[str, Any] = job.arguments
        self.checkpoint: dict[str, Any] = job.checkpoint
        self.cancelled = threading.Event()
        self.lost = threading.Event()
        self._log: list[str] = job.log_tail.splitlines()
        self._reported_at = 0.0
        self._stage = job.stage

    def progress(self, percent: float, stage: str = "", message: str = "") -> None:
        """Say how far the work is (0 to 100). Raises JobCancelled or LeaseLost where the work must stop."""
        self.check()
        now = time.monotonic()
        if stage == self._stage and now - self._reported_at < REPORT_EVERY_SECONDS:
            return
        self._reported_at, self._stage = now, stage
        self._write(percent=min(100.0, max(0.0, percent)), stage=stage[:60], message=message[:300])

    def log(self, line: str) -> None:
        """Add a line to the log tail on the job's page."""
        self._log.append(line)
        tail = "\n".join(self._log)[-jobs.LOG_TAIL_CHARACTERS :]
        self._log = tail.splitlines()
        self._write(log_tail=tail)

    def save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Where a second attempt goes on. Replaces the earlier one."""
        self.checkpoint = checkpoint
        self._write(checkpoint=checkpoint)

    def check(self) -> None:
        """Raise where the work must stop."""
        if self.lost.is_set():
            raise LeaseLost
        if self.cancelled.is_set():
            raise JobCancelled

    def should_stop(self) -> bool:
        """The same as a question, for libraries that ask."""
        return self.lost.is_set() or self.cancelled.is_set()

    def _write(self, **fields: Any) -> None:
        if not jobs.report(self.job, **fields):
            self.lost.set()
            raise LeaseLost
        if Job.objects.filter(pk=self.job.pk, cancel_requested_at__isnull=False).exists():
            self.cancelled.set()
            raise JobCancelled


def run_job(job_id: str, work: Callable[[JobContext], dict[str, Any] | None]) -> None:
    """Run `work` for a waiting job. Returns at once where the job is not waiting: a message may arrive twice."""
    job = jobs.claim_job(job_id)
    if job is None:
        logger.info("the job is not waiting", extra={"job": job_id})
        return
    enter_request(f"job-{job_id}")
    context = JobContext(job)
    # What the work says is stored once and put into each reader's language at the page (core.localised).
    with Heartbeat(context), translation.override("en"):
        _work_and_end(context, work)


def _work_and_end(context: JobContext, work: Callable[[JobContext], dict[str, Any] | None]) -> None:
    job = context.job
    try:
        result = work(context)
    except JobCancelled:
        jobs.stop_job(job)
    except LeaseLost:
        logger.warning("another worker holds the job now", extra={"job": str(job.pk)})
    except errors.CopyliftError as problem:
        jobs.fail_job(job, code=problem.code, message=" ".join(problem.sentences())[:2000])
    except (SystemExit, KeyboardInterrupt):
        jobs.release_job(job)
        raise
    except Exception as problem:
        logger.exception("the job failed", extra={"job": str(job.pk)})
        _keep_traceback(context)
        jobs.fail_job(job, code="internal_error", message=f"{type(problem).__name__}: {problem}"[:2000])
    else:
        jobs.finish_job(job, result=result)


def _keep_traceback(context: JobContext) -> None:
    try:
        context.log(traceback.format_exc())
    except (JobCancelled, LeaseLost, Error):
        logger.warning("the traceback could not be kept on the job", extra={"job": str(context.job.pk)})


class Heartbeat:
    """A thread that renews the lease and reads the wish to cancel, on a connection of its own."""

    def __init__(self, context: JobContext) -> None:
        self._context = context
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="job-heartbeat", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(timeout=HEARTBEAT_SECONDS)

    def _beat(self) -> None:
        try:
            while not self._stop.wait(HEARTBEAT_SECONDS):
                self._once()
        finally:
            connection.close()

    def _once(self) -> None:
        job = self._context.job
        try:
            if not jobs.renew_lease(job) and not self._stop.is_set():
                self._context.lost.set()
            elif Job.objects.filter(pk=job.pk, cancel_requested_at__isnull=False).exists():
                self._context.cancelled.set()
        except Error:
            # The database is away for a moment: the lease outlives several beats, so try again at the next.
            logger.warning("the heartbeat could not reach the database", extra={"job": str(job.pk)})
            connection.close()
