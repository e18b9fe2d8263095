"""Pages of brands and rules: who may do what, what is stored and audited, and the box to try a text."""

from __future__ import annotations

from datetime import time
from typing import Any

import pytest
from django.test import Client

from campaigns.models import Brand, Copy
from campaigns.services import brands as services
from core import errors
from core.models import AuditEntry, User
from tests import people
from tests.campaigns import shop

pytestmark = pytest.mark.django_db

NO_TEXTS = {"disclaimer-TOTAL_FORMS": "1", "disclaimer-INITIAL_FORMS": "0"}


def signed_in(client: Client, member: User) -> Client:
    client.force_login(member)
    return client


def typed(**fields: Any) -> dict[str, Any]:
    """The form of a brand."""
    values = {
        "name": "Lumen",
        "voice": "calm",
        "tone": "plain",
        "default_language": "en",
        "banned_words": "cheap\n便宜，hurry",
        "jurisdictions": ["EU", "CN"],
        "cap_days": "7",
    }
    return {**values, **NO_TEXTS, **fields}


def tried(client: Client, text: str, **fields: Any) -> str:
    """What the box answers to HTMX."""
    values = {"body": text, "channel": "product_page", "language": "en", "day": "2026-11-25", **fields}
    answer = client.post("/brands/lumen/check/", values, headers={"HX-Request": "true"})
    assert answer.status_code == 200
    return answer.content.decode()


# --- who ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("path", ["/brands/", "/brands/lumen/", "/rules/", "/brands/new/", "/brands/lumen/edit/"])
def test_a_member_without_a_role_sees_no_brand(client: Client, path: str) -> None:
    shop.brand()
    assert signed_in(client, people.charlie()).get(path).status_code == 403


@pytest.mark.parametrize("who", [people.bob, people.ana], ids=["approver", "analyst"])
def test_who_may_not_change_brands_reads_them_and_changes_none(client: Client, who: Any) -> None:
    shop.brand()
    signed_in(client, who())
    assert client.get("/brands/lumen/").status_code == 200
    assert client.get("/brands/lumen/edit/").status_code == 403
    assert client.post("/brands/lumen/edit/", typed(name="Other")).status_code == 403
    assert client.post("/brands/new/", typed()).status_code == 403
    assert Brand.objects.get().name == "Lumen"
    assert not AuditEntry.objects.filter(action__startswith="brand.").exists()


@pytest.mark.parametrize("path", ["", "edit/", "check/"])
def test_a_stranger_to_the_brand_finds_nothing_of_it(client: Client, path: str) -> None:
    owner = shop.brand()
    owner.members.add(people.member("Carla"))
    signed_in(client, people.alice())
    method = client.post if path == "check/" else client.get
    assert method(f"/brands/lumen/{path}").status_code == 404
    assert client.post("/brands/lumen/edit/", typed(name="Mine")).status_code == 404
    assert "Lumen" not in client.get("/brands/").content.decode()
    assert "Lumen" not in client.get("/rules/").content.decode()
    assert Brand.objects.get().name == "Lumen"


def test_the_service_knows_no_stranger_either() -> None:
    owner = shop.brand()
    owner.members.add(people.member("Carla"))
    with pytest.raises(errors.NotFound):
        services.change_brand(owner, actor=people.alice(), members=[], name="Mine")
    assert Brand.objects.get().name == "Lumen"


# --- storing --------------------------------------------------------------------------------------------------------
def test_a_marketer_makes_a_brand(client: Client) -> None:
    signed_in(client, people.alice())
    answer = client.post("/brands/new/", typed(name="木山 Mill", quiet_from="21:00", quiet_until="08:00"))
    assert answer.status_code == 302
    made = Brand.objects.get()
    assert (made.key, made.name) == ("mill", "木山 Mill")
    assert made.banned_words == ["cheap", "便宜", "hurry"]
    assert made.jurisdictions == ["EU", "CN"]
    assert (made.quiet_from, made.quiet_until) == (time(21), time(8))
    assert AuditEntry.objects.get(action="brand.made").object_id == str(made.pk)


def test_a_name_without_latin_letters_or_taken_still_gets_a_key(client: Client) -> None:
    signed_in(client, people.alice())
    for name in ("木山", "木山", "New"):
        client.post("/brands/new/", typed(name=name))
    assert set(Brand.objects.values_list("key", flat=True)) == {"brand", "brand-2", "new-2"}


def test_a_change_is_audited_with_its_fields_and_none_is_no_change(client: Client) -> None:
    owner = shop.brand()
    signed_in(client, people.alice())
    client.post("/brands/lumen/edit/", typed())
    owner.refresh_from_db()
    assert owner.voice == "calm"
    entry = AuditEntry.objects.get(action="brand.changed")
    assert set(entry.data["fields"]) == {"voice", "banned_words", "jurisdictions"}
    client.post("/brands/lumen/edit/", typed())
    assert AuditEntry.objects.filter(action="brand.changed").count() == 1


def test_required_texts_are_rows_and_an_emptied_one_goes(client: Client) -> None:
    owner = shop.brand()
    signed_in(client, people.alice())
    rows = {
        "disclaimer-TOTAL_FORMS": "2",
        "disclaimer-INITIAL_FORMS": "0",
        "disclaimer-0-text": "Terms apply.",
        "disclaimer-0-language": "en",
        "disclaimer-0-channels": ["sms", "email"],
        "disclaimer-1-text": "  ",
    }
    assert client.post("/brands/lumen/edit/", typed(**rows)).status_code == 302
    owner.refresh_from_db()
    assert owner.disclaimers == [
        {"text": "Terms apply.", "language": "en", "channels": ["sms", "email"], "jurisdictions": []}
    ]
    page = client.get("/brands/lumen/edit/").content.decode()
    assert page.count('class="form-grid required-text"') == 2
    kept = {"disclaimer-TOTAL_FORMS": "2", "disclaimer-INITIAL_FORMS": "1", "disclaimer-0-text": ""}
    client.post("/brands/lumen/edit/", typed(**kept))
    owner.refresh_from_db()
    assert owner.disclaimers == []


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"name": ""}, "This field is required."),
        ({"quiet_from": "21:00"}, "Quiet hours need both their beginning and their end."),
        ({"quiet_from": "21:00", "quiet_until": "21:00"}, "no message would ever go out"),
        ({"banned_words": "x" * 61}, "is longer than 60 characters"),
        ({"jurisdictions": ["XX"]}, "XX is not one of the available choices"),
        ({"sender_email": "nobody"}, "Enter a valid email address."),
        ({"disclaimer-TOTAL_FORMS": "20"}, "at most 12 forms"),
    ],
    ids=["name", "quiet", "no-hour-left", "word", "place", "address", "texts"],
)
def test_what_cannot_be_used_is_refused_beside_its_field(client: Client, fields: dict[str, Any], said: str) -> None:
    shop.brand()
    signed_in(client, people.alice())
    answer = client.post("/brands/lumen/edit/", typed(voice="loud", **fields))
    assert answer.status_code == 422
    assert said in answer.content.decode()
    assert Brand.objects.get().voice == "calm, clear"
    assert not AuditEntry.objects.filter(action="brand.changed").exists()


def test_only_an_administrator_sets_from_when_a_second_approver_is_needed(client: Client) -> None:
    owner = shop.brand(second_approver_from=1000)
    alice = people.alice()
    signed_in(client, alice)
    assert client.post("/brands/lumen/edit/", typed(second_approver_from="")).status_code == 302
    owner.refresh_from_db()
    assert (owner.voice, owner.second_approver_from) == ("calm", 1000)
    with pytest.raises(errors.InvalidInput, match="Only an administrator"):
        services.change_brand(owner, actor=alice, members=[], second_approver_from=None)
    signed_in(client, people.dora())
    client.post("/brands/lumen/edit/", typed(second_approver_from="500"))
    owner.refresh_from_db()
    assert owner.second_approver_from == 500


def test_nobody_locks_themselves_out(client: Client) -> None:
    owner, alice, bob = shop.brand(), people.alice(), people.bob()
    signed_in(client, alice)
    answer = client.post("/brands/lumen/edit/", typed(members=[bob.pk]))
    assert answer.status_code == 422
    assert "Stay among the members" in answer.content.decode()
    assert not owner.members.exists()
    assert client.post("/brands/lumen/edit/", typed(members=[alice.pk, bob.pk])).status_code == 302
    assert set(owner.members.all()) == {alice, bob}
    data = AuditEntry.objects.get(action="brand.changed").data
    assert data["members_after"] == sorted([alice.pk, bob.pk])


# --- the box --------------------------------------------------------------------------------------------------------
def test_the_box_says_what_the_checks_find_at_the_words(client: Client) -> None:
    shop.brand(jurisdictions=["DE"])
    signed_in(client, people.ana())
    answer = tried(client, "A cheap and eco-friendly bag")
    assert '<mark class="bad">cheap</mark>' in answer
    assert '<mark class="bad">eco-friendly</mark>' in answer
    assert "Directive (EU) 2024/825" in answer
    assert "words.banned" in answer
    assert "<html" not in answer
    assert not Copy.objects.exists()


def test_the_box_knows_the_day(client: Client) -> None:
    shop.brand(jurisdictions=["EU"])
    signed_in(client, people.ana())
    assert "eu.generic_green" not in tried(client, "An eco-friendly bag", day="2026-09-26")
    assert "eu.generic_green" in tried(client, "An eco-friendly bag", day="2026-09-27")


def test_the_box_leaves_out_what_needs_a_campaign_and_says_when_nothing_is_found(client: Client) -> None:
    shop.brand(jurisdictions=["EU", "US", "CN"])
    signed_in(client, people.ana())
    assert "The checks found nothing." in tried(client, "Save 20% on a bag of 12 litres")
    assert "Write something" in tried(client, "   ")


def test_the_box_works_without_javascript(client: Client) -> None:
    shop.brand()
    signed_in(client, people.ana())
    values = {"body": "So cheap", "channel": "sms", "language": "en", "day": "2026-11-25"}
    page = client.post("/brands/lumen/check/", values)
    assert page.status_code == 200
    assert '<mark class="bad">cheap</mark>' in page.content.decode()
    assert "So cheap</textarea>" in page.content.decode()
    assert client.post("/brands/lumen/check/", {**values, "day": "soon"}).status_code == 422


def test_the_box_speaks_the_readers_language_and_escapes_what_is_typed(client: Client) -> None:
    shop.brand()
    ana = people.ana()
    ana.language = "zh-hans"
    ana.save()
    signed_in(client, ana)
    answer = tried(client, "<b>cheap</b>\u202e")
    assert "品牌不使用“cheap”这个词。" in answer
    assert "<b>" not in answer


# --- reading --------------------------------------------------------------------------------------------------------
def test_the_rules_say_version_article_days_and_whether_the_text_was_read(
    client: Client, django_assert_max_num_queries: Any
) -> None:
    shop.brand(jurisdictions=["FR"])
    signed_in(client, people.ana())
    with django_assert_max_num_queries(8):
        page = client.get("/rules/").content.decode()
    assert "Directive (EU) 2024/825, amending Directive 2005/29/EC, Annex I, point 4a" in page
    assert "Sept. 27, 2026" in page
    assert "text not verified" in page
    assert "SAMR Notice 2023 No. 6, Article 6(2)" in page
    assert page.count(">Lumen<") == 1


def test_pages_cost_few_queries(client: Client, django_assert_max_num_queries: Any) -> None:
    owner = shop.brand(jurisdictions=["EU", "JP"], disclaimers=[{"text": "Terms apply."}])
    owner.members.add(people.bob())
    signed_in(client, people.dora())
    for path in ("/brands/", "/brands/lumen/", "/brands/lumen/edit/"):
        with django_assert_max_num_queries(15):
            assert client.get(path).status_code == 200
    page = client.get("/brands/lumen/").content.decode()
    assert "JP" in page
    assert "Terms apply." in page
    assert "all channels" in page


def test_an_empty_list_says_what_to_do(client: Client) -> None:
    page = signed_in(client, people.alice()).get("/brands/").content.decode()
    assert "There is no brand yet." in page
    assert 'href="/brands/new/"' in page
