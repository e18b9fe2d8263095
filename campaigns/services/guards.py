"""Who may do what, said once: each refusal is a Forbidden or Conflict with its sentence."""

from __future__ import annotations

from campaigns import lifecycle
from campaigns.models import Campaign
from core import errors
from core.models import User


def require(member: User, permission: str, what: str) -> None:
    """Raise Forbidden where the member's roles do not allow it: `what` completes “You may not …”."""
    if not member.has_perm(permission):
        raise errors.Forbidden(f"You may not {what}: your roles do not include it.", code="role_missing")


def require_open(campaign: Campaign, what: str) -> None:
    """Raise Conflict where the campaign has been launched: `what` completes “so …”."""
    status = Campaign.objects.values_list("status", flat=True).get(pk=campaign.pk)
    if status not in lifecycle.OPEN_CAMPAIGN:
        raise errors.Conflict(
            f"The campaign “{campaign}” is {status}, so {what}.", code="campaign_closed", status=status
        )
