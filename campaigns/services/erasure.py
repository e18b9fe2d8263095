"""Erasing a shopper: who it was goes from every table; what all shoppers together did stays true.

The row, consents and messages are deleted. In the tests the unit becomes nobody (experiments.services.forgetting).
Suppressions of the shopper go as well, but for a complaint or an objection: without the address nobody could heed it.
docs/privacy.md says what stays and why.
"""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from campaigns.models import Message, Shopper, Suppression
from campaigns.queries.shoppers import suppressions_of
from campaigns.services.forgetting import forget_carried
from campaigns.services.guards import require
from campaigns.services.suppression import LASTING, suppress
from core import audit
from core.audit import Actor
from core.models import User
from experiments.services.forgetting import forget_unit


@transaction.atomic
def erase_shopper(shopper: Shopper, *, actor: Actor, objected: bool = False) -> dict[str, Any]:
    """Erase one shopper; what became of it, in numbers. With `objected` the addresses stay as suppressed.

    A member needs the permission to delete shoppers. Raises Forbidden.
    """
    if isinstance(actor, User):
        require(actor, "campaigns.delete_shopper", _("erase shoppers"))
    locked = Shopper.objects.select_for_update().get(pk=shopper.pk)
    if objected:
        for value in _addresses(locked):
            suppress(value=value, reason=Suppression.Reason.OBJECTED.value, actor=actor)
    forgotten = forget_unit(locked.unit)
    suppressions_of(locked).exclude(reason__in=LASTING).delete()
    messages = list(Message.objects.filter(shopper=locked).values_list("pk", flat=True))
    forget_carried(messages)
    counts = {
        "tests": forgotten.tests,
        "events": forgotten.events,
        "messages": len(messages),
        "objected": objected,
    }
    audit.record("shopper.erased", locked, actor=actor, **counts)
    locked.delete()
    return counts


def _addresses(shopper: Shopper) -> list[str]:
    """What an objection is kept by: the addresses, or the unit where there is none."""
    return [one for one in (shopper.email, shopper.phone) if one] or [shopper.unit]
