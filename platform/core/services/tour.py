"""What is kept of a member's first tour: whether it was put away, and whether a result was read."""

from __future__ import annotations

from django.db import transaction

from core.models import User


@transaction.atomic
def note(user: User, **fields: bool) -> None:
    """Keep `closed` or `result`; the other stays as it is."""
    held = User.objects.select_for_update(of=("self",)).get(pk=user.pk)
    User.objects.filter(pk=held.pk).update(tour={**held.tour, **fields})
