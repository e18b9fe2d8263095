"""How far the demo is, read from the states of its campaigns: for the panel on the home page.

Nothing is stored about the play itself. A campaign past its end (a person took it further) counts as set up.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from django.db.models import Sum
from django.utils.translation import gettext as _

from campaigns.demo import data
from campaigns.models import Campaign, CampaignExperiment
from core import queries as core_queries

ORDER = ("draft", "generating", "review", "ready", "scheduled", "running", "finished", "archived")
# Where each state begins, in percent of the whole way; writing and traffic take most of the time.
BEGINS = {"draft": 0, "generating": 5, "review": 50, "ready": 55, "scheduled": 55, "running": 60}
WRITING_TAKES, TRAFFIC_TAKES = 45, 40


@dataclass(frozen=True)
class Line:
    """One campaign that is not there yet."""

    key: str
    name: str
    percent: int
    sentence: str


@cache
def plays() -> dict[str, data.Play]:
    """The demo's campaigns by key, read once a process."""
    return {campaign.key: campaign.play for campaign in data.load().campaigns}


def setting_up() -> list[Line]:
    """The demo's campaigns that are still on their way; empty where there is no demo or it is done. 1 to 4 queries."""
    found = Campaign.objects.filter(key__in=plays()).order_by("id")
    return [_line(campaign) for campaign in found if not has_arrived(campaign)]


def has_arrived(campaign: Campaign) -> bool:
    """Whether a demo campaign is as far as the demo takes it."""
    return ORDER.index(campaign.status) >= ORDER.index(plays()[campaign.key].ends)


def _line(campaign: Campaign) -> Line:
    share, sentence = 0.0, str(campaign.get_status_display())
    if campaign.status == "draft":
        sentence = _("waits for its turn")
    elif campaign.status == "generating":
        share = WRITING_TAKES * written_percent(campaign) / 100
    elif campaign.status == "running":
        units, planned = units_of(campaign), max(1, plays()[campaign.key].shoppers)
        share = TRAFFIC_TAKES * min(1.0, units / planned)
        sentence = _("%(units)d of %(planned)d shoppers") % {"units": units, "planned": planned}
    return Line(campaign.key, campaign.name, round(BEGINS.get(campaign.status, 0) + share), sentence)


def written_percent(campaign: Campaign) -> float:
    """How far the newest job of a campaign is."""
    return next((job.percent for job in core_queries.jobs_of(campaign, 1)), 0.0)


def units_of(campaign: Campaign) -> int:
    """Shoppers folded so far, over all experiments of a campaign."""
    links = CampaignExperiment.objects.filter(campaign=campaign)
    return links.aggregate(units=Sum("experiment__arms__moments__n"))["units"] or 0
