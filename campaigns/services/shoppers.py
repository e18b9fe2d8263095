"""Writes of shoppers: what the shop says of them, and what they agreed to.

Peculiar: consent is a history that is only added to, and `Shopper.channels` is what its newest entries come to, so an
old list that is imported late brings nobody back. No unit, address or attribute goes into the audit trail or a log.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from campaigns.models import Channel, Consent, Shopper
from campaigns.people_records import FIELDS, SLACK, ConsentInput, ShopperInput
from core import audit, errors
from core.audit import Actor

SOURCE_LENGTH = 80


@dataclass(frozen=True, slots=True)
class Upserted:
    """How many were new, and how many changed of those that were known."""

    made: int
    changed: int


def give_consent(shopper: Shopper, *, channel: str, source: str, at: datetime | None = None) -> Shopper:
    """The shopper agrees to a channel. Said twice with the same moment it counts once. Raises InvalidInput."""
    return _record(shopper, channel=channel, given=True, source=source, at=at)


def withdraw_consent(shopper: Shopper, *, channel: str, source: str, at: datetime | None = None) -> Shopper:
    """The shopper takes it back: nothing goes out by this channel any more. Raises InvalidInput."""
    return _record(shopper, channel=channel, given=False, source=source, at=at)


@transaction.atomic
def _record(shopper: Shopper, *, channel: str, given: bool, source: str, at: datetime | None) -> Shopper:
    entry = checked_consent(channel=channel, given=given, source=source, at=at)
    locked = Shopper.objects.select_for_update().get(pk=shopper.pk)
    _add_consents({locked.pk: (entry,)})
    _settle([locked])
    return locked


def checked_consent(*, channel: str, given: bool, source: str, at: datetime | None = None) -> ConsentInput:
    """A consent that can be stored. Raises InvalidInput naming the field."""
    if channel not in Channel.values:
        raise errors.InvalidInput.field("channel", _("This channel is not known."))
    if not 0 < len(source.strip()) <= SOURCE_LENGTH:
        raise errors.InvalidInput.field("source", _("Say in 1 to 80 characters where the shopper said so."))
    moment = at or timezone.now()
    if timezone.is_naive(moment):
        raise errors.InvalidInput.field("at", _("A moment with its time zone is needed."))
    if moment > timezone.now() + SLACK:
        raise errors.InvalidInput.field("at", _("This moment lies ahead."))
    return ConsentInput(channel, given, source.strip(), moment)


@transaction.atomic
def upsert_shoppers(people: Iterable[ShopperInput], *, actor: Actor, source: str) -> Upserted:
    """Make or change these shoppers; of one unit the last counts. The same list again changes nothing.

    For a few thousand in one call. Raises nothing: what cannot be stored was refused when it was read.
    """
    wanted = {one.unit: one for one in people}
    made = _make_missing(list(wanted))
    shoppers = _locked(wanted)
    changed = [shopper for shopper in shoppers if _take(shopper, wanted[shopper.unit])]
    for shopper in changed:
        shopper.changed_at = timezone.now()
    Shopper.objects.bulk_update(changed, [*FIELDS, "attributes", "changed_at"], batch_size=500)
    grown = _add_consents({one.pk: wanted[one.unit].consents for one in shoppers if wanted[one.unit].consents})
    _settle([shopper for shopper in shoppers if shopper.pk in grown])
    touched = {shopper.pk for shopper in changed} | grown
    result = Upserted(len(made), len([one for one in shoppers if one.pk in touched and one.unit not in made]))
    if result.made or result.changed:
        counts = {"made": result.made, "changed": result.changed}
        audit.record("shoppers.stored", shoppers[0], actor=actor, source=source, **counts)
    return result


def _make_missing(units: list[str]) -> set[str]:
    """Empty rows for units that have none, so that two who store the same shopper at once wait for each other."""
    known = set(Shopper.objects.filter(unit__in=units).values_list("unit", flat=True))
    missing = [unit for unit in units if unit not in known]
    Shopper.objects.bulk_create((Shopper(unit=unit) for unit in missing), ignore_conflicts=True, batch_size=1000)
    return set(missing)


def _locked(units: Iterable[str]) -> list[Shopper]:
    # In one order, so that two who store at once wait for each other instead of dying.
    return list(Shopper.objects.select_for_update().filter(unit__in=list(units)).order_by("pk"))


def _take(shopper: Shopper, one: ShopperInput) -> bool:
    """Put what was said into the row; whether that changed it."""
    said = {name: value for name in FIELDS if (value := getattr(one, name)) is not None}
    if one.attributes:
        said["attributes"] = {**shopper.attributes, **one.attributes}
    changed = {name: value for name, value in said.items() if getattr(shopper, name) != value}
    for name, value in changed.items():
        setattr(shopper, name, value)
    return bool(changed)


def _add_consents(agreed: Mapping[int, tuple[ConsentInput, ...]]) -> set[int]:
    """Add the entries that are not there yet; whose history grew."""
    rows = Consent.objects.filter(shopper__in=list(agreed))
    present = set(rows.values_list("shopper_id", "channel", "given", "source", "at"))
    wanted = [
        Consent(shopper_id=pk, channel=one.channel, given=one.given, source=one.source, at=one.at)
        for pk, entries in agreed.items()
        for one in dict.fromkeys(entries)
        if (pk, one.channel, one.given, one.source, one.at) not in present
    ]
    Consent.objects.bulk_create(wanted, batch_size=2000)
    return {one.shopper_id for one in wanted}


def _settle(shoppers: list[Shopper]) -> None:
    """What each agreed to now: the newest entry of each channel, the later one of the same moment."""
    latest = (
        Consent.objects.filter(shopper__in=[one.pk for one in shoppers])
        .order_by("shopper_id", "channel", "-at", "-id")
        .distinct("shopper_id", "channel")
    )
    # A channel without a history keeps what the row says of it.
    agreed = {shopper.pk: set(shopper.channels) for shopper in shoppers}
    for pk, channel, given in latest.values_list("shopper_id", "channel", "given"):
        (agreed[pk].add if given else agreed[pk].discard)(channel)
    for shopper in shoppers:
        shopper.channels = sorted(agreed[shopper.pk])
        shopper.changed_at = timezone.now()
    Shopper.objects.bulk_update(shoppers, ["channels", "changed_at"], batch_size=500)
