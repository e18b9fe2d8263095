"""One shopper on the pages, over REST, exported and erased; and what an erasure leaves true."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.test import Client

from campaigns import services
from campaigns.models import Campaign, Consent, Message, Shopper, Suppression, Wave
from core.models import AuditEntry, User
from core.services.api_keys import issue_api_key
from experiments.models import ArmMoments, Event, Experiment, UnitTotals
from experiments.services import EventInput, audit_moments, fold_events, ingest
from tests import people
from tests.campaigns import shop

pytestmark = pytest.mark.django_db

UNIT = "anna-1977"


def anna() -> Shopper:
    """A shopper with everything."""
    made = Shopper.objects.create(
        unit=UNIT,
        email="anna@example.test",
        phone="+491701234567",
        attributes={"city": "Bonn", "<b>": "<script>"},
    )
    return services.give_consent(made, channel="email", source="checkout")


def put(client: Client, body: Any, *, scope: str = "write") -> Any:
    """A batch over REST."""
    _key, secret = issue_api_key(name="shop", scopes=[scope], created_by=None)
    return client.put(
        "/api/v1/shoppers", json.dumps(body), content_type="application/json", headers={"X-API-Key": secret}
    )


def say(client: Client, unit: str, body: Any, *, scope: str = "write") -> Any:
    """A consent over REST."""
    _key, secret = issue_api_key(name="shop", scopes=[scope], created_by=None)
    return client.post(
        f"/api/v1/shoppers/{unit}/consent",
        json.dumps(body),
        content_type="application/json",
        headers={"X-API-Key": secret},
    )


def test_a_marketer_finds_a_shopper_by_unit_or_address(client: Client, django_assert_max_num_queries: Any) -> None:
    one = anna()
    client.force_login(people.alice())
    for words in ("anna", "ANNA@example.test", "+49 170 1234567"):
        assert UNIT in client.get("/shoppers/", {"q": words}).content.decode()
    assert UNIT not in client.get("/shoppers/", {"q": "example"}).content.decode()
    with django_assert_max_num_queries(15):
        page = client.get(f"/shoppers/{one.pk}/").content.decode()
    assert "anna@example.test" in page
    assert "&lt;script&gt;" in page
    assert "<script>" not in page
    assert "has not agreed" in page


def test_consent_is_entered_by_hand_with_its_source(client: Client) -> None:
    one = anna()
    client.force_login(people.alice())
    path = f"/shoppers/{one.pk}/consent/"
    assert client.post(path, {"channel": "email", "given": "no", "source": ""}).status_code == 422
    assert Shopper.objects.get().channels == ["email"]
    client.post(path, {"channel": "email", "given": "no", "source": "telephone"})
    assert Shopper.objects.get().channels == []
    assert Consent.objects.count() == 2


def test_the_export_is_everything_known_and_the_trail_says_who_asked(client: Client) -> None:
    one = anna()
    services.suppress(value=one.phone, reason="manual", channel="sms")
    client.force_login(people.alice())
    answer = client.post(f"/shoppers/{one.pk}/export/")
    found = json.loads(answer.content)
    assert answer["Content-Disposition"] == f'attachment; filename="shopper-{one.pk}.json"'
    assert found["shopper"]["email"] == "anna@example.test"
    assert [one["source"] for one in found["consents"]] == ["checkout"]
    assert found["suppressions"][0]["channel"] == "sms"
    assert AuditEntry.objects.filter(action="shopper.exported").count() == 1


@pytest.mark.parametrize("who", [people.ana, people.bob, people.charlie])
def test_others_see_and_move_nothing(client: Client, who: Any) -> None:
    one = anna()
    client.force_login(who())
    for step in ("export", "erase", "consent"):
        assert client.post(f"/shoppers/{one.pk}/{step}/", {"confirm": "on"}).status_code == 403
    assert Shopper.objects.count() == 1


def test_a_marketer_does_not_erase_and_an_administrator_only_with_the_confirmation(client: Client) -> None:
    one = anna()
    client.force_login(people.alice())
    assert client.post(f"/shoppers/{one.pk}/erase/", {"confirm": "on"}).status_code == 403
    client.force_login(people.dora())
    assert client.post(f"/shoppers/{one.pk}/erase/").status_code == 422
    assert Shopper.objects.count() == 1
    assert client.post(f"/shoppers/{one.pk}/erase/", {"confirm": "on"}).status_code == 302
    assert not Shopper.objects.exists()


def running() -> Experiment:
    """A running test that has shown Anna and another shopper something."""
    shop.launched()
    experiment = Experiment.objects.get(key="autumn--everyone")
    at = datetime.now(UTC)
    arms = list(experiment.arms.order_by("position"))
    seen = [
        EventInput(
            id=f"{unit}-{kind}",
            kind=kind,
            experiment=experiment.key,
            arm=arms[place].key if kind == "exposure" else None,
            unit=unit,
            occurred_at=at + timedelta(seconds=1 if kind == "conversion" else 0),
            value=Decimal(30) if kind == "conversion" else None,
            currency="USD" if kind == "conversion" else None,
        )
        for place, unit in enumerate([UNIT, "ben"])
        for kind in ("exposure", "conversion")
    ]
    ingest(seen, at)
    fold_events()
    return experiment


def figures() -> list[Any]:
    """All that statistics read."""
    return list(ArmMoments.objects.order_by("arm_id").values_list("arm_id", "n", "mean", "cross"))


@pytest.mark.django_db(transaction=True)
def test_after_an_erasure_nothing_leads_to_the_shopper_and_every_figure_is_true() -> None:
    experiment, one = running(), anna()
    campaign = Campaign.objects.get()
    wave = Wave.objects.create(campaign=campaign, channel="email")
    Message.objects.create(wave=wave, campaign=campaign, shopper=one, address=one.email)
    services.suppress(value=one.email, reason="unsubscribed", channel="email")
    before = figures()
    assert UnitTotals.objects.filter(unit=UNIT).exists()
    counts = services.erase_shopper(one, actor=people.dora())
    assert (counts["tests"], counts["events"], counts["messages"]) == (1, 2, 1)
    assert not Message.objects.exists()
    assert not Suppression.objects.exists()
    assert not Event.objects.filter(unit=UNIT).exists()
    assert not Event.objects.filter(id__contains=UNIT).exists()
    assert not UnitTotals.objects.filter(unit=UNIT).exists()
    assert figures() == before
    assert Event.objects.count() == 4
    assert audit_moments(experiment) == []
    trail = "".join(f"{one.object_label}{one.data}" for one in AuditEntry.objects.all())
    assert "anna" not in trail


def test_who_objects_stays_suppressed_and_nothing_else_of_them() -> None:
    one = anna()
    services.erase_shopper(one, actor="test", objected=True)
    kept = Suppression.objects.order_by("value").values_list("value", "reason", "channel", "created_by")
    wanted: list[Any] = [("+491701234567", "objected", "", None), ("anna@example.test", "objected", "", None)]
    assert list(kept) == wanted


def test_the_command_erases_by_unit_and_says_what_it_did() -> None:
    anna()
    told = StringIO()
    call_command("erase_shopper", UNIT, yes=True, stdout=told)
    assert not Shopper.objects.exists()
    assert UNIT not in told.getvalue()
    with pytest.raises(CommandError):
        call_command("erase_shopper", UNIT, yes=True)


def test_a_batch_over_rest_is_stored_and_the_same_again_changes_nothing(client: Client) -> None:
    said = {"channel": "sms", "given": True, "source": "checkout", "at": "2026-03-02T09:00:00Z"}
    body = {"shoppers": [{"unit": "u-1", "attributes": {"orders": 2}, "consents": [said]}, {"unit": ""}]}
    assert put(client, body).json() == {
        "made": 1, "changed": 0, "refused": [{"index": 1, "field": "unit", "code": "unit"}],
    }  # fmt: skip
    assert put(client, body).json()["made"] == 0
    assert put(client, body).json()["changed"] == 0
    assert Shopper.objects.get().channels == ["sms"]


def test_a_batch_without_a_usable_shopper_or_the_right_key_stores_nothing(client: Client) -> None:
    assert put(client, {"shoppers": [{"unit": "u", "email": "x"}]}).status_code == 422
    assert put(client, {"shoppers": []}).status_code == 422
    assert put(client, {"shoppers": [{"unit": "u"}]}, scope="decide").status_code == 403
    assert client.put("/api/v1/shoppers", "{}", content_type="application/json").status_code == 401
    assert not Shopper.objects.exists()


def test_a_consent_over_rest_is_added_and_an_unknown_unit_is_not_found(client: Client) -> None:
    anna()
    answer = say(client, UNIT, {"channel": "email", "given": False, "source": "stop"})
    assert answer.json() == {"unit": UNIT, "channels": []}
    assert say(client, "nobody", {"channel": "email", "given": True, "source": "x"}).status_code == 404
    assert say(client, UNIT, {"channel": "fax", "given": True, "source": "x"}).status_code == 422
    assert say(client, UNIT, {"channel": "email", "given": True, "source": "x"}, scope="read").status_code == 403
    assert Consent.objects.count() == 2


def test_suppressions_are_listed_added_and_imported_by_marketers_and_taken_off_by_administrators(
    client: Client,
) -> None:
    client.force_login(people.alice())
    client.post("/suppressions/add/", {"value": "A@example.test", "channel": "", "reason": "manual"})
    upload = SimpleUploadedFile("list.csv", b"email\nb@example.test\nc@example.test\n")
    client.post("/suppressions/import/", {"file": upload, "channel": "email", "reason": "complained"})
    assert Suppression.objects.count() == 3
    assert "b@example.test" in client.get("/suppressions/", {"q": "B@"}).content.decode()
    by_hand = Suppression.objects.get(value="a@example.test")
    assert client.post(f"/suppressions/{by_hand.pk}/lift/", {"reason": "x"}).status_code == 403
    client.force_login(people.dora())
    client.post(f"/suppressions/{by_hand.pk}/lift/", {"reason": ""})
    assert Suppression.objects.count() == 3
    client.post(f"/suppressions/{by_hand.pk}/lift/", {"reason": "mistake"})
    lasting = Suppression.objects.get(value="b@example.test")
    client.post(f"/suppressions/{lasting.pk}/lift/", {"reason": "mistake"})
    assert set(Suppression.objects.values_list("value", flat=True)) == {"b@example.test", "c@example.test"}


def test_nothing_of_a_shopper_is_in_the_prompt_of_a_campaign() -> None:
    anna()
    writer = shop.FakeWriter()
    shop.generated(people.alice(), writer=writer)
    job_text = json.dumps(list(AuditEntry.objects.values_list("data", flat=True)))
    for personal in ("anna", "example.test", "Bonn"):
        assert personal not in str(writer.contexts)
        assert personal not in job_text
    assert User.objects.count() == 1
