"""A test message to oneself, before anybody else gets one: the same text, sender and links, which change nothing.

By e-mail it goes to the member's own address and nowhere else, so it cannot be used to write to strangers. A member has
no telephone number here, so for push and text messages one is typed in; the trail records the test and not the number.
"""

from __future__ import annotations

import smtplib
import uuid
from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from campaigns.addresses import PHONE, phone
from campaigns.message_links import TEST
from campaigns.models import Campaign, Channel, Copy
from campaigns.models.copies import CopyStatus
from campaigns.queries import delivery
from campaigns.queries.reading import control_content, copy_content
from campaigns.services.gateways import hand_to_gateway
from campaigns.services.guards import require
from campaigns.services.mailing import Addressed, email_of
from core import audit, errors
from core.models import User

CONTROL = "control"
LONGEST_TOKEN = 300


def send_test(campaign: Campaign, *, text: str, actor: User, address: str = "") -> str:
    """Send one approved text (the number of its copy, or `control`) to the member; the address it went to.

    Raises Forbidden, Conflict where the sender lacks something, InvalidInput naming the field.
    """
    require(actor, "campaigns.add_wave", _("send messages"))
    if not delivery.sends(campaign):
        raise errors.Conflict(_("Nobody is written to by this channel."), code="not_sendable")
    if found := delivery.sender_obstacles(campaign):
        raise errors.Conflict(" ".join(found), code="not_sendable")
    content = {**_content(campaign, text)}
    to = Addressed(TEST, 0, _address(campaign, actor, address))
    if campaign.channel == Channel.EMAIL:
        _mail(campaign, content, to)
    _written_down(campaign, content, to, actor=actor, text=text)
    return to.address


@transaction.atomic
def _written_down(campaign: Campaign, content: Mapping[str, Any], to: Addressed, *, actor: User, text: str) -> None:
    if campaign.channel != Channel.EMAIL:
        hand_to_gateway(campaign, content, to, key=f"test-{uuid.uuid4()}")
    audit.record("campaign.test_message", campaign, actor=actor, text=text, channel=campaign.channel)


def _mail(campaign: Campaign, content: dict[str, Any], to: Addressed) -> None:
    content["headline"] = _("[Test] %(subject)s") % {"subject": content.get("headline", "")}
    try:
        email_of(campaign, content, to).send()
    except (OSError, smtplib.SMTPException):
        sentence = _("The mail server did not take the message. Ask an administrator to look at its settings.")
        raise errors.Conflict(sentence, code="mail_refused") from None


def _content(campaign: Campaign, text: str) -> Mapping[str, Any]:
    if text == CONTROL:
        return control_content(campaign)
    approved = Copy.objects.filter(campaign=campaign, status=CopyStatus.APPROVED)
    found = approved.filter(pk=int(text)).first() if text.isdecimal() and len(text) < 19 else None
    if found is None:
        raise errors.InvalidInput.field("text", _("Choose one of the approved texts."))
    return copy_content(campaign, found)


def _address(campaign: Campaign, actor: User, address: str) -> str:
    if campaign.channel == Channel.EMAIL:
        return actor.email
    if campaign.channel == Channel.SMS:
        number = phone(address)
        if not PHONE.fullmatch(number):
            raise errors.InvalidInput.field("address", _("A telephone number begins with + and the country code."))
        return number
    if not 0 < len(address.strip()) <= LONGEST_TOKEN:
        raise errors.InvalidInput.field("address", _("The push token of your own phone is needed."))
    return address.strip()
