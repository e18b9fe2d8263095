"""What comes back after a message: somebody stops further ones, follows its link, complains, or the address is gone.

Stopping needs no sign-in and no reason, works twice, and holds for the address that was written to and for the one
known now. It is written down in both places that are asked before anything goes out: suppressions and consents.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

from django.db import DatabaseError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from campaigns import message_words as words
from campaigns.addresses import comparable
from campaigns.message_links import Click, Stop
from campaigns.models import Brand, Campaign, Channel, Message, Shopper, Suppression, Wave
from campaigns.queries import delivery
from campaigns.queries.shoppers import address_field
from campaigns.services.shoppers import withdraw_consent
from campaigns.services.suppression import LONGEST, suppress
from core import errors
from core.audit import Actor
from experiments.services import EventInput, ingest

logger = logging.getLogger(__name__)
STOP_SOURCE = "unsubscribe"
# What may be reported of an address, and the code that the message then bears.
REPORTS = {Suppression.Reason.BOUNCED.value: words.BOUNCED, Suppression.Reason.COMPLAINED.value: words.COMPLAINED}


@dataclass(frozen=True, slots=True)
class Stopping:
    """What a stopping link is about. `brand` is None where the message is not known any more."""

    stop: Stop
    brand: Brand | None
    language: str
    is_test: bool


def stopping(stop: Stop) -> Stopping:
    """What the page of a stopping link says."""
    found = Message.objects.select_related("campaign__brand").filter(pk=stop.message, shopper=stop.shopper).first()
    brand = found.campaign.brand if found else None
    return Stopping(stop, brand, found.campaign.language if found else "", is_test=not stop.message)


@transaction.atomic
def unsubscribe(stop: Stop) -> int:
    """Nothing more goes to this shopper by the channel; how many addresses that holds for. Said twice it is the same.

    Nobody who was erased meanwhile is an error: there is nothing left to write to.
    """
    shopper = Shopper.objects.filter(pk=stop.shopper).first()
    if shopper is None:
        return 0
    written_to = Message.objects.filter(pk=stop.message, shopper=shopper).values_list("address", flat=True).first()
    now = {Channel.EMAIL: shopper.email, Channel.SMS: shopper.phone, Channel.PUSH: shopper.push_token}
    known = {now[Channel(stop.channel)], written_to or ""} - {""} or {shopper.unit}
    # A push token may be longer than a suppression; the unit then stands for it.
    values = {one if len(one) <= LONGEST else shopper.unit for one in known}
    for value in sorted(values):
        suppress(value=value, reason=Suppression.Reason.UNSUBSCRIBED.value, channel=stop.channel, actor="unsubscribe")
    if stop.channel in shopper.channels:
        withdraw_consent(shopper, channel=stop.channel, source=STOP_SOURCE)
    return len(values)


@transaction.atomic
def report(*, reason: str, channel: str = "", address: str = "", message: int | None = None, actor: Actor) -> int:
    """A bounce or complaint, by the address or by the message's number; how many messages it is noted on.

    Nothing goes there any more by that channel. Raises InvalidInput naming the field, NotFound for an unknown message.
    """
    if reason not in REPORTS:
        raise errors.InvalidInput.field("reason", _("The reason is bounced or complained."))
    found = _reported(channel, address, message)
    if message is not None:
        if not found:
            raise errors.NotFound(_("There is no such message."))
        channel, address = found[0].wave.channel, found[0].address
    if not address.strip():
        raise errors.InvalidInput.field("address", _("An address, or the number of a message, is needed."))
    suppress(value=address, reason=reason, channel=channel, actor=actor)
    return sum(_note(one, REPORTS[reason]) for one in found)


def follow(click: Click, *, is_bot: bool = False, is_prefetch: bool = False, is_look: bool = False) -> str:
    """Where a link leads, the click stored once for each link of a message; a look stores none. Raises NotFound.

    The address comes from the campaign and never from the link, so a link can lead nowhere else.
    """
    campaign = Campaign.objects.filter(pk=click.campaign).first()
    url = delivery.destination(campaign) if campaign is not None else ""
    if not url:
        raise errors.NotFound(_("This link leads nowhere any more."))
    message = Message.objects.select_related("shopper").filter(pk=click.message, campaign=click.campaign).first()
    if message is not None and not is_look:
        _store_click(message, click.link, is_bot=is_bot, is_prefetch=is_prefetch)
    return url


def _store_click(message: Message, link: str, *, is_bot: bool, is_prefetch: bool) -> None:
    now = timezone.now()
    # A program that followed the link first must not stand in the way of the person who follows it later.
    mark = "-program" if is_bot or is_prefetch else ""
    event = EventInput(
        id=f"message-{message.pk}-click-{link}{mark}",
        kind="click",
        unit=message.shopper.unit,
        occurred_at=now,
        experiment=message.experiment_key or None,
        arm=message.arm_key if message.experiment_key else None,
        is_bot=is_bot,
        is_prefetch=is_prefetch,
        properties={"source": "message"},
    )
    try:
        ingest([event], now)
    except DatabaseError:
        # The shopper is on the way to the shop, and a click less is better than a shopper less.
        logger.exception("a click could not be stored", extra={"clicked": message.pk})


def _reported(channel: str, address: str, message: int | None) -> list[Message]:
    """The message that is meant: by its number, else the newest that went to the address."""
    if message is not None:
        return list(Message.objects.filter(pk=message).exclude(address="").select_related("wave"))
    if not address.strip():
        return []
    # By way of the shopper who has the address now, which an index answers; among messages none would.
    column = address_field(channel or Channel.EMAIL)
    shoppers = Shopper.objects.filter(**{column: comparable(address)})
    sent = Message.objects.filter(state=Message.State.SENT, shopper__in=shoppers, address__iexact=address.strip())
    return list(sent.select_related("wave").order_by("-sent_at")[:1])


def _note(message: Message, error: str) -> bool:
    """sent → failed. The shopper stays in the test: whether an address exists does not depend on the arm's text."""
    sent = Message.objects.filter(pk=message.pk, state=Message.State.SENT)
    if not sent.update(state=Message.State.FAILED, error=error):
        return False
    wave = Wave.objects.select_for_update().get(pk=message.wave_id)
    counts = dict(wave.counts)
    for state, step in ((Message.State.SENT.value, -1), (Message.State.FAILED.value, 1)):
        counts[state] = counts.get(state, 0) + step
    Wave.objects.filter(pk=wave.pk).update(counts={state: number for state, number in counts.items() if number > 0})
    return True
