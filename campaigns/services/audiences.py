"""Writes of audiences. A running test keeps the rule it was launched with, so a change here moves nobody in it."""

from __future__ import annotations

import itertools
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.text import slugify
from django.utils.translation import gettext as _

from campaigns.audience_words import explain
from campaigns.audiences import RuleError, validate_rule
from campaigns.models import Audience, Campaign
from campaigns.models.campaign import CampaignStatus
from core import audit, errors
from core.models import User

FIELDS = ("name_en", "name_zh", "description_en", "description_zh", "rule")
# What stands in an address beside the keys.
RESERVED = frozenset({"new", "count"})
KEY_LENGTH = 36
OPEN = (CampaignStatus.DRAFT, CampaignStatus.GENERATING, CampaignStatus.REVIEW, CampaignStatus.READY)


def create_audience(*, actor: User, key: str = "", **fields: Any) -> Audience:
    """A new audience; without a key it gets one from its name. Raises InvalidInput, Conflict where the key is taken."""
    values = _checked(fields)
    wanted = key or _free_key(values["name_en"])
    if wanted in RESERVED:
        raise errors.InvalidInput.field("key", _("This key is taken by a page; choose another."))
    try:
        with transaction.atomic():
            made = Audience.objects.create(key=wanted, **values)
            audit.record("audience.made", made, actor=actor, conditions=len(made.rule))
    except IntegrityError as problem:
        raise errors.Conflict(_("An audience with this key exists already."), code="key_taken") from problem
    return made


@transaction.atomic
def change_audience(audience: Audience, *, actor: User, **fields: Any) -> Audience:
    """Change names, descriptions and rule; the trail names the fields and not their values."""
    values = _checked(fields)
    locked = Audience.objects.select_for_update().get(pk=audience.pk)
    changed = [name for name in FIELDS if getattr(locked, name) != values[name]]
    for name in changed:
        setattr(locked, name, values[name])
    if changed:
        locked.save(update_fields=changed)
        audit.record("audience.changed", locked, actor=actor, fields=changed, conditions=len(locked.rule))
    return locked


@transaction.atomic
def put_away_audience(audience: Audience, *, actor: User) -> Audience:
    """Offer the audience no more. Raises Conflict where a campaign that is not launched yet still speaks to it."""
    locked = Audience.objects.select_for_update().get(pk=audience.pk)
    if Campaign.objects.filter(audiences=locked, status__in=OPEN).exists():
        raise errors.Conflict(_("A campaign that is being prepared speaks to this audience."), code="audience_in_use")
    return _set_archived(locked, actor=actor, archived=True)


@transaction.atomic
def restore_audience(audience: Audience, *, actor: User) -> Audience:
    """Offer it again."""
    return _set_archived(audience, actor=actor, archived=False)


def _set_archived(audience: Audience, *, actor: User, archived: bool) -> Audience:
    if Audience.objects.filter(pk=audience.pk, is_archived=not archived).update(is_archived=archived):
        audience.is_archived = archived
        audit.record("audience.put_away" if archived else "audience.restored", audience, actor=actor)
    return audience


def _checked(fields: dict[str, Any]) -> dict[str, Any]:
    values = {name: fields.get(name, [] if name == "rule" else "") for name in FIELDS}
    values["name_en"] = values["name_en"].strip() or values["name_zh"].strip()
    if not values["name_en"]:
        raise errors.InvalidInput.field("name_en", _("A name is needed, in one of the two languages."))
    try:
        validate_rule(values["rule"])
    except RuleError as problem:
        raise errors.InvalidInput.field(problem.field, explain(problem)) from problem
    return values


def _free_key(name: str) -> str:
    stem = slugify(name)[:KEY_LENGTH].strip("-_") or "audience"
    taken = {*Audience.objects.filter(key__startswith=stem).values_list("key", flat=True), *RESERVED}
    numbered = itertools.chain([stem], (f"{stem}-{number}" for number in itertools.count(2)))
    return next(key for key in numbered if key not in taken)
