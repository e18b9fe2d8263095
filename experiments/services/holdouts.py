"""Holdouts: a share of all units that no experiment reaches, to see what all of them together have brought."""

from __future__ import annotations

from django.db import IntegrityError, transaction
from django.db.models import F

from core import audit, errors
from core.audit import Actor
from experiments.models import Holdout
from experiments.specification import KEY

MOST = 0.5


def create_holdout(*, key: str, name: str, share: float, is_global: bool, actor: Actor) -> Holdout:
    """A holdout in force from now on: of every experiment, or of those that will name it.

    Units that an experiment has already let in and that fall into it get the control from now on, so make it before.
    Raises InvalidInput naming the field, Conflict where the key is taken.
    """
    if not KEY.fullmatch(key):
        raise errors.InvalidInput.field("key", "1 to 80 small letters, digits, hyphens and underscores are needed.")
    if not 0 < len(name.strip()) <= 200:
        raise errors.InvalidInput.field("name", "a name of 1 to 200 characters is needed.")
    if not 0 < share <= MOST:
        raise errors.InvalidInput.field("share", f"{share} is not above 0 and at most {MOST}.")
    try:
        with transaction.atomic():
            made = Holdout.objects.create(
                key=key, name=name.strip(), share=share, seed=f"holdout:{key}", is_global=is_global
            )
            audit.record("holdout.created", made, actor=actor, share=share, is_global=is_global)
    except IntegrityError as problem:
        if Holdout.objects.filter(key=key).exists():
            raise errors.Conflict(f"key: a holdout {key!r} exists already.", code="key_taken") from problem
        raise
    return made


@transaction.atomic
def end_holdout(holdout: Holdout, *, actor: Actor) -> Holdout:
    """Let its units in again. Raises Conflict where it has ended."""
    if not Holdout.objects.filter(pk=holdout.pk, is_active=True).update(is_active=False, version=F("version") + 1):
        raise errors.Conflict("The holdout has ended before.", code="state")
    ended = Holdout.objects.get(pk=holdout.pk)
    audit.record("holdout.ended", ended, actor=actor)
    return ended
