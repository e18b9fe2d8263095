"""Who may do what, said once: each refusal is a Forbidden or Conflict with its sentence."""

from __future__ import annotations

from django.utils.translation import gettext as _

from campaigns import lifecycle
from campaigns.models import Campaign
from campaigns.models.campaign import CampaignStatus
from core import errors
from core.models import User


def require(member: User, permission: str, what: str) -> None:
    """Raise Forbidden where the member's roles do not allow it: `what`, translated, completes “You may not …”."""
    if not member.has_perm(permission):
        sentence = _("You may not %(what)s: your roles do not include it.") % {"what": what}
        raise errors.Forbidden(sentence, code="role_missing")


def require_open(campaign: Campaign, what: str) -> None:
    """Raise Conflict where the campaign has been launched: `what`, translated, completes “so …”."""
    status = Campaign.objects.values_list("status", flat=True).get(pk=campaign.pk)
    if status not in lifecycle.OPEN_CAMPAIGN:
        words = {"campaign": campaign.name, "status": CampaignStatus(status).label, "what": what}
        sentence = _("The campaign “%(campaign)s” is %(status)s, so %(what)s.") % words
        raise errors.Conflict(sentence, code="campaign_closed", status=status)
