"""Which tests somebody should look at: what went wrong with running ones, and those that wait for a decision."""

from __future__ import annotations

from django.db.models import Q

from campaigns.models.campaign import CampaignStatus
from core import access
from core.models import User
from experiments.lifecycle import Status
from experiments.models import Experiment, Source

MOST_READ = 50


def to_look_at(user: User) -> list[Experiment]:
    """Live ones that are stopped without a decision, bear a notice, or belong to a campaign whose breaker is pulled.

    Whoever archives a campaign has done with its tests. One query; each brings its campaign where it has one.
    """
    told = Q(notice__isnull=False) | Q(campaign_link__campaign__tripped_at__isnull=False)
    wanted = Q(status=Status.STOPPED) | told & Q(status__in=[Status.RUNNING, Status.PAUSED])
    rows = access.visible(user, Experiment.objects.filter(wanted, source=Source.LIVE))
    rows = rows.exclude(campaign_link__campaign__status=CampaignStatus.ARCHIVED)
    return list(rows.select_related("campaign_link__campaign").order_by("-stopped_at", "-id")[:MOST_READ])
