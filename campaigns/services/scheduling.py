"""A launch at an hour to come: set, taken back, and carried out by the beat.

Whoever schedules answers for the launch: it is made in that member's name, with the roles held at that hour. A launch
that is refused puts the campaign back to ready and tells its people why; it is not tried again by itself.
"""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from campaigns.models import Campaign
from campaigns.models.campaign import CampaignStatus
from campaigns.services.guards import require
from campaigns.services.launching import end_of, launch_campaign, require_ready
from core import audit, errors
from core.models import NoticeKind, User
from core.services.notices import notify

SCHEDULED = "campaign.scheduled"


@transaction.atomic
def schedule_campaign(campaign: Campaign, *, starts_at: datetime, actor: User) -> Campaign:
    """ready → scheduled. Raises InvalidInput for an hour that cannot be, Conflict for what a launch would refuse."""
    require(actor, "experiments.launch_experiment", _("schedule campaigns"))
    campaign = Campaign.objects.select_for_update().get(pk=campaign.pk)
    require_ready(campaign)
    _require_hour(campaign, starts_at)
    _change(campaign, CampaignStatus.READY, CampaignStatus.SCHEDULED, starts_at)
    audit.record(SCHEDULED, campaign, actor=actor, starts_at=starts_at.isoformat())
    return Campaign.objects.get(pk=campaign.pk)


@transaction.atomic
def unschedule_campaign(campaign: Campaign, *, actor: User) -> Campaign:
    """scheduled → ready: it waits for a person again. Conflict where it is not scheduled."""
    require(actor, "experiments.launch_experiment", _("take back a scheduled launch"))
    _change(campaign, CampaignStatus.SCHEDULED, CampaignStatus.READY, None)
    audit.record("campaign.unscheduled", campaign, actor=actor)
    return Campaign.objects.get(pk=campaign.pk)


def launch_due_campaigns(now: datetime | None = None) -> int:
    """Launch every scheduled campaign whose hour has come; how many were. Safe when it runs twice, or side by side."""
    due = Campaign.objects.filter(status=CampaignStatus.SCHEDULED, starts_at__lte=now or timezone.now())
    return sum(_launch(campaign) for campaign in due.order_by("starts_at", "pk"))


@transaction.atomic
def _launch(campaign: Campaign) -> bool:
    same = Campaign.objects.select_for_update().filter(
        pk=campaign.pk, status=CampaignStatus.SCHEDULED, starts_at=campaign.starts_at
    )
    if not same.exists():
        return False
    member = _scheduler(campaign)
    try:
        if member is None:
            raise errors.Conflict(_("Whoever scheduled the launch is no longer a member."), code="no_scheduler")
        with transaction.atomic():
            launch_campaign(campaign, actor=member)
    except errors.CopyliftError as problem:
        _give_up(campaign, member, problem)
        return False
    return True


def _scheduler(campaign: Campaign) -> User | None:
    entry = audit.history(campaign).filter(action=SCHEDULED).order_by("-id").first()
    if entry is None or entry.actor_id is None:
        return None
    return User.objects.filter(pk=entry.actor_id, is_active=True).first()


def _give_up(campaign: Campaign, member: User | None, problem: errors.CopyliftError) -> None:
    why = " ".join(problem.sentences())
    _change(campaign, CampaignStatus.SCHEDULED, CampaignStatus.READY, None)
    entry = audit.record("campaign.launch_failed", campaign, actor=None, code=problem.code, reason=why)
    for one in {person.pk: person for person in (member, campaign.created_by) if person is not None}.values():
        with translation.override(one.language or settings.LANGUAGE_CODE):
            subject = _("“%(campaign)s” was not launched at its hour") % {"campaign": campaign.name}
        url = reverse("campaigns:detail", args=[campaign.key])
        notify([one], NoticeKind.ALERT, key=f"launch-failed-{entry.pk}", subject=subject, body=why, url=url)


def _require_hour(campaign: Campaign, starts_at: datetime) -> None:
    if starts_at <= timezone.now():
        raise errors.InvalidInput.field("starts_at", _("lies in the past. Choose a later hour, or launch it now."))
    end = end_of(campaign)
    if end is not None and starts_at >= end:
        raise errors.InvalidInput.field("starts_at", _("lies after the last day of the campaign."))


def _change(campaign: Campaign, source: CampaignStatus, target: CampaignStatus, starts_at: datetime | None) -> None:
    rows = Campaign.objects.filter(pk=campaign.pk, status=source)
    if not rows.update(status=target, starts_at=starts_at):
        status = Campaign.objects.values_list("status", flat=True).get(pk=campaign.pk)
        words = {"campaign": campaign.name, "status": CampaignStatus(status).label, "needed": source.label}
        sentence = _("The campaign “%(campaign)s” is %(status)s; for this it must be %(needed)s.") % words
        raise errors.Conflict(sentence, code="state", status=status)
