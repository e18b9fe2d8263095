"""Placements: made, changed and switched off, each an entry of the trail.

The public key stays for ever, since it stands in the shop's pages. Campaigns of other brands, and of channels that no
page shows, are refused.
"""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Iterable

from django.db import transaction
from django.utils.text import slugify
from django.utils.translation import gettext as _

from campaigns.models import Brand, Campaign, Placement
from campaigns.models.campaign import CampaignStatus
from campaigns.origins import LONGEST, MOST, OriginError, origins_of
from campaigns.services.guards import require
from core import audit, errors
from core.models import User

# Channels whose copy is written for a place on a page.
WEB_CHANNELS = ("banner", "product_page")
KEY_LENGTH = 50


@transaction.atomic
def create_placement(
    *, name: str, brand: Brand, campaign: Campaign | None, origins: Iterable[str], actor: User
) -> Placement:
    """A new, active placement. Raises InvalidInput naming the field, Forbidden without the role."""
    require(actor, "campaigns.add_placement", _("make placements"))
    made = Placement.objects.create(
        key=free_key(name),
        name=name,
        brand=brand,
        campaign=_fitting(campaign, brand),
        public_key=f"pl_{secrets.token_hex(12)}",
        origins=_checked(origins),
    )
    audit.record(
        "placement.made", made, actor=actor, campaign=made.campaign and made.campaign.key, origins=made.origins
    )
    return made


@transaction.atomic
def change_placement(
    placement: Placement, *, name: str, campaign: Campaign | None, origins: Iterable[str], is_active: bool, actor: User
) -> Placement:
    """The same placement with other words, campaign, pages or state; nothing is written where nothing differs."""
    require(actor, "campaigns.change_placement", _("change placements"))
    changed = Placement.objects.select_for_update(of=("self",)).select_related("brand", "campaign").get(pk=placement.pk)
    before = _told(changed)
    changed.name, changed.origins, changed.is_active = name, _checked(origins), is_active
    changed.campaign = campaign if campaign == changed.campaign else _fitting(campaign, changed.brand)
    if (after := _told(changed)) != before:
        changed.save()
        audit.record("placement.changed", changed, actor=actor, before=before, after=after)
    return changed


def free_key(name: str) -> str:
    """A key from the name that no placement bears yet; names without Latin letters get a number."""
    stem = slugify(name).strip("-_")[:KEY_LENGTH].rstrip("-_")
    # `new` is the address of the empty form.
    taken = {"new", *Placement.objects.filter(key__startswith=stem or "placement").values_list("key", flat=True)}
    if stem and stem not in taken:
        return stem
    numbered = (f"{stem or 'placement'}-{number}" for number in itertools.count(2 if stem else 1))
    return next(key for key in numbered if key not in taken)


def _told(placement: Placement) -> dict[str, object]:
    return {
        "name": placement.name,
        "campaign": placement.campaign and placement.campaign.key,
        "origins": placement.origins,
        "active": placement.is_active,
    }


def _fitting(campaign: Campaign | None, brand: Brand) -> Campaign | None:
    if campaign is None:
        return None
    if campaign.brand_id != brand.pk:
        raise errors.InvalidInput.field("campaign", _("belongs to another brand."))
    if campaign.channel not in WEB_CHANNELS:
        raise errors.InvalidInput.field("campaign", _("is for a channel that no page of the shop shows."))
    if campaign.status == CampaignStatus.ARCHIVED:
        raise errors.InvalidInput.field("campaign", _("is archived."))
    return campaign


def _checked(origins: Iterable[str]) -> list[str]:
    try:
        found = origins_of(origins)
    except OriginError as problem:
        sentence = _("“%(text)s” is no origin. Write https:// and the shop's host, such as https://shop.example.")
        raise errors.InvalidInput.field("origins", sentence % {"text": problem.text[:80]}) from None
    if not found:
        raise errors.InvalidInput.field("origins", _("name at least one, or no page may ask."))
    if len(found) > MOST or any(len(one) > LONGEST for one in found):
        raise errors.InvalidInput.field(
            "origins", _("has more than %(most)d entries, or one too long.") % {"most": MOST}
        )
    return found
