"""Reads of placements: for their pages, and what a shop's page is answered.

A page of the shop gets texts and a signed word for what was decided (`token`). Events name nothing else, so a browser
can speak of the experiment, arm and unit it was given and of no other.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from django.core import signing
from django.db.models import QuerySet

from campaigns.models import Campaign, Placement
from campaigns.models.campaign import CampaignStatus
from campaigns.queries.reading import decide, links_of
from core import access
from core.models import User
from experiments.models import Arm

SALT = "campaigns.placement"
# A purchase this long after the page was seen is no longer counted; experiments have a window of their own besides.
TOKEN_SECONDS = 90 * 24 * 3600
SHOWING = frozenset({CampaignStatus.RUNNING, CampaignStatus.FINISHED})
PARTS = ("headline", "body", "call_to_action")
NOTHING: dict[str, Any] = {"show": False, "token": None}


class Decided(NamedTuple):
    """What a token says was decided for a unit."""

    unit: str
    experiment: str
    arm: str
    batch: int | None


def placement_list(user: User) -> QuerySet[Placement]:
    """The placements of the brands that the member may see, by name."""
    return access.visible(user, Placement.objects.select_related("brand", "campaign").order_by("name", "id"))


def placement_by_public_key(public_key: str) -> Placement | None:
    """The active placement of a public key."""
    return Placement.objects.select_related("campaign").filter(public_key=public_key, is_active=True).first()


def shown_at(placement: Placement, *, unit: str, attributes: Mapping[str, Any]) -> dict[str, Any]:
    """What a page of the shop is answered: whether to fill the place, with which texts, and the token for events.

    `show` is false where the page keeps its own content: no campaign, or one that was never launched or is put away.
    The token is there only for a unit in the experiment.
    """
    campaign = placement.campaign
    if campaign is None or campaign.status not in SHOWING:
        return dict(NOTHING)
    decision = decide(campaign.key, unit=unit, attributes=attributes)
    texts = public_content(decision["content"])
    if not any(texts[part] for part in PARTS):
        return dict(NOTHING)
    if not decision["in_experiment"]:
        return {"show": True, **texts, "token": None}
    return {"show": True, **texts, "token": token_of(placement, decision), "test": short_name(decision["experiment"])}


def public_content(content: Mapping[str, Any]) -> dict[str, Any]:
    """Of an arm's content what a stranger may read: texts, language, a link that is one, the mark of AI."""
    address = str(content.get("landing_url") or "")
    return {
        **{part: str(content.get(part) or "") for part in PARTS},
        "url": address if is_web_address(address) else "",
        "language": "zh-Hans" if content.get("language") == "zh" else str(content.get("language") or ""),
        "ai": content.get("ai") or None,
    }


def is_web_address(address: str) -> bool:
    """Whether it leads to a web page, and is no script or the like."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname)


def token_of(placement: Placement, decision: Mapping[str, Any]) -> str:
    """What was decided, signed for this placement."""
    said = [placement.pk, decision["unit"], decision["experiment"], decision["arm"], decision.get("batch")]
    return signing.dumps(said, salt=SALT, compress=True)


def short_name(experiment: str) -> str:
    """A name of an experiment that tells a stranger nothing, by which a page holds its tests apart."""
    return hashlib.sha256(experiment.encode()).hexdigest()[:12]


def read_token(placement: Placement, token: Any) -> Decided | None:
    """What a token of this placement says; None where it is forged, too old or another placement's."""
    try:
        pk, unit, experiment, arm, batch = signing.loads(token, salt=SALT, max_age=TOKEN_SECONDS)
    except (signing.BadSignature, ValueError, TypeError, AttributeError):
        return None
    return Decided(unit, experiment, arm, batch) if pk == placement.pk else None


def arms_shown(campaign: Campaign) -> list[dict[str, Any]]:
    """For the preview: by audience, what each arm of a launched campaign fills in, in three queries at most."""
    links = links_of(campaign)
    arms = Arm.objects.filter(experiment__in=[link.experiment_id for link in links]).order_by("position")
    by_experiment: dict[int, list[dict[str, Any]]] = {}
    for arm in arms:
        one = {"arm": arm, "control": arm.is_control, **public_content(arm.content)}
        by_experiment.setdefault(arm.experiment_id, []).append(one)
    return [{"link": link, "arms": by_experiment.get(link.experiment_id, [])} for link in links]
