"""Waves: one sending of a running campaign to its audiences, as a job; and what the beat does for waves without one.

A wave first gets a row for everybody in the audiences who has none in this campaign, then sends what is due. Both go on
after a kill without a checkpoint: the rows say what is left. What waits for the end of quiet hours, or for a mail
server, the beat sends later; the wave is over once nothing is left to hand over.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from campaigns import message_words as words
from campaigns.models import Campaign, Channel, Message, Wave
from campaigns.queries import delivery
from campaigns.queries.reading import campaign_by_key
from campaigns.queries.shoppers import reachable
from campaigns.services import gateways, handing, sending
from campaigns.services.guards import require
from core import audit, errors
from core.audit import Actor
from core.jobs import JobContext
from core.models import Job, User
from core.models.job import Status as JobStatus
from core.services import jobs

WAVE_TASK = "campaigns.send_wave"
ENROL_PART = 1000
# One run of the beat hands over no more than this, so that a slow mail server holds a worker for minutes, not hours.
PARTS_A_RUN = 20
COUNT_EVERY_SECONDS = 1.0
State = Wave.State
ENDED = {JobStatus.FAILED: State.FAILED, JobStatus.CANCELLED: State.CANCELLED}


@transaction.atomic
def start_wave(campaign: Campaign, *, actor: Actor) -> Wave:
    """A wave and the job that sends it. Raises Forbidden, Conflict with the sentence that says what is in the way.

    Who was left out of earlier waves is looked at again: no arm was ever decided for them.
    """
    if isinstance(actor, User):
        require(actor, "campaigns.add_wave", _("send messages"))
    campaign = Campaign.objects.select_for_update(of=("self",)).select_related("brand").get(pk=campaign.pk)
    require_sendable(campaign)
    member = actor if isinstance(actor, User) else None
    try:
        with transaction.atomic():
            wave = Wave.objects.create(campaign=campaign, channel=campaign.channel, created_by=member)
    except IntegrityError:
        raise _another_open() from None
    Message.objects.filter(campaign=campaign, state__in=delivery.LEFT_OUT).delete()
    # Jobs are listed for the whole team, so the title does not name a campaign that a stranger may not see.
    job = jobs.create_job(
        task_name=WAVE_TASK,
        queue="default",
        title=gettext_noop("Wave of messages %(number)s") % {"number": wave.pk},
        arguments={"wave": wave.pk},
        target=wave,
        created_by=member,
    )
    Wave.objects.filter(pk=wave.pk).update(job=job)
    audit.record("wave.started", wave, actor=actor, campaign=campaign.key, channel=wave.channel)
    return Wave.objects.select_related("job", "campaign").get(pk=wave.pk)


@transaction.atomic
def cancel_wave(wave: Wave, *, actor: User) -> bool:
    """Send nothing more of it. What was handed over is gone; the others may get a later wave. False: it was over."""
    require(actor, "campaigns.change_wave", _("cancel waves"))
    stopped = _end(wave, State.CANCELLED)
    if stopped:
        if wave.job is not None:
            jobs.cancel_job(wave.job, actor=actor)
        audit.record("wave.cancelled", wave, actor=actor)
    return stopped


def require_sendable(campaign: Campaign) -> None:
    """Raise Conflict with every sentence that says why no message can go out now."""
    if found := delivery.obstacles(campaign):
        raise errors.Conflict(" ".join(found), code="not_sendable")


# --- the job --------------------------------------------------------------------------------------------------------
def run_wave(job: JobContext) -> dict[str, Any]:
    """What the job does: rows for everybody, then what is due. Raises Conflict where nothing may go out any more."""
    asker = job.job.created_by
    # What stops it stands on the page, so it is said in the language of who asked.
    with translation.override(asker.language or None if asker else None):
        return _run(job)


def _run(job: JobContext) -> dict[str, Any]:
    wave = _begin(job.arguments["wave"])
    enrol(wave, lambda made: job.progress(0, gettext_noop("listing"), str(made)))
    total = max(1, delivery.unfinished(wave).count())

    def tell(handed: int) -> None:
        job.progress(100 * min(1.0, handed / total), gettext_noop("sending"), f"{handed} / {total}")

    send_due(wave, tell)
    settle_wave(wave, while_running=True)
    return delivery.counts_of(wave)


def _begin(pk: int) -> Wave:
    """waiting → sending; a wave whose job is resumed goes on, unless another is open."""
    try:
        with transaction.atomic():
            Wave.objects.filter(pk=pk).exclude(state=State.DONE).update(state=State.SENDING, finished_at=None)
    except IntegrityError:
        raise _another_open() from None
    return Wave.objects.select_related("campaign").get(pk=pk)


def enrol(wave: Wave, tell: Callable[[int], object]) -> int:
    """A row for everybody in the audiences who has none in this campaign; how many are new. May be repeated."""
    last, made = 0, 0
    missing = _without_row(wave)
    while part := list(missing.filter(pk__gt=last)[:ENROL_PART]):
        rows = [
            Message(
                wave=wave,
                campaign_id=wave.campaign_id,
                shopper_id=one.pk,
                state=one.left_out or Message.State.WAITING,
            )
            for one in part
        ]
        Message.objects.bulk_create(rows, ignore_conflicts=True)
        last, made = part[-1].pk, made + len(rows)
        tell(made)
    return made


def _without_row(wave: Wave) -> QuerySet[Any]:
    everybody = delivery.everybody(delivery.rules_of(wave.campaign))
    has_row = Exists(Message.objects.filter(campaign=wave.campaign_id, shopper=OuterRef("pk")))
    return reachable(everybody, wave.channel).filter(~has_row).order_by("pk")


def send_due(wave: Wave, tell: Callable[[int], object], *, parts: int | None = None) -> int:
    """Hand over what is due, part by part; how many were looked at. Raises Conflict where nothing may go out."""
    seen, counted_at = 0, time.monotonic()
    while parts is None or parts > 0:
        campaign = campaign_by_key(wave.campaign.key)
        require_sendable(campaign)
        part = sending.reserve(wave, campaign, most=sending.PART)
        if not part.seen:
            break
        sending.expose(part)
        reached = handing.hand_over(campaign, part.ready)
        seen += part.seen
        parts = None if parts is None else parts - 1
        if time.monotonic() - counted_at > COUNT_EVERY_SECONDS:
            recount(wave)
            counted_at = time.monotonic()
        tell(seen)
        if not reached:
            break
    recount(wave)
    return seen


def recount(wave: Wave) -> None:
    """Bring the counts of the wave up to its messages."""
    Wave.objects.filter(pk=wave.pk).update(counts=delivery.counts_of(wave))


# --- for the beat ---------------------------------------------------------------------------------------------------
def send_waiting() -> int:
    """Send what has fallen due in waves whose job is over; how many messages were looked at."""
    settle_stranded()
    for pk in gateways.settle_handed():
        recount(Wave(pk=pk, channel=Channel.SMS))
    return sum(_go_on(wave) for wave in Wave.objects.filter(state__in=delivery.OPEN_WAVE).select_related("campaign"))


def _go_on(wave: Wave) -> int:
    job = _job_of(wave)
    if job is not None and job.is_open:
        return 0
    if settle_wave(wave):
        return 0
    try:
        seen = send_due(wave, lambda _seen: None, parts=PARTS_A_RUN)
    except errors.Conflict as problem:
        if _end(wave, State.FAILED):
            audit.record("wave.stopped", wave, actor=None, reason=problem.message)
        return 0
    settle_wave(wave)
    return seen


def settle_wave(wave: Wave, *, while_running: bool = False) -> bool:
    """Bring a wave in line with its job and messages; whether it is over. Safe to call at any time, by anyone."""
    if not while_running:
        job = _job_of(wave)
        if job is not None and job.is_open:
            return False
        if job is not None and job.status in ENDED:
            return _end(wave, ENDED[JobStatus(job.status)])
    if Wave.objects.filter(pk=wave.pk, state=State.SENDING).exists() and not delivery.unfinished(wave).exists():
        return _end(wave, State.DONE)
    return not Wave.objects.filter(pk=wave.pk, state__in=delivery.OPEN_WAVE).exists()


@transaction.atomic
def _end(wave: Wave, state: Wave.State) -> bool:
    """The end of an open wave. Rows that were never tried go, so that a later wave finds these shoppers without one;
    what was put off has failed with the error it was put off for.
    """
    open_now = Wave.objects.filter(pk=wave.pk, state__in=delivery.OPEN_WAVE)
    ended = bool(open_now.update(state=state, finished_at=timezone.now()))
    over = Wave.objects.filter(pk=wave.pk, state=state).order_by().values("pk")
    left = Message.objects.filter(wave__in=over, state=Message.State.WAITING)
    left.filter(attempts=0).delete()
    left.exclude(error="").update(state=Message.State.FAILED, not_before=None)
    if ended:
        recount(wave)
    return ended


def settle_stranded() -> int:
    """Close e-mails whose worker died in the middle: nobody knows whether they went, so none is tried again."""
    now = timezone.now()
    by_mail = Wave.objects.filter(channel=Channel.EMAIL).order_by().values("pk")
    stranded = Message.objects.filter(delivery.IN_HANDS, wave__in=by_mail, not_before__lt=now)
    return stranded.update(state=Message.State.FAILED, error=words.INTERRUPTED, not_before=None)


def _job_of(wave: Wave) -> Job | None:
    """The job as it stands now, not as it stood when the wave was read."""
    return Job.objects.filter(pk=wave.job_id).first() if wave.job_id else None


def _another_open() -> errors.Conflict:
    return errors.Conflict(_("A wave of this campaign is still being sent."), code="wave_open")
