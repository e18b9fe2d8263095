"""Shoppers: what the shop says of them, what they agreed to, and who may be written to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from campaigns import queries, services
from campaigns.models import Consent, Shopper
from campaigns.services import ConsentInput, ShopperInput
from core import errors
from core.models import AuditEntry

pytestmark = pytest.mark.django_db

MONDAY = datetime(2026, 3, 2, 9, tzinfo=UTC)
FRIDAY = MONDAY + timedelta(days=4)


def shopper(unit: str = "u-1", **fields: Any) -> Shopper:
    """One shopper who has an e-mail address and agreed to e-mails."""
    values = {"email": f"{unit}@example.test", "channels": ["email"], **fields}
    return Shopper.objects.create(unit=unit, **values)


def test_agreeing_and_taking_it_back_is_a_history_whose_newest_entry_counts() -> None:
    one = shopper(channels=[])
    assert services.give_consent(one, channel="email", source="checkout", at=MONDAY).channels == ["email"]
    assert services.withdraw_consent(one, channel="email", source="stop", at=FRIDAY).channels == []
    late = services.give_consent(one, channel="email", source="import", at=MONDAY + timedelta(days=1))
    assert late.channels == []
    assert Consent.objects.filter(shopper=one).count() == 3
    assert services.give_consent(one, channel="email", source="checkout").channels == ["email"]


def test_the_same_consent_said_twice_is_stored_once() -> None:
    one = shopper(channels=[])
    for _ in range(2):
        services.give_consent(one, channel="sms", source="checkout", at=MONDAY)
    assert Consent.objects.count() == 1


def test_a_channel_without_history_keeps_what_the_row_says() -> None:
    one = shopper(channels=["push"])
    assert services.give_consent(one, channel="sms", source="checkout").channels == ["push", "sms"]


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"channel": "letter"}, "channel"),
        ({"source": " "}, "source"),
        ({"at": datetime.now(UTC) + timedelta(days=1)}, "at"),
        ({"at": datetime(2026, 3, 2)}, "at"),  # noqa: DTZ001 - what is refused
    ],
)
def test_a_consent_that_cannot_be_is_refused_and_changes_nothing(wrong: dict[str, Any], field: str) -> None:
    one = shopper(channels=[])
    with pytest.raises(errors.InvalidInput) as problem:
        services.give_consent(one, **{"channel": "email", "source": "checkout", **wrong})
    assert problem.value.problems[0].field == field
    assert Consent.objects.count() == 0
    assert Shopper.objects.get().channels == []


def test_who_may_be_written_to_and_why_the_others_not() -> None:
    shopper("fine")
    shopper("silent", channels=["sms"])
    shopper("nowhere", email="")
    shopper("BLOCKED")
    shopper("by-address", email="Not.Me@Example.test")
    shopper("of-sms-only")
    services.suppress(value="blocked", reason="manual")
    services.suppress(value="not.me@example.TEST", reason="complained", channel="email")
    services.suppress(value="of-sms-only", reason="unsubscribed", channel="sms")
    found = {one.unit: one.left_out for one in queries.reachable([], "email")}
    assert found == {
        "fine": "",
        "silent": "no_consent",
        "nowhere": "no_address",
        "BLOCKED": "suppressed",
        "by-address": "suppressed",
        "of-sms-only": "",
    }
    written_to = queries.reachable([], "email").filter(left_out="")
    assert [one.address_used for one in written_to.order_by("unit")] == [
        "fine@example.test", "of-sms-only@example.test",
    ]  # fmt: skip


def test_reaching_narrows_to_the_audience_or_the_queryset_given() -> None:
    shopper("student", attributes={"student": True})
    shopper("other")
    rule = [{"attribute": "student", "operator": "is", "value": True}]
    assert [one.unit for one in queries.reachable(rule, "email")] == ["student"]
    assert [one.unit for one in queries.reachable(Shopper.objects.filter(unit="other"), "email")] == ["other"]
    with pytest.raises(errors.InvalidInput):
        queries.reachable([], "letter")


def test_storing_the_same_shoppers_again_changes_nothing() -> None:
    agreed = (ConsentInput("email", given=True, source="checkout", at=MONDAY),)
    people = [
        ShopperInput("u-1", email="a@example.test", attributes={"orders": 1}, consents=agreed),
        ShopperInput("u-2", country="DE"),
    ]
    first = services.upsert_shoppers(people, actor="test", source="import")
    assert (first.made, first.changed) == (2, 0)
    entries = AuditEntry.objects.count()
    again = services.upsert_shoppers(people, actor="test", source="import")
    assert (again.made, again.changed) == (0, 0)
    assert (Shopper.objects.count(), Consent.objects.count(), AuditEntry.objects.count()) == (2, 1, entries)


def test_attributes_are_added_and_what_is_not_said_stays() -> None:
    shopper("u-1", attributes={"orders": 1, "city": "Bonn"})
    said = ShopperInput("u-1", attributes={"orders": 2})
    assert services.upsert_shoppers([said], actor=None, source="import").changed == 1
    known = Shopper.objects.get()
    assert known.attributes == {"orders": 2, "city": "Bonn"}
    assert (known.email, known.channels) == ("u-1@example.test", ["email"])


def test_nothing_personal_is_in_the_audit_trail() -> None:
    person = ShopperInput(
        "anna-1977",
        email="anna@example.test",
        phone="+491701234567",
        attributes={"city": "Bonn"},
        consents=(ConsentInput("email", given=True, source="checkout", at=MONDAY),),
    )
    services.upsert_shoppers([person], actor="test", source="import")
    services.suppress(value="anna@example.test", reason="manual")
    services.suppress_many(values=["+49 170 1234567", "anna-1977"], reason="manual")
    trail = "".join(f"{one.object_label}{one.data}" for one in AuditEntry.objects.all())
    assert AuditEntry.objects.count() == 3
    for personal in ("anna", "example.test", "1701234567", "Bonn"):
        assert personal not in trail
