"""Asking a model for copy: stored once, progress by candidate, resumed after a kill, cancelled, honest at the end."""

from __future__ import annotations

from typing import Any

import pytest

from campaigns import services
from campaigns.models import Campaign, Copy
from core import errors
from core.jobs import JobContext
from core.models import AuditEntry, Job
from core.models.job import Status
from core.services import jobs
from tests import people
from tests.campaigns import shop

pytestmark = pytest.mark.django_db


def status(campaign: Campaign) -> str:
    """As it stands now."""
    return Campaign.objects.values_list("status", flat=True).get(pk=campaign.pk)


def test_a_request_makes_one_waiting_job_and_moves_the_campaign() -> None:
    alice = people.alice()
    campaign = shop.draft(alice)
    job = services.request_generation(campaign, per_audience=3, actor=alice)
    assert (job.status, job.queue, job.task_name) == ("queued", "gpu", "campaigns.generate_copy")
    assert job.arguments == {"campaign": campaign.pk, "per_audience": 3, "seed": 1, "requested_by": alice.pk}
    assert status(campaign) == "generating"
    assert AuditEntry.objects.filter(action="campaign.generation_asked").count() == 1


def test_every_audience_gets_its_copies_filled_and_checked() -> None:
    alice = people.alice()
    campaign = shop.generated(alice, per_audience=3)
    assert status(campaign) == "review"
    counts = [Copy.objects.filter(campaign=campaign, audience__key=key).count() for key in ("everyone", "students")]
    assert counts == [3, 3]
    first = Copy.objects.order_by("id")[0]
    assert first.headline == "{product}, {discount} off"
    assert first.filled["headline"] == "Canvas Tote, 20% off"
    assert (first.status, first.version, first.author, first.requested_by) == ("pending", 1, None, alice)
    assert first.provenance == {"source": "model", "model_id": "fake", "seed": 1, "draw": 0}
    assert first.findings.count() == 0
    job = Job.objects.get()
    assert job.result == {
        "asked": 6,
        "written": 6,
        "blocked": 0,
        "by_audience": {"students": 3, "everyone": 3},
        "message": "6 of 6 written; 0 blocked by the checks.",
    }


def test_progress_names_the_audience_and_the_candidate() -> None:
    alice = people.alice()
    job = services.request_generation(shop.draft(alice), per_audience=4, actor=alice)
    seen: list[tuple[float, str]] = []

    class Watching(shop.FakeWriter):
        def __call__(self, *args: Any, **options: Any) -> list[dict[str, Any]]:
            inner = options["on_batch"]

            def watched(batch: Any) -> None:
                inner(batch)
                row = Job.objects.get(pk=job.pk)
                seen.append((row.percent, row.message))

            return super().__call__(*args, **{**options, "on_batch": watched})

    import core.jobs

    every = core.jobs.REPORT_EVERY_SECONDS
    core.jobs.REPORT_EVERY_SECONDS = 0
    try:
        shop.run(job, Watching())
    finally:
        core.jobs.REPORT_EVERY_SECONDS = every
    assert seen == [
        (25, "Students: 2 of 4 candidates"),
        (50, "Students: 4 of 4 candidates"),
        (75, "Everyone: 2 of 4 candidates"),
        (100, "Everyone: 4 of 4 candidates"),
    ]
    assert Job.objects.get(pk=job.pk).log_tail.splitlines()[0] == "Students 1 of 4: Canvas Tote, 20% off"


def test_a_job_killed_in_an_audience_goes_on_and_stores_nothing_twice() -> None:
    alice = people.alice()
    campaign = shop.draft(alice)
    job = services.request_generation(campaign, per_audience=4, actor=alice)
    first = shop.FakeWriter(fail_after=6)

    held = jobs.claim_job(job.pk)
    assert held is not None
    with pytest.raises(ConnectionError):
        services.write_copy(JobContext(held), writer=first)
    assert Copy.objects.count() == 6
    assert Job.objects.get(pk=job.pk).checkpoint == {"done": ["students"]}
    # The sweeper finds the lease run out and queues it again.
    Job.objects.filter(pk=job.pk).update(status="queued", lease=None, lease_expires_at=None)
    second = shop.FakeWriter()
    done = shop.run(job, second)
    assert second.calls == [("everyone", 1)]
    assert (done.status, done.attempt) == (Status.SUCCEEDED, 2)
    assert Copy.objects.count() == 8
    assert Copy.objects.values("audience", "candidate_index").distinct().count() == 8
    assert status(campaign) == "review"


def test_a_job_run_again_whole_stores_nothing_twice() -> None:
    alice = people.alice()
    campaign = shop.generated(alice)
    job = Job.objects.get()
    Job.objects.filter(pk=job.pk).update(status="queued", checkpoint={})
    shop.run(job, shop.FakeWriter())
    assert Copy.objects.count() == 4
    assert status(campaign) == "review"


def test_a_cancel_ends_the_job_and_keeps_what_was_written() -> None:
    alice = people.alice()
    campaign = shop.draft(alice)
    job = services.request_generation(campaign, per_audience=4, actor=alice)

    class Cancelling(shop.FakeWriter):
        def __call__(self, *args: Any, **options: Any) -> list[dict[str, Any]]:
            inner = options["on_batch"]

            def cancel(batch: Any) -> None:
                inner(batch)
                jobs.cancel_job(job, actor=alice)

            return super().__call__(*args, **{**options, "on_batch": cancel})

    ended = shop.run(job, Cancelling())
    assert ended.status == Status.CANCELLED
    # The wish is noticed at the next report, which is after the next candidate is stored.
    assert Copy.objects.filter(audience__key="everyone").count() == 0
    assert Copy.objects.filter(audience__key="students").count() == 3
    assert status(campaign) == "review"


def test_a_job_cancelled_before_it_began_frees_the_campaign() -> None:
    alice = people.alice()
    campaign = shop.draft(alice)
    job = services.request_generation(campaign, per_audience=1, actor=alice)
    jobs.cancel_job(job, actor=alice)
    again = services.request_generation(campaign, per_audience=1, actor=alice)
    assert again.arguments["seed"] == 2
    jobs.cancel_job(again, actor=alice)
    assert services.settle_campaign(campaign) == "draft"
    assert status(campaign) == "draft"


def test_fewer_than_asked_is_said() -> None:
    alice = people.alice()
    shop.generated(alice, per_audience=3, writer=shop.FakeWriter(fewer=1))
    result = Job.objects.get().result
    assert result is not None
    assert (result["asked"], result["written"]) == (6, 4)
    assert result["message"] == (
        "4 of 6 written; 0 blocked by the checks. Fewer than asked for: Students 2 of 3, Everyone 2 of 3; "
        "the rest did not follow the brief or repeated a text."
    )


def test_nothing_written_is_a_failure() -> None:
    alice = people.alice()
    campaign = shop.generated(alice, per_audience=2, writer=shop.FakeWriter(fewer=2))
    job = Job.objects.get()
    assert job.status == Status.FAILED
    assert job.error == {
        "code": "nothing_written",
        "message": "The model wrote nothing that could be used and was not there already. "
        "Change the brief or the seed.",
    }
    assert status(campaign) == "draft"
    assert Copy.objects.count() == 0


def test_the_same_seed_again_adds_no_twins() -> None:
    alice = people.alice()
    campaign = shop.generated(alice)
    job = services.request_generation(campaign, per_audience=2, actor=alice, seed=1)
    assert shop.run(job, shop.FakeWriter()).status == Status.FAILED
    assert Copy.objects.count() == 4
    assert status(campaign) == "review"


def test_two_requests_at_once_give_one_job() -> None:
    alice = people.alice()
    campaign = shop.draft(alice)
    services.request_generation(campaign, per_audience=1, actor=alice)
    with pytest.raises(errors.Conflict, match="Copy is being written for this campaign already") as problem:
        services.request_generation(campaign, per_audience=1, actor=alice)
    assert problem.value.code == "already_generating"
    assert Job.objects.count() == 1


@pytest.mark.parametrize("wrong", [0, 51, -1, True, 2.0, "3"])
def test_a_number_out_of_range_is_refused(wrong: Any) -> None:
    alice = people.alice()
    campaign = shop.draft(alice)
    with pytest.raises(errors.InvalidInput) as problem:
        services.request_generation(campaign, per_audience=wrong, actor=alice)
    assert problem.value.problems[0].field == "per_audience"
    assert problem.value.problems[0].message == "must be a whole number from 1 to 50."
    assert (Job.objects.count(), status(campaign)) == (0, "draft")


def test_only_a_marketer_may_ask() -> None:
    campaign = shop.draft(people.alice())
    for other in (people.bob(), people.charlie()):
        with pytest.raises(errors.Forbidden, match="You may not ask a model for copy"):
            services.request_generation(campaign, per_audience=1, actor=other)
    assert (Job.objects.count(), status(campaign)) == (0, "draft")


def test_a_launched_campaign_gets_no_more_copy() -> None:
    campaign = shop.launched()
    alice = campaign.created_by
    assert alice is not None
    with pytest.raises(errors.Conflict, match="is running, so no copy can be added"):
        services.request_generation(campaign, per_audience=1, actor=alice)
    assert Job.objects.count() == 1


def test_a_job_that_comes_after_the_launch_writes_nothing() -> None:
    campaign = shop.launched()
    job = Job.objects.get()
    Job.objects.filter(pk=job.pk).update(status="queued", checkpoint={})
    before = Copy.objects.count()
    ended = shop.run(job, shop.FakeWriter())
    assert ended.error == {
        "code": "campaign_closed",
        "message": "The campaign “Autumn bags” is running, so no copy can be added.",
    }
    assert (Copy.objects.count(), status(campaign)) == (before, "running")


# The heartbeat has a connection of its own: it must see the job however long the model takes.
@pytest.mark.django_db(transaction=True)
def test_the_task_lets_the_real_model_write_and_settles_the_campaign() -> None:
    from campaigns.tasks import generate_copy

    alice = people.alice()
    everyone = shop.audiences()[:1]
    campaign = shop.draft(alice, audiences=everyone)
    job = services.request_generation(campaign, per_audience=2, actor=alice)
    generate_copy(str(job.pk))
    generate_copy(str(job.pk))
    done = Job.objects.get(pk=job.pk)
    assert (done.status, done.attempt) == (Status.SUCCEEDED, 1)
    first, second = Copy.objects.order_by("id")
    assert first.content_hash != second.content_hash
    assert "20%" in " ".join(first.filled.values())
    assert first.provenance["run_seed"] == 1
    assert status(campaign) == "review"


def test_the_task_settles_a_campaign_whose_job_was_cancelled_before() -> None:
    from campaigns.tasks import generate_copy

    alice = people.alice()
    campaign = shop.draft(alice)
    job = services.request_generation(campaign, per_audience=1, actor=alice)
    jobs.cancel_job(job, actor=alice)
    generate_copy(str(job.pk))
    assert status(campaign) == "draft"


def test_the_sweep_frees_a_campaign_whose_job_ended_without_its_task() -> None:
    from campaigns.tasks import settle_campaigns

    alice = people.alice()
    campaign = shop.draft(alice)
    job = services.request_generation(campaign, per_audience=1, actor=alice)
    assert settle_campaigns() == 0
    assert status(campaign) == "generating"
    Job.objects.filter(pk=job.pk).update(status="failed")
    assert settle_campaigns() == 1
    assert status(campaign) == "draft"
