"""Push and text messages: each becomes one signed webhook event for the shop's own gateway, which sends it.

The event's key is the message's, so that a gateway drops repeats, and a message is handed over once whatever happens:
the claim and the event are one transaction. What became of it is asked for by that key until it is taken or given up.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.utils import timezone

from campaigns import message_words as words
from campaigns.message_links import Stop, stop_url
from campaigns.models import Campaign, Channel, Message
from campaigns.queries.delivery import EVENTS, IN_HANDS
from campaigns.services.mailing import Addressed, link_of, parts_of
from core.models import DeliveryState
from core.queries import webhook_delivery_states
from core.services import webhooks
from models_ml.channels import message_text

ASK_AGAIN = timedelta(seconds=15)
ASKED_AT_ONCE = 1000


def key_of(message: int | str) -> str:
    """The idempotency key of a message's event."""
    return f"message-{message}"


def hand_to_gateway(campaign: Campaign, content: Mapping[str, Any], to: Addressed, *, key: str) -> bool:
    """Write the event down; False where no webhook is told of it. For a caller's transaction."""
    payload = payload_of(campaign, content, to)
    return webhooks.emit(EVENTS[campaign.channel], key=key, **payload) > 0


def payload_of(campaign: Campaign, content: Mapping[str, Any], to: Addressed) -> dict[str, Any]:
    """What the gateway gets: the text as shown, whom it goes to, and where its links lead."""
    parts = parts_of(content)
    texts = (
        {"text": message_text(parts)}
        if campaign.channel == Channel.SMS
        else {"title": parts["headline"], "text": parts["body"], "action": parts["call_to_action"]}
    )
    return {
        "message": to.message,
        "campaign": campaign.key,
        "brand": campaign.brand.key,
        "language": campaign.language,
        "to": to.address,
        **texts,
        "link": link_of(campaign, to.message),
        "stop": stop_url(Stop(to.message, to.shopper, campaign.channel)),
        "test": not to.message,
        **({"ai": content["ai"]} if content.get("ai") else {}),
    }


def settle_handed() -> set[int]:
    """Ask what became of messages in other systems' hands; the waves in which any did. For the beat."""
    now = timezone.now()
    handed = Message.objects.filter(IN_HANDS, wave__channel__in=list(EVENTS), not_before__lte=now)
    waiting = list(handed.order_by("not_before")[:ASKED_AT_ONCE])
    states = webhook_delivery_states([key_of(one.pk) for one in waiting]) if waiting else {}
    open_still = [one.pk for one in waiting if states.get(key_of(one.pk)) == DeliveryState.WAITING]
    Message.objects.filter(pk__in=open_still).update(not_before=now + ASK_AGAIN)
    ended = [one for one in waiting if one.pk not in set(open_still)]
    for one in ended:
        _end(one, states.get(key_of(one.pk)))
    return {one.wave_id for one in ended}


def _end(message: Message, state: str | None) -> None:
    held = Message.objects.filter(IN_HANDS, pk=message.pk)
    if state == DeliveryState.SENT:
        held.update(state=Message.State.SENT, sent_at=timezone.now(), not_before=None)
    else:
        error = words.GIVEN_UP if state else words.WEBHOOK_GONE
        held.update(state=Message.State.FAILED, error=error, not_before=None)
