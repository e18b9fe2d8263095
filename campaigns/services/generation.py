"""Asking a model for copy, and the work itself: themes first, then audience by audience, going on after a kill.

The work is given its writer, so that it knows no torch and a test can hand it a fake. Each candidate is stored as it
comes, keyed by job, audience and index; the checkpoint holds the themes and names the audiences that are done. An
audience cut short is written again from the same seed and gives the same candidates, of which the stored ones are
passed over. A request that holds makes candidates for the copy studio, which nobody reviews before they are handed in;
the others go to review at once. One that asks for more like a copy writes for its audience, under its theme: the writer
is told the theme, and kept from the texts that are there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Protocol

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from campaigns import lifecycle, queries
from campaigns.models import Audience, Campaign, Copy
from campaigns.models.campaign import CampaignStatus
from campaigns.models.copies import CopyStatus
from campaigns.services.copies import store_candidate
from campaigns.services.guards import require, require_open
from campaigns.services.review_telling import tell_submitted
from campaigns.services.settling import settle_campaign
from core import audit, errors
from core.jobs import JobContext
from core.models import Job, User
from core.services.jobs import create_job
from models_ml.brief import Brief
from models_ml.channels import PARTS
from models_ml.drafting import Context
from models_ml.examples import Winner

MOST_PER_AUDIENCE = 50
# A test tells few ideas apart; more themes would be tried with too few copies each.
MOST_THEMES = 3
THEMES_STAGE = gettext_noop("themes")
LARGEST_SEED = 2**31 - 1
# What a brief takes of a theme; a person may have written more.
THEME_LENGTH = 80

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
        context: Context,
    ) -> Sequence[Mapping[str, Any]]:
        """Every candidate, with its brief_index, parts and provenance."""


class Themer(Protocol):
    """What finds themes: `models_ml.jobs.writing.write_themes`, or a fake."""

    def __call__(
        self, briefs: Sequence[Brief], *, count: int, seed: int, should_stop: Callable[[], bool], job_id: str | None
    ) -> Sequence[Mapping[str, Any]]:
        """Up to `count` themes for the campaign, each with its `text`, the best supported first."""


@transaction.atomic
def request_generation(
    campaign: Campaign,
    *,
    per_audience: int,
    actor: User,
    seed: int | None = None,
    hold: bool = False,
    like: Copy | None = None,
) -> Job:
    """A waiting job that writes `per_audience` copies for each audience, or more `like` one; the door sends it.

    With `hold` they are candidates, to be handed in later. Without a seed each request gets the next one, so that
    asking again gives other texts. Raises InvalidInput for a number out of range or a copy without a theme, Conflict
    where copy is being written or the campaign was launched, Forbidden without the role.
    """
    require(actor, "campaigns.generate_copy", _("ask a model for copy"))
    _check_whole("per_audience", per_audience, 1, MOST_PER_AUDIENCE)
    if seed is not None:
        _check_whole("seed", seed, 0, LARGEST_SEED)
    if like is not None:
        _check_like(campaign, like)
    settle_campaign(campaign)
    require_open(campaign, _("no copy can be added"))
    for audience in queries.ordered_audiences(campaign):
        queries.brief_of(campaign, audience)
    if not _begin(campaign):
        raise errors.Conflict(_("Copy is being written for this campaign already."), code="already_generating")
    job = create_job(
        task_name=queries.GENERATE_TASK,
        queue="gpu",
        title=gettext_noop("Write copy for %(name)s") % {"name": campaign.name},
        arguments={
            "campaign": campaign.pk,
            "per_audience": per_audience,
            "seed": _next_seed(campaign) if seed is None else seed,
            "requested_by": actor.pk,
            **({"hold": True} if hold else {}),
            **({"like": like.pk} if like is not None else {}),
        },
        target=campaign,
        created_by=actor,
    )
    audit.record("campaign.generation_asked", campaign, actor=actor, job=str(job.pk), per_audience=per_audience)
    return job


def write_copy(job: JobContext, *, writer: Writer, themer: Themer | None = None) -> dict[str, Any]:
    """The work of one job. Answers what was asked for and what was written, with an honest sentence.

    Without a `themer` each copy brings its own theme. Raises Conflict where the campaign was launched in the meantime
    or nothing at all could be written.
    """
    campaign = Campaign.objects.select_related("brand").get(pk=job.arguments["campaign"])
    require_open(campaign, _("no copy can be added"))
    _begin(campaign)
    like = _like(job)
    audiences = queries.ordered_audiences(campaign) if like is None else [like.audience]
    themes = _themes(job, campaign, audiences, themer) if like is None else (like.theme[:THEME_LENGTH],)
    desk = _Desk(job, campaign, writer, themes, _winners(campaign))
    done = list(job.checkpoint.get("done", []))
    for position, audience in enumerate(audiences):
        if audience.key not in done:
            _write_for(desk, audience, place=(position, len(audiences)))
            done.append(audience.key)
            job.save_checkpoint({**job.checkpoint, "done": done})
    if not desk.hold:
        tell_submitted(Copy.objects.filter(job=job.job, status=CopyStatus.PENDING), actor=desk.requested_by)
    return _summary(job, campaign, audiences)


@dataclass
class _Desk:
    """What lies ready for every audience of one job."""

    job: JobContext
    campaign: Campaign
    writer: Writer
    themes: tuple[str, ...]
    winners: tuple[Winner, ...]

    @property
    def asked(self) -> int:
        """Copies wanted for each audience."""
        return int(self.job.arguments["per_audience"])

    @property
    def hold(self) -> bool:
        """Whether somebody chooses among them before a review."""
        return bool(self.job.arguments.get("hold"))

    @cached_property
    def requested_by(self) -> User:
        """Who asked."""
        return User.objects.get(pk=self.job.arguments["requested_by"])

    def dressed(self, candidate: Mapping[str, Any]) -> Mapping[str, Any]:
        """The candidate, with the copy it shall be like in its provenance."""
        like = self.job.arguments.get("like")
        return {**candidate, "provenance": {**candidate.get("provenance", {}), "like": like}} if like else candidate


def _themes(
    job: JobContext, campaign: Campaign, audiences: Sequence[Audience], themer: Themer | None
) -> tuple[str, ...]:
    """The campaign's themes for this job, found once: a second attempt writes under those of the first."""
    if themer is None:
        return ()
    if "themes" not in job.checkpoint:
        job.progress(0, THEMES_STAGE, gettext_noop("looking for themes"))
        briefs = [queries.brief_of(campaign, audience) for audience in audiences]
        count = min(MOST_THEMES, job.arguments["per_audience"])
        found = themer(
            briefs, count=count, seed=job.arguments["seed"], should_stop=job.should_stop, job_id=str(job.job.pk)
        )
        job.check()
        themes = [str(theme["text"]) for theme in found]
        job.log(f"Themes: {'; '.join(themes)}" if themes else "No theme stood out; each copy brings its own.")
        job.save_checkpoint({**job.checkpoint, "themes": themes})
    return tuple(job.checkpoint["themes"])


def _winners(campaign: Campaign) -> tuple[Winner, ...]:
    return tuple(Winner.from_json(one) for one in queries.past_winners(without_campaign=campaign.pk))


def _write_for(desk: _Desk, audience: Audience, *, place: tuple[int, int]) -> None:
    campaign, job, asked = desk.campaign, desk.job, desk.asked
    brief = queries.brief_of(campaign, audience)
    taken = _taken(desk, audience)
    position, of = place
    seen = 0

    def tell() -> None:
        percent = 100 * (position + seen / asked) / of
        said = gettext_noop("%(audience)s: %(seen)s of %(asked)s candidates")
        job.progress(percent, audience.name_en, said % {"audience": audience.name_en, "seen": seen, "asked": asked})

    def keep(candidates: Sequence[Mapping[str, Any]]) -> None:
        nonlocal seen
        for candidate in candidates:
            copy = store_candidate(
                job=job.job, campaign=campaign, audience=audience, index=seen, candidate=desk.dressed(candidate),
                requested_by=desk.requested_by, hold=desk.hold,
            )  # fmt: skip
            seen += 1
            taken.append({part: str(candidate[part]) for part in PARTS})
            tell()
            if copy is not None:
                job.log(f"{audience.name_en} {seen} of {asked}: {copy.shown('headline')}")

    tell()
    for count, briefs in shares(brief, desk.themes, asked):
        desk.writer(
            briefs,
            values=[queries.facts_of(campaign, brief)] * len(briefs),
            per_brief=count,
            seed=job.arguments["seed"],
            should_stop=job.should_stop,
            on_batch=keep,
            context=Context(
                campaign=campaign.key,
                winners=desk.winners,
                taken=tuple(taken),
                label=queries.label_of(campaign),
                job_id=str(job.job.pk),
            ),
        )
        # A writer that was told to stop comes back with what it had: this audience is not done then.
        job.check()


def shares(brief: Brief, themes: Sequence[str], asked: int) -> list[tuple[int, list[Brief]]]:
    """How many copies for which briefs: `asked` dealt out over the themes, the first ones taking what is left over."""
    if not themes:
        return [(asked, [brief])]
    themed = [replace(brief, theme=theme) for theme in themes[:asked]]
    each, over = divmod(asked, len(themed))
    dealt = [(each + 1, themed[:over]), (each, themed[over:])]
    return [(count, briefs) for count, briefs in dealt if briefs]


def _taken(desk: _Desk, audience: Audience) -> list[dict[str, str]]:
    """What the campaign has for other audiences, and of this one what was there before, rejected texts too.

    None comes twice. What came since the request is left out: an attempt after a kill writes it again.
    """
    before = Q(created_at__lt=desk.job.job.created_at)
    others = Copy.objects.filter(~Q(audience=audience) | before, campaign=desk.campaign)
    return [queries.written_parts(copy) for copy in others.order_by("pk")]


def _like(job: JobContext) -> Copy | None:
    wanted = job.arguments.get("like")
    return Copy.objects.select_related("audience").get(pk=wanted) if wanted else None


def _check_like(campaign: Campaign, like: Copy) -> None:
    if like.campaign_id != campaign.pk:
        raise errors.InvalidInput.field("like", _("is not a copy of this campaign."))
    if not like.theme.strip():
        raise errors.InvalidInput.field("like", _("has no theme to write under. Edit it and name one."))


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
            _("The model wrote nothing that could be used and was not there already. Change the brief or the seed."),
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
        sentence = _("must be a whole number from %(low)s to %(high)s.") % {"low": low, "high": high}
        raise errors.InvalidInput.field(field, sentence)
