"""Who gets nothing, whatever was agreed: adding is for everybody who sends, taking off for administrators alone.

Peculiar: the audit trail names the channel and the reason and never the address, which may be erased one day. Who
complained or objected stays for ever: to write to them again would be against the law.
"""

from __future__ import annotations

from collections.abc import Sequence

from django.db import transaction
from django.utils.translation import gettext as _

from campaigns.addresses import comparable
from campaigns.models import Channel, Suppression
from core import audit, errors
from core.audit import Actor
from core.models import User
from core.roles import Role

LASTING = frozenset({Suppression.Reason.COMPLAINED.value, Suppression.Reason.OBJECTED.value})
LONGEST = Suppression._meta.get_field("value").max_length or 254


@transaction.atomic
def suppress(*, value: str, reason: str, channel: str = "", actor: Actor = None) -> Suppression:
    """Nothing goes to this address or unit any more, by one channel or (without one) by any. May be said twice.

    Said again with a lasting reason, that one stands. Raises InvalidInput naming the field.
    """
    known = _checked(value, reason=reason, channel=channel)
    member = actor if isinstance(actor, User) else None
    found, made = Suppression.objects.get_or_create(
        channel=channel, value=known, defaults={"reason": reason, "created_by": member}
    )
    raised = reason in LASTING and bool(
        Suppression.objects.filter(pk=found.pk).exclude(reason__in=LASTING).update(reason=reason)
    )
    if made or raised:
        found.refresh_from_db()
        audit.record("suppression.added", found, actor=actor, channel=channel, reason=reason)
    return found


@transaction.atomic
def suppress_many(*, values: Sequence[str], reason: str, channel: str = "", actor: Actor = None) -> int:
    """Many at once, all or none; how many were new. Raises InvalidInput for the first that cannot be used."""
    known = list(dict.fromkeys(_checked(value, reason=reason, channel=channel) for value in values))
    member = actor if isinstance(actor, User) else None
    before = set(Suppression.objects.filter(channel=channel, value__in=known).values_list("value", flat=True))
    missing = [value for value in known if value not in before]
    made = Suppression.objects.bulk_create(
        (Suppression(channel=channel, value=value, reason=reason, created_by=member) for value in missing),
        ignore_conflicts=True,
        batch_size=5000,
    )
    if reason in LASTING:
        listed = Suppression.objects.filter(channel=channel, value__in=known)
        listed.exclude(reason__in=LASTING).update(reason=reason)
    if made:
        audit.record("suppression.imported", made[0], actor=actor, channel=channel, reason=reason, count=len(made))
    return len(made)


@transaction.atomic
def lift_suppression(suppression: Suppression, *, reason: str, actor: User) -> None:
    """Take one off the list, for administrators and with a reason. Raises Forbidden, InvalidInput or Conflict."""
    if not actor.has_role(Role.ADMINISTRATOR):
        raise errors.Forbidden(_("Only an administrator may take somebody off this list."), code="role_missing")
    if not reason.strip():
        raise errors.InvalidInput.field("reason", _("Say why, for those who ask later."))
    kept = Suppression.objects.filter(pk=suppression.pk).exclude(reason__in=LASTING)
    audit.record(
        "suppression.lifted", suppression, actor=actor, reason=reason.strip()[:300], listed_as=suppression.reason
    )
    if not kept.delete()[0]:
        raise errors.Conflict(
            _("Who complained or objected stays on this list: writing to them again would be against the law."),
            code="suppression_lasts",
        )


def _checked(value: str, *, reason: str, channel: str) -> str:
    known = comparable(value)
    if not 0 < len(known) <= LONGEST or "\0" in known:
        raise errors.InvalidInput.field(
            "value", _("An address or unit of 1 to %(most)d characters is needed.") % {"most": LONGEST}
        )
    if reason not in Suppression.Reason.values:
        raise errors.InvalidInput.field("reason", _("This reason is not known."))
    if channel and channel not in Channel.values:
        raise errors.InvalidInput.field("channel", _("This channel is not known."))
    return known
