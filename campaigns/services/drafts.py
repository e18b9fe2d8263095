"""Writing an unfinished brief: page by page, usable or not, until a campaign is made of it.

Everything is kept as it was typed. What can be used is decided by the forms each time the brief is read, and by
`create_campaign` at the end, so a product that goes off sale meanwhile is found out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from campaigns import queries
from campaigns.models import Campaign, CampaignDraft
from campaigns.services.campaigns import create_campaign
from campaigns.services.guards import require
from core import errors
from core.models import User

MOST_DRAFTS = 50
MOST_PRODUCTS = 50
LONGEST_TEXT = 2000
CARRIED = ("name", "language", "channel", "goal", "tone", "offer_kind", "offer_value", "code", "landing_url")
CONTROL = ("control_headline", "control_body", "control_call_to_action")


@transaction.atomic
def start_draft(*, owner: User, entered: Mapping[str, Any] | None = None, step: str = "brief") -> CampaignDraft:
    """A new brief, or the one in which nothing was entered yet. Conflict above `MOST_DRAFTS`."""
    require(owner, "campaigns.add_campaign", _("make campaigns"))
    mine = CampaignDraft.objects.filter(owner=owner)
    empty = mine.filter(data={}).first()
    if empty is not None and not entered:
        return empty
    if mine.count() >= MOST_DRAFTS:
        sentence = _("You have %(most)d unfinished briefs. Finish or delete one first.") % {"most": MOST_DRAFTS}
        raise errors.Conflict(sentence, code="too_many_drafts")
    data = _usable(entered or {})
    return CampaignDraft.objects.create(owner=owner, data=data, step=step, name=_name(data))


@transaction.atomic
def save_draft(draft: CampaignDraft, *, entered: Mapping[str, Any], step: str) -> CampaignDraft:
    """Keep what was entered, whatever it is; `step` is the page to go on with. NotFound where the brief is gone."""
    locked = _locked(draft)
    locked.data |= _usable(entered)
    locked.step, locked.name = step, _name(locked.data)
    locked.save()
    return locked


@transaction.atomic
def choose_products(draft: CampaignDraft, *, add: int = 0, remove: int = 0, lead: int = 0) -> CampaignDraft:
    """Add a product at the end, take one out, or put one first; the others keep their order."""
    locked = _locked(draft)
    chosen = [int(one) for one in locked.data.get("products", [])]
    if add and add not in chosen:
        if len(chosen) >= MOST_PRODUCTS:
            sentence = _("A campaign has %(most)d products at most.") % {"most": MOST_PRODUCTS}
            raise errors.Conflict(sentence, code="too_many_products")
        chosen.append(add)
    chosen = [one for one in chosen if one != remove]
    locked.data["products"] = sorted(chosen, key=lambda one: one != lead)
    locked.step = "products"
    locked.save()
    return locked


@transaction.atomic
def make_campaign(draft: CampaignDraft, *, owner: User, values: Mapping[str, Any]) -> Campaign:
    """The campaign of a brief, which is then gone. Raises what `create_campaign` raises; then the brief stays."""
    locked = _locked(draft)
    made = create_campaign(**values, created_by=owner)
    locked.delete()
    return made


def duplicate_campaign(campaign: Campaign, *, owner: User, name: str, channel: str, language: str) -> CampaignDraft:
    """An unfinished brief with everything of a campaign's, to look over and make a campaign of.

    The copy stays behind: it was written for its own test. So does a last day that has passed, and what is shown today
    where the channel or the language is another.
    """
    day = campaign.deadline
    entered = {field: getattr(campaign, field) or "" for field in CARRIED}
    entered |= {
        "name": name,
        "channel": channel,
        "language": language,
        "brand": str(campaign.brand_id),
        "deadline": day.isoformat() if day is not None and day >= timezone.localdate() else "",
        "products": [one.pk for one in queries.products_of(campaign)],
        "audiences": [str(one.pk) for one in queries.ordered_audiences(campaign)],
    }
    if (channel, language) == (campaign.channel, campaign.language):
        entered |= {field: getattr(campaign, field) for field in CONTROL}
    return start_draft(owner=owner, entered=entered, step="overview")


def delete_draft(draft: CampaignDraft) -> None:
    """Throw the brief away; doing it twice changes nothing."""
    CampaignDraft.objects.filter(pk=draft.pk).delete()


def _locked(draft: CampaignDraft) -> CampaignDraft:
    found = CampaignDraft.objects.select_for_update().filter(pk=draft.pk).first()
    if found is None:
        raise errors.NotFound(_("This brief is no longer there: it became a campaign, or was deleted."))
    return found


def _usable(entered: Mapping[str, Any]) -> dict[str, Any]:
    """As JSON in Postgres can hold it: no null characters, and no text longer than any field."""
    return {name: _cut(value) for name, value in entered.items()}


def _cut(value: Any) -> Any:
    if isinstance(value, list):
        return [_cut(one) for one in value]
    return value.replace("\x00", "")[:LONGEST_TEXT] if isinstance(value, str) else value


def _name(data: Mapping[str, Any]) -> str:
    return str(data.get("name", "")).strip()[:120]
