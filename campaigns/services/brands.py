"""Writes of brands. Every change is in the audit trail with the names of its fields.

Two rules beside the role: only an administrator sets from when a second approver is needed, for otherwise who writes
copy could lift the rule for it; and who keeps a brand to members stays one, or the brand would be gone for them.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.text import slugify
from django.utils.translation import gettext as _

from campaigns.models import Brand
from campaigns.services.guards import require
from core import access, audit, errors
from core.models import User
from core.roles import Role

FIELDS = (
    "name", "voice", "tone", "banned_words", "preferred_words", "disclaimers", "default_language", "jurisdictions",
    "second_approver_from", "sender_name", "sender_email", "postal_address", "quiet_from", "quiet_until",
    "cap_messages", "cap_days",
)  # fmt: skip
# What stands in an address beside the keys.
RESERVED = frozenset({"new"})
KEY_LENGTH = 70


def create_brand(*, actor: User, members: Collection[User] = (), **fields: Any) -> Brand:
    """A new brand with a key from its name. Raises Forbidden, InvalidInput, Conflict where the key is taken by then."""
    require(actor, "campaigns.add_brand", _("make brands"))
    _check(actor, members, fields, before=None)
    try:
        with transaction.atomic():
            made = Brand.objects.create(key=_free_key(fields["name"]), **{name: fields[name] for name in fields})
            made.members.set(members)
            audit.record("brand.made", made, actor=actor, members=sorted(one.pk for one in members))
    except IntegrityError as problem:
        raise errors.Conflict(_("A brand with this key exists already."), code="key_taken") from problem
    return made


@transaction.atomic
def change_brand(brand: Brand, *, actor: User, members: Collection[User], **fields: Any) -> list[str]:
    """Change a brand; the names of the fields that differ, none where nothing does.

    Raises NotFound for a stranger to the brand, Forbidden, InvalidInput.
    """
    require(actor, "campaigns.change_brand", _("change brands"))
    locked = access.visible(actor, Brand.objects.filter(pk=brand.pk)).first()
    if locked is None:
        raise errors.NotFound(_("There is no such brand."))
    locked = Brand.objects.select_for_update().get(pk=locked.pk)
    _check(actor, members, fields, before=locked)
    changed = [name for name in FIELDS if name in fields and getattr(locked, name) != fields[name]]
    for name in changed:
        setattr(locked, name, fields[name])
    if changed:
        locked.save(update_fields=changed)
    before = set(locked.members.values_list("pk", flat=True))
    after = {one.pk for one in members}
    if before != after:
        locked.members.set(members)
        changed.append("members")
    if changed:
        audit.record("brand.changed", locked, actor=actor, fields=changed, **_members(before, after))
    return changed


def _members(before: set[int], after: set[int]) -> dict[str, list[int]]:
    return {"members_before": sorted(before), "members_after": sorted(after)} if before != after else {}


def _check(actor: User, members: Collection[User], fields: dict[str, Any], *, before: Brand | None) -> None:
    if actor.has_role(Role.ADMINISTRATOR):
        return
    known = before.second_approver_from if before else None
    if fields.get("second_approver_from", known) != known:
        text = _("Only an administrator sets from when a second approver is needed.")
        raise errors.InvalidInput.field("second_approver_from", text)
    if members and actor not in members:
        text = _("Stay among the members, or you would no longer see the brand.")
        raise errors.InvalidInput.field("members", text)


def _free_key(name: str) -> str:
    stem = slugify(name)[:KEY_LENGTH].strip("-_") or "brand"
    taken = {*Brand.objects.filter(key__startswith=stem).values_list("key", flat=True), *RESERVED}
    numbered = itertools.chain([stem], (f"{stem}-{number}" for number in itertools.count(2)))
    return next(key for key in numbered if key not in taken)
