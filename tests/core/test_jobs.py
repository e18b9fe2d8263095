"""A job's life: claimed once, reported, cancelled, resumed from its checkpoint, taken back when its worker dies."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from core import errors, jobs
from core.models import AuditEntry, Job
from core.models.job import Status
from core.services import jobs as services
from tests import people

pytestmark = pytest.mark.django_db


def waiting(**fields: Any) -> Job:
    """A job nobody took yet."""
    job = services.create_job(task_name="tests.work", queue="default", title="Write copy", arguments={"n": 3})
    Job.objects.filter(pk=job.pk).update(**fields) if fields else None
    return Job.objects.get(pk=job.pk)


def state(job: Job) -> Job:
    """The row as it stands now."""
    return Job.objects.get(pk=job.pk)


def test_work_runs_once_and_its_result_is_kept() -> None:
    job = waiting()
    calls: list[dict[str, Any]] = []

    def work(context: jobs.JobContext) -> dict[str, Any]:
        calls.append(context.arguments)
        context.progress(50, "writing", "half")
        return {"written": 3}

    jobs.run_job(str(job.pk), work)
    jobs.run_job(str(job.pk), work)
    done = state(job)
    assert calls == [{"n": 3}]
    assert (done.status, done.percent, done.result, done.attempt) == (Status.SUCCEEDED, 100, {"written": 3}, 1)
    assert done.finished_at is not None
    assert done.lease is None


def test_only_one_worker_can_claim() -> None:
    job = waiting()
    assert services.claim_job(job.pk) is not None
    assert services.claim_job(job.pk) is None
    assert state(job).attempt == 1


def test_progress_is_seen_while_the_work_runs() -> None:
    job = waiting()
    seen: list[tuple[float, str, str]] = []

    def work(context: jobs.JobContext) -> None:
        context.progress(30, "writing", "3 of 10")
        row = state(job)
        seen.append((row.percent, row.stage, row.message))

    jobs.run_job(str(job.pk), work)
    assert seen == [(30, "writing", "3 of 10")]


def test_a_clear_error_is_kept_as_a_sentence() -> None:
    def work(context: jobs.JobContext) -> None:
        raise errors.InvalidInput.field("brief.offer", "is missing.")

    job = waiting()
    jobs.run_job(str(job.pk), work)
    assert state(job).status == Status.FAILED
    assert state(job).error == {"code": "invalid_input", "message": "brief.offer: is missing."}


def test_a_bug_is_kept_with_its_traceback() -> None:
    def work(context: jobs.JobContext) -> None:
        context.log("begun")
        msg = "no such thing"
        raise KeyError(msg)

    job = waiting()
    jobs.run_job(str(job.pk), work)
    failed = state(job)
    assert failed.error == {"code": "internal_error", "message": "KeyError: 'no such thing'"}
    assert failed.log_tail.startswith("begun\nTraceback")


def test_a_waiting_job_is_cancelled_at_once() -> None:
    job = waiting()
    assert services.cancel_job(job, actor=people.alice()) is True
    assert state(job).status == Status.CANCELLED
    assert services.claim_job(job.pk) is None
    assert services.cancel_job(job, actor=people.bob()) is False
    assert AuditEntry.objects.filter(action="job.cancelled").count() == 1


def test_running_work_notices_the_cancel_and_writes_no_more() -> None:
    job, alice = waiting(), people.alice()
    steps: list[int] = []

    def work(context: jobs.JobContext) -> None:
        for step in range(10):
            context.save_checkpoint({"step": step})
            steps.append(step)
            if step == 2:
                services.cancel_job(state(job), actor=alice)

    jobs.run_job(str(job.pk), work)
    assert steps == [0, 1, 2]
    assert state(job).status == Status.CANCELLED


def test_a_cancelled_job_resumes_from_its_checkpoint() -> None:
    job, alice = waiting(), people.alice()
    done: list[int] = []

    def work(context: jobs.JobContext) -> None:
        for step in range(context.checkpoint.get("next", 0), 4):
            done.append(step)
            context.save_checkpoint({"next": step + 1})
            if len(done) == 2:
                services.cancel_job(state(job), actor=alice)
                context.save_checkpoint({"next": step + 1})

    jobs.run_job(str(job.pk), work)
    services.resume_job(state(job), actor=alice)
    jobs.run_job(str(job.pk), work)
    assert done == [0, 1, 2, 3]
    assert state(job).status == Status.SUCCEEDED


@pytest.mark.parametrize("status", [Status.QUEUED, Status.RUNNING, Status.SUCCEEDED])
def test_only_an_ended_job_can_be_resumed(status: Status) -> None:
    job = waiting(status=status)
    with pytest.raises(errors.Conflict, match="Only a failed or cancelled job can be resumed"):
        services.resume_job(job, actor=people.alice())
    assert state(job).status == status


def lost(**fields: Any) -> Job:
    """A running job whose worker died a moment ago."""
    job = waiting(**fields)
    services.claim_job(job.pk)
    Job.objects.filter(pk=job.pk).update(lease_expires_at=timezone.now() - timedelta(seconds=1))
    return state(job)


def test_a_job_whose_worker_died_is_queued_again_once() -> None:
    job = lost()
    assert [found.pk for found in services.requeue_lost_jobs()] == []  # just made: its own message is on the way
    assert state(job).status == Status.QUEUED
    Job.objects.filter(pk=job.pk).update(created_at=timezone.now() - timedelta(minutes=1))
    assert [found.pk for found in services.requeue_lost_jobs()] == [job.pk]
    services.note_sent(job.pk)
    assert services.requeue_lost_jobs() == []


def test_a_job_whose_worker_always_dies_is_given_up() -> None:
    job = lost(attempt=4)
    services.requeue_lost_jobs()
    given_up = state(job)
    assert (given_up.status, given_up.error) == (
        Status.FAILED,
        {"code": "worker_lost", "message": "The worker died each time this was tried."},
    )


def test_a_cancelled_job_whose_worker_died_stays_cancelled() -> None:
    job = lost()
    Job.objects.filter(pk=job.pk).update(cancel_requested_at=timezone.now())
    services.requeue_lost_jobs()
    assert state(job).status == Status.CANCELLED


def test_a_job_with_a_live_lease_is_left_alone() -> None:
    job = waiting()
    services.claim_job(job.pk)
    assert services.requeue_lost_jobs() == []
    assert state(job).status == Status.RUNNING


def test_a_worker_that_lost_its_lease_writes_nothing_more() -> None:
    job = waiting()

    def work(context: jobs.JobContext) -> dict[str, Any]:
        Job.objects.filter(pk=job.pk).update(lease_expires_at=timezone.now() - timedelta(seconds=1))
        services.requeue_lost_jobs()
        services.claim_job(job.pk)  # another worker took it
        context.progress(90, "late", "too late")
        return {"late": True}

    jobs.run_job(str(job.pk), work)
    row = state(job)
    assert (row.status, row.percent, row.result, row.attempt) == (Status.RUNNING, 0, None, 2)


def test_a_worker_told_to_stop_gives_its_job_back() -> None:
    job = waiting()

    def work(context: jobs.JobContext) -> None:
        raise SystemExit

    with pytest.raises(SystemExit):
        jobs.run_job(str(job.pk), work)
    row = state(job)
    assert (row.status, row.attempt, row.sent_at) == (Status.QUEUED, 0, None)


def test_the_log_keeps_its_tail() -> None:
    job = waiting()

    def work(context: jobs.JobContext) -> None:
        for number in range(2000):
            context._log.append(f"line {number}")
        context.log("the end")

    jobs.run_job(str(job.pk), work)
    assert len(state(job).log_tail) <= services.LOG_TAIL_CHARACTERS
    assert state(job).log_tail.endswith("line 1999\nthe end")


def test_pages_show_a_job_and_cancel_it(client: Client) -> None:
    job = waiting()
    client.force_login(people.alice())
    assert "Write copy" in client.get(reverse("core:jobs")).content.decode()
    page = client.get(reverse("core:job", args=[job.pk])).content.decode()
    assert "hx-get" in page
    client.post(reverse("core:job_cancel", args=[job.pk]))
    assert state(job).status == Status.CANCELLED
    ended = client.get(reverse("core:job", args=[job.pk])).content.decode()
    assert 'hx-trigger="every' not in ended
    assert "Resume" in ended


def test_a_member_without_a_role_sees_no_job(client: Client) -> None:
    job = waiting()
    client.force_login(people.charlie())
    assert client.get(reverse("core:job", args=[job.pk])).status_code == 403
    assert client.post(reverse("core:job_cancel", args=[job.pk])).status_code == 403
    assert state(job).status == Status.QUEUED


def test_an_approver_sees_a_job_and_may_not_cancel_it(client: Client) -> None:
    job = waiting()
    client.force_login(people.bob())
    assert client.get(reverse("core:job", args=[job.pk])).status_code == 200
    assert client.post(reverse("core:job_cancel", args=[job.pk])).status_code == 403
    assert state(job).status == Status.QUEUED


def test_an_unknown_job_is_a_404_page(client: Client) -> None:
    client.force_login(people.alice())
    answer = client.get(reverse("core:job", args=["00000000-0000-0000-0000-000000000000"]))
    assert answer.status_code == 404
    assert "Nothing here" in answer.content.decode()
