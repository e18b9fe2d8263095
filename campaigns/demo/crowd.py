"""The demo's simulated shoppers as the shop knows them: the first of each campaign that is played, by the same units.

Peculiar: everything follows from the seed and the number of a shopper, so it is the same on each machine. Nobody can be
written to by accident: addresses end in example.test, and no country has the telephone code 999.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import numpy as np
from django.db import transaction
from django.utils import timezone

from campaigns.demo.data import CampaignData, Shop
from campaigns.demo.shoppers import attributes_for
from campaigns.models import Channel, Consent, Shopper, Suppression
from experiments.simulation.shoppers import unit_name

# Of each campaign; as many as make counts and overlaps worth looking at, and load within seconds.
MOST_EACH = 1500
# Who has agreed, of all; some of them have taken it back since.
AGREED = {Channel.EMAIL: 0.7, Channel.SMS: 0.35, Channel.PUSH: 0.25}
TAKEN_BACK = 0.06
SUPPRESSED = (
    (0.004, Suppression.Reason.COMPLAINED),
    (0.012, Suppression.Reason.BOUNCED),
    (0.03, Suppression.Reason.UNSUBSCRIBED),
)
SOURCES = ("checkout", "account", "newsletter form")
PLACES = {"en": (("US", "America/New_York"), ("GB", "Europe/London")), "zh": (("CN", "Asia/Shanghai"),)}
Rows = tuple[Shopper, list[Consent], Suppression | None]


def units(campaigns: Sequence[CampaignData]) -> list[tuple[CampaignData, int]]:
    """Campaign and number of each shopper that the demo knows."""
    return [(one, number) for one in campaigns for number in range(min(one.play.shoppers, MOST_EACH))]


@transaction.atomic
def load_shoppers(shop: Shop) -> int:
    """The shoppers that are missing, with consents and suppressions; how many."""
    present = set(Shopper.objects.filter(unit__startswith="shopper-").values_list("unit", flat=True))
    rules = {audience.key: audience.rule for audience in shop.audiences}
    drawn = {one.key: attributes_for([rules[key] for key in one.audiences]) for one in shop.campaigns}
    missing = [(one, number) for one, number in units(shop.campaigns) if _unit(one, number) not in present]
    made = [_rows(one.play.traffic_seed, number, drawn[one.key]) for one, number in missing]
    Shopper.objects.bulk_create((shopper for shopper, _, _ in made), batch_size=1000)
    Consent.objects.bulk_create((consent for _, consents, _ in made for consent in consents), batch_size=2000)
    Suppression.objects.bulk_create((listed for _, _, listed in made if listed), ignore_conflicts=True)
    return len(made)


def _unit(campaign: CampaignData, number: int) -> str:
    return unit_name(campaign.play.traffic_seed, number)


def _rows(seed: int, number: int, draw: Any) -> Rows:
    random = np.random.default_rng([seed, 5, number])
    attributes = draw(seed, number)
    days = attributes.get("days_since_order")
    if isinstance(days, int):
        attributes["last_order_at"] = (timezone.localdate() - timedelta(days=days)).isoformat()
    language = str(attributes["language"])
    country, zone = PLACES[language][int(random.integers(len(PLACES[language])))]
    shopper = Shopper(
        unit=unit_name(seed, number),
        attributes=attributes,
        email=f"shopper-{seed}-{number}@example.test" if random.random() < 0.93 else "",
        phone=f"+999{seed:04d}{number:06d}" if random.random() < 0.5 else "",
        push_token=f"demo-{seed}-{number}" if random.random() < 0.3 else "",
        language=language,
        country=country,
        time_zone=zone,
    )
    consents = _consents(shopper, random)
    return shopper, consents, _suppression(shopper, random.random())


def _consents(shopper: Shopper, random: np.random.Generator) -> list[Consent]:
    now = timezone.now()
    found = []
    for channel, share in AGREED.items():
        agreed, back, days = random.random() < share, random.random() < TAKEN_BACK, int(random.integers(30, 700))
        source = SOURCES[int(random.integers(len(SOURCES)))]
        if agreed:
            at = now - timedelta(days=days)
            found.append(Consent(shopper=shopper, channel=channel, given=True, source=source, at=at))
        if agreed and back:
            at = now - timedelta(days=days // 2)
            found.append(Consent(shopper=shopper, channel=channel, given=False, source="account", at=at))
        if agreed and not back:
            shopper.channels.append(channel.value)
    return found


def _suppression(shopper: Shopper, drawn: float) -> Suppression | None:
    reason = next((reason for share, reason in SUPPRESSED if drawn < share), None)
    if reason is None or not shopper.email:
        return None
    return Suppression(channel=Channel.EMAIL, value=shopper.email, reason=reason)
