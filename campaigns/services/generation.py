"""Asking a model for copy, and the work itself: audience by audience, going on after a kill where it stood.

The work is given its writer, so that it knows no torch and a test can hand it a fake. Each candidate is stored as it
comes, keyed by job, audience and index; the checkpoint names the audiences that are done. An audience cut short is
written again from the same seed and gives the same candidates, of which the stored ones are passed over.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from django.db import transaction

from campaigns import lifecycle, queries
from campaigns.models import Audience, Campaign, Copy
from campaigns.models.campaign import CampaignStatus
from campaigns.services.copies import store_candidate
from campaigns.services.guards import require, require_open
from campaigns.services.settling import settle_campaign
from core import audit, errors
from core.jobs import JobContext
from core.models import Job, User
from core.services.jobs import create_job
from models_ml.brief import Brief

MOST_PER_AUDIENCE = 50
LARGEST_SEED = 2**31 - 1

OnBatch = Callable[[Sequence[Mapping[str, Any]]], None]


class Writer(Protocol):
    """What writes: `models_ml.jobs.writing.generate_candidates`, or a fake. `on_batch` gets each batch as it comes."""

    def __call__(
        self,
        briefs: Sequence[Brief],
        *,
        values: Sequence[Mapping[str, str]],
        per_brief: int,
        seed: int,
        should_stop: Callable[[], bool],
        on_batch: OnBatch,
    ) -> Sequence[Mapping[str, Any]]:
        """Every candidate, with its brief_index, parts and provenance."""


@transaction.atomic
def request_generation(campaign: Campaign, *, per_audience: int, actor: User, seed: int | None = None) -> Job:
    """A waiting job that writes `per_audience` copies for each audience; the door sends it.

    Without a seed each request gets the next one, so that asking again gives other texts. Raises InvalidInput for a
    number out of range, Conflict where copy is being written or the campaign was launched, Forbidden without the role.
    """
    require(actor, "campaigns.generate_copy", "ask a model for copy")
    _check_whole("per_audience", per_audience, 1, MOST_PER_AUDIENCE)
    if seed is not None:
        _check_whole("seed", seed, 0, LARGEST_SEED)
    settle_campaign(campaign)
    require_open(campaign, "no copy can be added")
    for audience in queries.ordered_audiences(campaign):
        queries.brief_of(campaign, audience)
    if not _begin(campaign):
        raise errors.Conflict("Copy is being written for this campaign already.", code="already_generating")
    job = create_job(
        task_name=queries.GENERATE_TASK,
        queue="gpu",
        title=f"Write copy for {campaign.name}",
        arguments={
            "campaign": campaign.pk,
            "per_audience": per_audience,
            "seed": _next_seed(campaign) if seed is None else seed,
            "requested_by": actor.pk,
        },
        target=campaign,
        created_by=actor,
    )
    audit.record("campaign.generation_asked", campaign, actor=actor, job=str(job.pk), per_audience=per_audience)
    return job


def write_copy(job: JobContext, *, writer: Writer) -> dict[str, Any]:
    """The work of one job. Answers what was asked for and what was written, with an honest sentence.

    Raises Conflict where the campaign was launched in the meantime or nothing at all could be written.
    """
    campaign = Campaign.objects.select_related("brand").get(pk=job.arguments["campaign"])
    require_open(campaign, "no copy can be added")
    _begin(campaign)
    audiences = queries.ordered_audiences(campaign)
    done = list(job.checkpoint.get("done", []))
    for position, audience in enumerate(audiences):
        if audience.key not in done:
            _write_for(job, campaign, audience, place=(position, len(audiences)), writer=writer)
            done.append(audience.key)
            job.save_checkpoint({"done": done})
    return _summary(job, campaign, audiences)


def _write_for(
    job: JobContext, campaign: Campaign, audience: Audience, *, place: tuple[int, int], writer: Writer
) -> None:
    asked, brief = job.arguments["per_audience"], queries.brief_of(campaign, audience)
    requested_by = User.objects.get(pk=job.arguments["requested_by"])
    position, of = place
    seen = 0

    def tell() -> None:
        percent = 100 * (position + seen / asked) / of
        job.progress(percent, audience.name_en, f"{audience.name_en}: {seen} of {asked} candidates")

    def keep(candidates: Sequence[Mapping[str, Any]]) -> None:
        nonlocal seen
        for candidate in candidates:
            copy = store_candidate(
                job=job.job, campaign=campaign, audience=audience, index=seen, candidate=candidate,
                requested_by=requested_by,
            )  # fmt: skip
            seen += 1
            tell()
            if copy is not None:
                job.log(f"{audience.name_en} {seen} of {asked}: {copy.shown('headline')}")

    tell()
    writer(
        [brief],
        values=[queries.facts_of(campaign, brief)],
        per_brief=asked,
        seed=job.arguments["seed"],
        should_stop=job.should_stop,
        on_batch=keep,
    )
    # A writer that was told to stop comes back with what it had: this audience is not done then.
    job.check()


def _summary(job: JobContext, campaign: Campaign, audiences: Sequence[Audience]) -> dict[str, Any]:
    asked = job.arguments["per_audience"]
    mine = Copy.objects.filter(job=job.job, campaign=campaign, candidate_index__isnull=False)
    written = {audience.key: mine.filter(audience=audience).count() for audience in audiences}
    blocked = mine.filter(findings__severity="block").distinct().count()
    short = [f"{audience.name_en} {written[audience.key]} of {asked}" for audience in audiences
             if written[audience.key] < asked]  # fmt: skip
    total, wanted = sum(written.values()), asked * len(audiences)
    if not total:
        raise errors.Conflict(
            "The model wrote nothing that could be used and was not there already. Change the brief or the seed.",
            code="nothing_written",
        )
    message = f"{total} of {wanted} written; {blocked} blocked by the checks."
    if short:
        message += f" Fewer than asked for: {', '.join(short)}; the rest did not follow the brief or repeated a text."
    job.log(message)
    return {"asked": wanted, "written": total, "blocked": blocked, "by_audience": written, "message": message}


def _begin(campaign: Campaign) -> bool:
    sources = lifecycle.sources(lifecycle.CAMPAIGN_MOVES, CampaignStatus.GENERATING)
    started = Campaign.objects.filter(pk=campaign.pk, status__in=sources).update(status=CampaignStatus.GENERATING)
    return bool(started)


def _next_seed(campaign: Campaign) -> int:
    asked = Job.objects.filter(
        task_name=queries.GENERATE_TASK, object_type=campaign._meta.label, object_id=str(campaign.pk)
    )
    return asked.count() + 1


def _check_whole(field: str, value: object, low: int, high: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise errors.InvalidInput.field(field, f"must be a whole number from {low} to {high}.")
