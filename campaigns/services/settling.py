"""Bringing a campaign's state in line with its copy and its jobs, whatever happened in between."""

from __future__ import annotations

from django.db import transaction

from campaigns import lifecycle, queries
from campaigns.models import Campaign, Copy
from campaigns.models.campaign import CampaignStatus
from campaigns.models.copies import CopyStatus
from core import audit

# Nobody reviews a candidate before its author hands it in.
NOT_HANDED_IN = frozenset({CopyStatus.DRAFT, CopyStatus.DISCARDED})


@transaction.atomic
def settle_campaign(campaign: Campaign) -> str:
    """Bring the campaign's state in line with its copy: draft, review or ready. Answers the state.

    Changes nothing while a job writes for it, nor once it was launched. Safe to call at any time, by anyone.
    """
    status = Campaign.objects.select_for_update().values_list("status", flat=True).get(pk=campaign.pk)
    if status not in lifecycle.OPEN_CAMPAIGN or queries.open_generation(campaign):
        return status
    copies = Copy.objects.filter(campaign=campaign).exclude(status__in=NOT_HANDED_IN).count()
    approved = bool(copies) and not queries.audiences_without_approved(campaign)
    wanted = lifecycle.state_after_writing(copies=copies, every_audience_approved=approved)
    if wanted in lifecycle.CAMPAIGN_MOVES[status]:
        Campaign.objects.filter(pk=campaign.pk, status=status).update(status=wanted)
        audit.record(f"campaign.{wanted}", campaign, actor=None)
        return wanted
    return status


def settle_generating() -> int:
    """Settle every campaign that is said to be written for; how many were not any more.

    A job may end without its task: cancelled while it waited, or given up after its worker died too often.
    """
    generating = Campaign.objects.filter(status=CampaignStatus.GENERATING)
    return sum(settle_campaign(campaign) != CampaignStatus.GENERATING for campaign in generating)
