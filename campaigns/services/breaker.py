"""The circuit breaker: everyone gets the control at once, by one button or because a guardrail was broken.

It pauses every running experiment of the campaign, so that each door (REST, SDK payloads, the snippet, messages) shows
the control, whichever it asks. Nothing that was counted is lost; who had seen an arm keeps it after the reset.
"""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from campaigns import queries
from campaigns.models import Campaign
from campaigns.models.campaign import CampaignStatus
from campaigns.queries.access import team_of
from campaigns.services.guards import require
from core import audit, errors
from core.models import NoticeKind, User, WebhookEvent
from core.services import notices, webhooks
from experiments import services as experiments
from experiments.lifecycle import Status
from experiments.models import Experiment
from experiments.services.guarding import BREACH

LONGEST_REASON = 500


@transaction.atomic
def trip_campaign(campaign: Campaign, *, reason: str, actor: User | str | None) -> Campaign:
    """Give everyone the control. `actor` is a member, the name of a process, or None for the platform itself.

    Raises InvalidInput without a reason, Conflict where the campaign does not run or the breaker is pulled already,
    Forbidden without the role.
    """
    if isinstance(actor, User):
        require(actor, "campaigns.trip_campaign", _("pull the circuit breaker"))
    return _pull(campaign, _checked(reason), actor)


def _pull(campaign: Campaign, reason: str, actor: User | str | None, **details: str) -> Campaign:
    running = Campaign.objects.filter(pk=campaign.pk, status=CampaignStatus.RUNNING, tripped_at=None)
    if not running.update(tripped_at=timezone.now(), tripped_reason=reason):
        raise errors.Conflict(
            _("The campaign “%(name)s” does not run, or its circuit breaker is pulled already.")
            % {"name": campaign.name},
            code="not_tripped",
        )
    tripped = Campaign.objects.select_related("brand").get(pk=campaign.pk)
    paused = [link.experiment for link in queries.links_of(tripped) if link.experiment.status == Status.RUNNING]
    for experiment in paused:
        experiments.pause_experiment(experiment, actor=actor)
    keys = [experiment.key for experiment in paused]
    entry = audit.record("campaign.tripped", tripped, actor=actor, reason=reason, paused=keys, **details)
    _tell(tripped, key=f"tripped-{entry.pk}", keys=keys)
    return tripped


@transaction.atomic
def reset_campaign(campaign: Campaign, *, reason: str, actor: User) -> Campaign:
    """Let the test go on: the experiments that the breaker paused run again, others stay as they are.

    Raises InvalidInput without a reason, Conflict where the breaker is not pulled, Forbidden without the role.
    """
    require(actor, "campaigns.trip_campaign", _("reset the circuit breaker"))
    reason = _checked(reason)
    pulled = Campaign.objects.filter(pk=campaign.pk, status=CampaignStatus.RUNNING, tripped_at__isnull=False)
    if not pulled.update(tripped_at=None, tripped_reason=""):
        raise errors.Conflict(
            _("The circuit breaker of “%(name)s” is not pulled.") % {"name": campaign.name}, code="not_tripped"
        )
    again = _paused_by_breaker(campaign)
    for experiment in again:
        experiments.resume_experiment(experiment, actor=actor)
    found = Campaign.objects.select_related("brand").get(pk=campaign.pk)
    audit.record("campaign.reset", found, actor=actor, reason=reason, resumed=[one.key for one in again])
    return found


def trip_breached() -> int:
    """Pull the breaker of every running campaign in which a guardrail paused an experiment; how many. For the beat."""
    breached = Experiment.objects.filter(
        status=Status.PAUSED,
        notice__code=BREACH,
        campaign_link__campaign__status=CampaignStatus.RUNNING,
        campaign_link__campaign__tripped_at=None,
    ).select_related("campaign_link__campaign")
    return sum(_trip_for(experiment) for experiment in breached)


def _trip_for(experiment: Experiment) -> bool:
    campaign: Campaign = experiment.campaign_link.campaign
    notice = experiment.notice or {}
    # One name for one breach: after a reset the same breach does not pull the breaker again.
    breach = f"{experiment.key}@{notice.get('at', '')}"
    if audit.history(campaign).filter(action="campaign.tripped", data__breach=breach).exists():
        return False
    reason = str(notice.get("sentence", ""))[:LONGEST_REASON] or _("A guardrail was broken.")
    try:
        with transaction.atomic():
            _pull(campaign, reason, "guardrail", breach=breach)
    except errors.Conflict:
        return False
    return True


def _paused_by_breaker(campaign: Campaign) -> list[Experiment]:
    """The experiments the breaker paused last, those that a broken guardrail had paused before it among them."""
    tripped = audit.history(campaign).filter(action="campaign.tripped")
    keys: list[str] = next((entry.data["paused"] for entry in tripped), [])
    return [
        link.experiment
        for link in queries.links_of(campaign)
        if link.experiment.status == Status.PAUSED
        and (link.experiment.key in keys or (link.experiment.notice or {}).get("code") == BREACH)
    ]


def _checked(reason: str) -> str:
    text = reason.strip()
    if not text:
        raise errors.InvalidInput.field("reason", _("say why; it is kept in the history."))
    if len(text) > LONGEST_REASON:
        raise errors.InvalidInput.field("reason", _("has more than %(most)d characters.") % {"most": LONGEST_REASON})
    return text


def _tell(campaign: Campaign, *, key: str, keys: list[str]) -> None:
    """Webhooks and the members who look after the brand's campaigns."""
    webhooks.emit(
        WebhookEvent.CAMPAIGN_TRIPPED,
        key=key,
        campaign=campaign.key,
        reason=campaign.tripped_reason,
        experiments=keys,
        at=campaign.tripped_at.isoformat() if campaign.tripped_at else "",
    )
    notices.notify(
        team_of(campaign.brand),
        NoticeKind.ALERT,
        key=key,
        subject=_("Circuit breaker pulled: %(name)s") % {"name": campaign.name},
        body=campaign.tripped_reason,
        url=f"/campaigns/{campaign.key}/",
    )
