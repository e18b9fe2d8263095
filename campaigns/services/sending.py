"""Sending the messages of a wave that are due, a part at a time; several workers may do so at once.

A part goes through four doors, and a worker that dies between any two of them leaves nothing that is sent twice:
1. *Reserve*, in one transaction with the shoppers locked: who must not be written to is left out; who has quiet hours
   waits; the experiment decides the arm; who has had enough keeps it and is `capped`. The rest is ours for a while.
2. *Expose*: everybody with an arm counts in the test from now on, capped or not, and whatever becomes of the message.
   Left out in one arm and not in another, they would make the arms incomparable (intention to treat).
3. *Claim* one message, by a conditional update on its attempts: only who changes the row hands it over. The update also
   asks whether the circuit breaker is pulled, so the very next message stops.
4. *Hand over*, and note what came of it. A claim without such a note is not tried again: nobody knows whether it went.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from campaigns import message_words as words
from campaigns import quiet
from campaigns.audiences import matches
from campaigns.models import Campaign, CampaignExperiment, Message, Shopper, Wave
from campaigns.models.campaign import CampaignStatus
from campaigns.queries.delivery import HELD, due
from campaigns.queries.reading import links_of
from campaigns.queries.shoppers import reachable
from experiments.queries import Decision
from experiments.queries import decide as decide_units
from experiments.services import EventInput, ingest

State = Message.State
PART = 50
# Longer than one message can take; a worker that died gives what it reserved back after this.
LEASE = timedelta(minutes=5)
# When to look again at a shopper whose row somebody else holds.
BUSY = timedelta(seconds=5)
WRITTEN = ["state", "not_before", "experiment_key", "arm_key", "address", "error"]


@dataclass(frozen=True, slots=True)
class Ready:
    """A reserved message with what it says."""

    message: Message
    content: Mapping[str, Any]


@dataclass(slots=True)
class Part:
    """What one look at the due messages came to."""

    seen: int = 0
    ready: list[Ready] = field(default_factory=list)
    exposures: list[EventInput] = field(default_factory=list)
    strangers: list[int] = field(default_factory=list)


class Case(NamedTuple):
    """What is known of one shopper who may be written to now. `sent` is when the brand wrote to them lately."""

    unit: str
    decision: Decision | None
    sent: Sequence[datetime]


@transaction.atomic
def reserve(wave: Wave, campaign: Campaign, *, most: int) -> Part:
    """Take the next messages that are due and settle what each may become. Empty where nothing is due."""
    now = timezone.now()
    rows = list(due(wave, now).select_for_update(skip_locked=True, of=("self",))[:most])
    found = reachable(Shopper.objects.filter(pk__in=[row.shopper_id for row in rows]), wave.channel)
    # Never waiting for a shopper who is being changed or erased: whoever does so may wait for our messages.
    free = found.select_for_update(of=("self",), skip_locked=True).order_by("pk")
    shoppers = {one.pk: one for one in free} if rows else {}
    part, open_now = Part(seen=len(rows)), list[Message]()
    for row in rows:
        shopper = shoppers.get(row.shopper_id)
        goes_at = _goes_at(campaign, shopper, now) if shopper else now + BUSY
        if shopper is None:
            row.not_before = goes_at
        elif shopper.left_out:
            row.state, row.not_before, row.error = shopper.left_out, None, ""
        elif goes_at > now:
            row.not_before = goes_at
        else:
            row.address = shopper.address_used
            open_now.append(row)
    asked = [shoppers[row.shopper_id] for row in open_now]
    decisions, sent = decisions_for(campaign, asked), sent_lately(campaign, asked, open_now, now)
    for row in open_now:
        case = Case(shoppers[row.shopper_id].unit, decisions.get(row.shopper_id), sent.get(row.shopper_id, ()))
        _settle(part, row, campaign, case=case, now=now)
    Message.objects.filter(pk__in=part.strangers).delete()
    Message.objects.bulk_update([row for row in rows if row.pk not in part.strangers], WRITTEN, batch_size=500)
    return part


def _settle(part: Part, row: Message, campaign: Campaign, *, case: Case, now: datetime) -> None:
    """One message whose shopper may be written to now: taken in by an arm, then sent or not."""
    decision, first = case.decision, row.attempts == 0
    if decision is None:
        # No audience fits any more: the shopper's attributes have changed since the wave was made.
        part.strangers.append(row.pk)
        return
    row.arm_key = decision.arm or ""
    row.experiment_key = decision.experiment if decision.in_experiment else ""
    capped = first and quiet.is_capped(case.sent, now, campaign.brand.cap_messages, campaign.brand.cap_days)
    if decision.in_experiment and first:
        part.exposures.append(exposure(row, decision, unit=case.unit, at=now, capped=capped))
    if not (decision.content.get("body") or decision.content.get("headline")):
        row.state, row.error, row.not_before = State.FAILED, words.NO_TEXT, None
    elif capped:
        row.state, row.not_before, row.error = State.CAPPED, None, ""
    else:
        row.not_before = now + LEASE
        part.ready.append(Ready(row, decision.content))


def decisions_for(campaign: Campaign, shoppers: Sequence[Shopper]) -> dict[int, Decision]:
    """What each shopper gets, from the first audience whose rule fits; who fits none is not there."""
    groups: dict[str, list[Shopper]] = {}
    links = links_of(campaign) if shoppers else []
    for shopper in shoppers:
        link = _first_fit(links, shopper.attributes)
        if link is not None:
            groups.setdefault(link.experiment.key, []).append(shopper)
    return {
        shopper.pk: decision
        for key, members in groups.items()
        for shopper, decision in zip(members, decide_units(key, [one.unit for one in members]), strict=True)
    }


def _first_fit(links: Sequence[CampaignExperiment], attributes: Mapping[str, Any]) -> CampaignExperiment | None:
    return next((link for link in links if matches(link.rule, attributes)), None)


def sent_lately(
    campaign: Campaign, shoppers: Sequence[Shopper], own: Sequence[Message], now: datetime
) -> dict[int, list[datetime]]:
    """When the brand wrote to each shopper within the days of its cap; what is reserved elsewhere counts as now."""
    if campaign.brand.cap_messages is None or not shoppers:
        return {}
    counted = Message.objects.filter(
        Q(sent_at__gt=quiet.window_start(now, campaign.brand.cap_days)) | HELD,
        shopper__in=[one.pk for one in shoppers],
        campaign__brand=campaign.brand_id,
    )
    found: dict[int, list[datetime]] = {}
    for pk, at in counted.exclude(pk__in=[row.pk for row in own]).values_list("shopper_id", "sent_at"):
        found.setdefault(pk, []).append(at or now)
    return found


def exposure(row: Message, decision: Decision, *, unit: str, at: datetime, capped: bool) -> EventInput:
    """The event that takes the shopper into the test; its id is the message's, so a repeat counts once."""
    batch = {} if decision.batch is None else {"batch": decision.batch}
    return EventInput(
        id=f"message-{row.pk}-exposure",
        kind="exposure",
        unit=unit,
        occurred_at=at,
        experiment=decision.experiment,
        arm=decision.arm,
        properties={"source": "message", **({"capped": True} if capped else {}), **batch},
    )


def expose(part: Part) -> None:
    """Store the exposures of a part, committed when this returns."""
    if part.exposures:
        ingest(part.exposures, timezone.now())


def claim(message: Message) -> bool:
    """Take the one attempt to hand a reserved message over. False where it is no longer ours, or nothing may go out."""
    # The message's own columns stand in the update itself and not in a sub-select, so that the database looks at them
    # again after it has waited for another worker's change of the row.
    open_now = Wave.objects.filter(
        state=Wave.State.SENDING, campaign__status=CampaignStatus.RUNNING, campaign__tripped_at=None
    )
    held = Message.objects.filter(
        pk=message.pk,
        state=State.WAITING,
        attempts=message.attempts,
        not_before=message.not_before,
        wave__in=open_now.order_by().values("pk"),
    )
    if not held.update(attempts=F("attempts") + 1, error="", not_before=timezone.now() + LEASE):
        return False
    message.attempts += 1
    return True


def note(message: Message, state: str, *, error: str = "", not_before: datetime | None = None) -> bool:
    """Write down what came of a claimed message. False where that was settled otherwise meanwhile."""
    sent_at = timezone.now() if state == State.SENT else None
    held = Message.objects.filter(pk=message.pk, state=State.WAITING, attempts=message.attempts)
    return bool(held.update(state=state, error=error, not_before=not_before, sent_at=sent_at))


def _goes_at(campaign: Campaign, shopper: Shopper, now: datetime) -> datetime:
    brand = campaign.brand
    zone = quiet.zone_of(shopper.time_zone, timezone.get_default_timezone())
    return quiet.earliest(now, brand.quiet_from, brand.quiet_until, zone)
