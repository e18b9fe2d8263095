"""Reads of delivery: what stands in the way of sending, whom a wave would reach, and what became of its messages.

A reach is counted over everybody in the campaign's audiences, each shopper once, by the same expressions that decide
when a wave is made, so that the figures before and after agree.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import reduce
from operator import or_
from typing import Any

from django.conf import settings
from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from campaigns.audience_sql import rule_q
from campaigns.models import Campaign, CampaignExperiment, Channel, Copy, Message, Product, Shopper, Wave
from campaigns.models.campaign import CampaignStatus
from campaigns.models.copies import CopyStatus
from campaigns.queries.reading import links_of, ordered_audiences, products_of
from campaigns.queries.shoppers import reachable
from campaigns.quiet import window_start
from core import errors
from core.models import Webhook, WebhookEvent
from experiments.lifecycle import Status

EVENTS = {Channel.PUSH.value: WebhookEvent.MESSAGE_PUSH, Channel.SMS.value: WebhookEvent.MESSAGE_SMS}
OPEN_WAVE = (Wave.State.WAITING, Wave.State.SENDING)
LEFT_OUT = (Message.State.SUPPRESSED, Message.State.NO_CONSENT, Message.State.NO_ADDRESS)
# In the worker's hands or the other system's: tried, and nothing is known of it yet.
IN_HANDS = Q(state=Message.State.WAITING, attempts__gt=0, error="")
# A message that has its arm already takes a place under the cap, sent or not.
HELD = Q(state=Message.State.WAITING) & ~Q(arm_key="")
HANDED = "handed"
SENDING_STATES = frozenset({Status.RUNNING, Status.DECIDED})


@dataclass(frozen=True, slots=True)
class Reach:
    """Whom a wave would write to now, and why not the others; `left_out` is by Message.State."""

    audience: int
    reached: int
    written_to: int
    capped: int
    left_out: dict[str, int] = field(default_factory=dict)


def sends(campaign: Campaign) -> bool:
    """Whether the campaign's channel is one that shoppers are written to by."""
    return campaign.channel in Channel.values


def obstacles(campaign: Campaign) -> list[str]:
    """Why no message can go out now, in sentences; empty where nothing is in the way. At most two queries."""
    if not sends(campaign):
        return [_("Nobody is written to by this channel.")]
    return [*_state_obstacles(campaign), *sender_obstacles(campaign)]


def sender_obstacles(campaign: Campaign) -> list[str]:
    """What the sender lacks: name and postal address by e-mail (CAN-SPAM, § 7704(a)(5)), else a system that sends."""
    if campaign.channel == Channel.EMAIL:
        missing = [
            (campaign.brand.sender_email, _("The brand has no sender's address: enter it on the brand's page.")),
            (
                campaign.brand.postal_address,
                _("The brand has no postal address: the law asks for one in each advertising e-mail."),
            ),
        ]
        return [sentence for value, sentence in missing if not value.strip()]
    event = EVENTS[campaign.channel]
    if Webhook.objects.filter(is_active=True, events__contains=[event]).exists():
        return []
    sentence = _("No webhook is told of “%(event)s”: an administrator adds the system that sends, under Settings.")
    return [sentence % {"event": event.label}]


def _state_obstacles(campaign: Campaign) -> list[str]:
    if campaign.status != CampaignStatus.RUNNING:
        return [_("The campaign does not run. Messages can go out once it is launched.")]
    if campaign.tripped_at is not None:
        return [_("The circuit breaker is pulled, so nothing is sent.")]
    resting = [link for link in links_of(campaign) if link.experiment.status not in SENDING_STATES]
    sentence = _("The test “%(name)s” rests. Let it go on, or decide it, before messages go out.")
    return [sentence % {"name": link.experiment.name} for link in resting]


def everybody(rules: Iterable[Sequence[Any]]) -> QuerySet[Shopper]:
    """The shoppers of any of these rules."""
    return Shopper.objects.filter(reduce(or_, (rule_q(rule) or Q(pk__isnull=False) for rule in rules), Q(pk__in=[])))


def rules_of(campaign: Campaign) -> list[Any]:
    """The rules of the campaign's audiences: those of the launch, before it those of now."""
    launched = list(CampaignExperiment.objects.filter(campaign=campaign).values_list("rule", flat=True))
    return launched or [audience.rule for audience in ordered_audiences(campaign)]


def reach(campaign: Campaign, now: datetime | None = None) -> Reach:
    """Whom a wave would write to now. Raises InvalidInput for a channel nobody can be written to by."""
    rows = reachable(everybody(rules_of(campaign)), campaign.channel).annotate(
        written=Exists(_of_shopper(campaign).exclude(state__in=LEFT_OUT))
    )
    may = Q(written=False, left_out="")
    most = campaign.brand.cap_messages
    # Not a condition that nobody meets: Django would take the whole count for empty.
    full = {} if most is None else {"capped": Count("pk", filter=may & Q(pk__in=_had_enough(campaign, most, now)))}
    reasons = {f"not_{state}": Count("pk", filter=Q(written=False, left_out=state)) for state in LEFT_OUT}
    found = rows.aggregate(
        audience=Count("pk"),
        written_to=Count("pk", filter=Q(written=True)),
        may=Count("pk", filter=may),
        **full,
        **reasons,
    )
    return Reach(
        audience=found["audience"],
        reached=found["may"] - found.get("capped", 0),
        written_to=found["written_to"],
        capped=found.get("capped", 0),
        left_out={state.value: found[f"not_{state}"] for state in LEFT_OUT},
    )


def _of_shopper(campaign: Campaign) -> QuerySet[Message]:
    return Message.objects.filter(campaign=campaign, shopper=OuterRef("pk"))


def _had_enough(campaign: Campaign, most: int, now: datetime | None) -> QuerySet[Message, int]:
    """The shoppers to whom the brand wrote as often as may be within the days of its cap; read once for a count."""
    since = window_start(now or timezone.now(), campaign.brand.cap_days)
    sent = Message.objects.filter(campaign__brand=campaign.brand_id, sent_at__gt=since).order_by().values("shopper")
    return sent.annotate(n=Count("pk")).filter(n__gte=most).values_list("shopper", flat=True)


def waves_of(campaign: Campaign, limit: int = 20) -> list[Wave]:
    """The newest waves with their jobs."""
    return list(Wave.objects.filter(campaign=campaign).select_related("job", "created_by")[:limit])


def counts_of(wave: Wave) -> dict[str, int]:
    """A wave's messages by state; those in another system's hands apart, as `handed`."""
    rows = Message.objects.filter(wave=wave).order_by().values_list("state")
    found = dict(rows.annotate(n=Count("pk")))
    handed = 0 if wave.channel == Channel.EMAIL else Message.objects.filter(IN_HANDS, wave=wave).count()
    if handed:
        found[Message.State.WAITING.value] -= handed
        found[HANDED] = handed
    return {state: number for state, number in sorted(found.items()) if number}


def next_due(wave: Wave) -> datetime | None:
    """When the next message that waits for its hour goes; None where none waits for an hour to come."""
    waiting = Message.objects.filter(wave=wave, state=Message.State.WAITING, not_before__gt=timezone.now())
    return waiting.exclude(IN_HANDS).order_by("not_before").values_list("not_before", flat=True).first()


def message_list(campaign: Campaign, *, state: str = "", arm: str = "", wave: int | None = None) -> QuerySet[Message]:
    """The campaign's messages, the newest first; `arm` is `experiment/arm`."""
    found = Message.objects.filter(campaign=campaign).select_related("shopper").order_by("-id")
    if state:
        found = found.filter(state=state)
    if arm:
        experiment, _slash, key = arm.rpartition("/")
        found = found.filter(experiment_key=experiment, arm_key=key)
    return found.filter(wave_id=wave) if wave else found


def by_arm(campaign: Campaign) -> dict[tuple[str, str], dict[str, int]]:
    """Messages by state for each (experiment, arm), of shoppers in the test; capped ones come in every arm alike."""
    rows = Message.objects.filter(campaign=campaign).exclude(experiment_key="").order_by()
    found: dict[tuple[str, str], dict[str, int]] = {}
    for experiment, arm, state, number in rows.values_list("experiment_key", "arm_key", "state").annotate(
        n=Count("pk")
    ):
        found.setdefault((experiment, arm), {})[state] = number
    return found


def approved_texts(campaign: Campaign) -> list[Copy]:
    """Every approved copy of the campaign, by audience."""
    found = Copy.objects.filter(campaign=campaign, status=CopyStatus.APPROVED).select_related("audience")
    return list(found.order_by("audience__key", "id"))


def destination(campaign: Campaign) -> str:
    """Where a message leads: the landing page, else the product's page; empty where the shop named neither."""
    product: Product | None = next(iter(products_of(campaign)), None) if not campaign.landing_url else None
    url = campaign.landing_url or (product.url if product else "") or ""
    return url if url.startswith(("https://", "http://")) else ""


def wave_by_number(campaign: Campaign, pk: int) -> Wave:
    """One wave of a campaign. Raises NotFound."""
    found = Wave.objects.select_related("campaign__brand", "job").filter(campaign=campaign, pk=pk).first()
    if found is None:
        raise errors.NotFound(_("The campaign has no such wave."))
    return found


def is_link_public() -> bool:
    """Whether links in messages lead to a site that others can reach over HTTPS, which one-click asks for."""
    return settings.PUBLIC_URL.startswith("https://")


def due(wave: Wave, now: datetime) -> QuerySet[Message]:
    """The messages of a wave that may be tried now: never tried, or put off and their time has come."""
    return Message.objects.filter(
        Q(attempts=0) | ~Q(error=""),
        Q(not_before=None) | Q(not_before__lte=now),
        wave=wave,
        wave__state=Wave.State.SENDING,
        state=Message.State.WAITING,
    ).order_by("id")


def unfinished(wave: Wave) -> QuerySet[Message]:
    """What a wave has still to hand over; by e-mail also what is in a worker's hands."""
    waiting = Message.objects.filter(wave=wave, state=Message.State.WAITING)
    return waiting if wave.channel == Channel.EMAIL else waiting.exclude(IN_HANDS)
