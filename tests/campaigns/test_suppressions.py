"""Suppressions: who gets nothing, whatever was agreed, and how hard it is to come off the list."""

from __future__ import annotations

import pytest

from campaigns import queries, services
from campaigns.addresses import comparable
from campaigns.models import Suppression
from core import errors
from core.models import AuditEntry
from tests import people

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        (" Anna@Example.TEST ", "anna@example.test"),
        ("+49 170 / 123-45.67", "+491701234567"),
        ("0049 170 1234567", "+491701234567"),
        ("U-12", "u-12"),
        ("007", "007"),
        ("ÄB", "Äb"),
    ],
)
def test_an_address_is_compared_in_one_form(written: str, stored: str) -> None:
    assert comparable(written) == stored


def test_a_suppression_is_of_one_channel_or_of_all() -> None:
    services.suppress(value="a@example.test", reason="bounced", channel="email")
    services.suppress(value="u-2", reason="manual")
    assert queries.is_suppressed("email", "A@example.test")
    assert not queries.is_suppressed("sms", "a@example.test")
    assert queries.is_suppressed("sms", "+491701234567", "U-2")
    assert not queries.is_suppressed("email", "", "")


def test_the_same_said_twice_is_one_row_and_a_lasting_reason_wins() -> None:
    services.suppress(value="a@example.test", reason="unsubscribed")
    services.suppress(value="A@example.test", reason="complained")
    services.suppress(value="a@example.test", reason="manual")
    assert Suppression.objects.get().reason == "complained"


def test_a_list_is_stored_whole_or_not_at_all() -> None:
    services.suppress(value="a@example.test", reason="manual")
    assert services.suppress_many(values=["A@example.test", "b@example.test", "b@example.test"], reason="manual") == 1
    with pytest.raises(errors.InvalidInput):
        services.suppress_many(values=["c@example.test", " "], reason="manual")
    assert Suppression.objects.count() == 2


def test_an_administrator_takes_somebody_off_with_a_reason_which_is_recorded() -> None:
    dora, listed = people.dora(), services.suppress(value="a@example.test", reason="manual")
    services.lift_suppression(listed, reason="Entered by mistake.", actor=dora)
    assert not Suppression.objects.exists()
    entry = AuditEntry.objects.get(action="suppression.lifted")
    assert entry.data["reason"] == "Entered by mistake."


@pytest.mark.parametrize("reason", ["complained", "objected"])
def test_who_complained_or_objected_stays_for_ever(reason: str) -> None:
    dora, listed = people.dora(), services.suppress(value="a@example.test", reason=reason)
    with pytest.raises(errors.Conflict):
        services.lift_suppression(listed, reason="Please.", actor=dora)
    assert Suppression.objects.count() == 1
    assert not AuditEntry.objects.filter(action="suppression.lifted").exists()


def test_a_marketer_takes_nobody_off_and_nobody_without_a_reason() -> None:
    alice, dora, listed = people.alice(), people.dora(), services.suppress(value="a@example.test", reason="manual")
    with pytest.raises(errors.Forbidden):
        services.lift_suppression(listed, reason="Because.", actor=alice)
    with pytest.raises(errors.InvalidInput):
        services.lift_suppression(listed, reason="  ", actor=dora)
    assert Suppression.objects.count() == 1
