"""Who may be written to, and what is known of a shopper. Consent and suppression are looked up here and nowhere else.

    for shopper in reachable(audience.rule, "email"):
        shopper.left_out    # "" or a Message.State: "suppressed", "no_consent", "no_address"
    reachable(audience.rule, "email").filter(left_out="")

Peculiar: `reachable` gives everybody of the audience, those who must not be written to with the reason, because a
campaign keeps a row for them too: left out in all arms alike, they take nothing from the comparison.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

from django.db.models import Case, CharField, F, Q, QuerySet, Value, When
from django.db.models.functions import Collate, Lower
from django.db.models.lookups import In
from django.utils.translation import gettext as _
from django_stubs_ext import WithAnnotations

from campaigns.addresses import comparable
from campaigns.audience_sql import rule_q
from campaigns.models import Channel, Consent, Message, Shopper, Suppression
from core import errors

ADDRESS_OF = {Channel.EMAIL: "email", Channel.SMS: "phone", Channel.PUSH: "push_token"}
Who = Sequence[Mapping[str, Any]] | QuerySet[Shopper]


class Reach(TypedDict):
    """What `reachable` adds to a shopper."""

    left_out: str
    address_used: str


def in_audience(who: Who) -> QuerySet[Shopper]:
    """The shoppers of a rule; a queryset as it is."""
    return who if isinstance(who, QuerySet) else Shopper.objects.filter(rule_q(who))


def reachable(who: Who, channel: str) -> QuerySet[WithAnnotations[Shopper, Reach]]:
    """Everybody in `who`, with `left_out` ("" for those who may be written to) and `address_used`.

    A suppression weighs more than a missing consent, and that more than a missing address. Raises InvalidInput for a
    channel that nobody can be written to by.
    """
    return in_audience(who).annotate(left_out=left_out(channel), address_used=F(address_field(channel)))


def address_field(channel: str) -> str:
    """The column that holds the address of a channel."""
    try:
        return ADDRESS_OF[Channel(channel)]
    except ValueError:
        raise errors.InvalidInput.field("channel", _("This channel is not known.")) from None


def left_out(channel: str) -> Case:
    """Why a shopper must not be written to, as an expression over shoppers; "" where nothing speaks against it."""
    return Case(
        When(suppressed(channel), then=Value(Message.State.SUPPRESSED.value)),
        When(~Q(channels__contains=[channel]), then=Value(Message.State.NO_CONSENT.value)),
        When(**{address_field(channel): ""}, then=Value(Message.State.NO_ADDRESS.value)),
        default=Value(""),
        output_field=CharField(),
    )


def suppressed(channel: str) -> Q:
    """Whether a suppression names the shopper's address or unit."""
    # Two lists that are read once, instead of a look-up for each shopper.
    listed = Suppression.objects.filter(channel__in=["", channel]).order_by().values("value")
    return Q(In(_small(address_field(channel)), listed)) | Q(In(_small("unit"), listed))


def is_suppressed(channel: str, address: str, unit: str = "") -> bool:
    """Whether nothing may go to this address, or to this unit, by a channel."""
    values = [comparable(one) for one in (address, unit) if one.strip()]
    return Suppression.objects.filter(channel__in=["", channel], value__in=values).exists()


def reasons_of(shopper: Shopper) -> dict[str, str]:
    """Why the shopper must not be written to by each channel; "" where nothing speaks against it. One query."""
    columns = {f"by_{channel}": left_out(channel) for channel in Channel.values}
    found = Shopper.objects.filter(pk=shopper.pk).annotate(**columns).values_list(*columns).get()
    return dict(zip(Channel.values, found, strict=True))


def shopper_by_unit(unit: str) -> Shopper:
    """One shopper. Raises NotFound."""
    found = Shopper.objects.filter(unit=unit).first()
    if found is None:
        raise errors.NotFound(_("No shopper bears this unit."))
    return found


def find_shoppers(words: str = "") -> QuerySet[Shopper]:
    """All shoppers, or those whose unit begins with the words or whose address they are."""
    if not words:
        return Shopper.objects.all()
    address = comparable(words)
    named = Q(unit__startswith=words) | Q(unit=words)
    return Shopper.objects.filter(named | Q(email=address) | Q(phone=address))


def consents_of(shopper: Shopper) -> list[Consent]:
    """When the shopper agreed to what and took it back, the newest first."""
    return list(Consent.objects.filter(shopper=shopper))


def suppressions_of(shopper: Shopper) -> QuerySet[Suppression]:
    """Every suppression that names the shopper's unit or one of the addresses."""
    values = [comparable(one) for one in (shopper.unit, shopper.email, shopper.phone, shopper.push_token) if one]
    return Suppression.objects.filter(value__in=values)


def suppression_list(words: str = "", reason: str = "") -> QuerySet[Suppression]:
    """All suppressions, the newest first; those whose value begins with the words, or of one reason."""
    found = Suppression.objects.select_related("created_by")
    if words:
        found = found.filter(value__startswith=comparable(words))
    return found.filter(reason=reason) if reason else found


def _small(field: str) -> Lower:
    return Lower(Collate(F(field), "C"))
