"""Placements: who makes and changes them, what is refused, what their pages say, and who never sees them."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from campaigns import placement_notes
from campaigns.models import Brand, Campaign, Placement
from campaigns.services import placements as services
from core import errors
from core.models import AuditEntry, User
from core.roles import Role
from tests import people
from tests.campaigns import shop

pytestmark = pytest.mark.django_db
ORIGINS = ["https://shop.example"]
PLACEMENTS = reverse("campaigns:placements")


def made(actor: User, **fields: Any) -> Placement:
    """A placement without a campaign."""
    owner = fields.pop("brand", None) or Brand.objects.filter(key="lumen").first() or shop.brand()
    values: dict[str, Any] = {"name": "Home page", "brand": owner, "campaign": None, "origins": ORIGINS, **fields}
    return services.create_placement(**values, actor=actor)


# --- the service ----------------------------------------------------------------------------------------------------
def test_a_placement_gets_a_public_key_and_a_key_from_its_name() -> None:
    alice = people.alice()
    one, other, chinese = made(alice), made(alice), made(alice, name="首页")
    assert [one.key, other.key, chinese.key] == ["home-page", "home-page-2", "placement-1"]
    assert one.public_key.startswith("pl_")
    assert len({one.public_key, other.public_key}) == 2
    assert AuditEntry.objects.filter(action="placement.made").count() == 3


@pytest.mark.parametrize("name", ["new", "New"])
def test_no_placement_takes_the_address_of_the_form(name: str) -> None:
    assert made(people.alice(), name=name).key == "new-2"


@pytest.mark.parametrize(
    ("origins", "said"),
    [([], "at least one"), (["*"], "“*” is no origin"), ([f"https://s{n}.example" for n in range(21)], "more than 20")],
    ids=["none", "any", "too many"],
)  # fmt: skip
def test_origins_that_cannot_be_used_are_refused_and_nothing_is_written(origins: list[str], said: str) -> None:
    alice = people.alice()
    with pytest.raises(errors.InvalidInput, match="origins") as problem:
        made(alice, origins=origins)
    assert said in problem.value.said()
    assert not Placement.objects.exists()
    assert not AuditEntry.objects.filter(action__startswith="placement").exists()


def test_a_campaign_of_another_brand_or_channel_or_archived_is_refused() -> None:
    alice = people.alice()
    other = Brand.objects.create(key="other", name="Other")
    banner = shop.draft(alice, channel="banner")
    push = Campaign.objects.create(key="p", name="P", brand=banner.brand, language="en", channel="push")
    put_away = Campaign.objects.create(
        key="o", name="O", brand=banner.brand, language="en", channel="banner", status="archived"
    )
    for brand, campaign in ((other, banner), (banner.brand, push), (banner.brand, put_away)):
        with pytest.raises(errors.InvalidInput, match="campaign"):
            made(alice, brand=brand, campaign=campaign)
    assert not Placement.objects.exists()
    assert made(alice, brand=banner.brand, campaign=banner).campaign == banner


def test_a_change_is_written_down_with_before_and_after_and_no_change_is_not() -> None:
    alice = people.alice()
    placement = made(alice)
    same: dict[str, Any] = {"name": "Home page", "campaign": None, "origins": ORIGINS, "actor": alice}
    services.change_placement(placement, **same, is_active=True)
    assert not AuditEntry.objects.filter(action="placement.changed").exists()
    services.change_placement(placement, **same, is_active=False)
    entry = AuditEntry.objects.get(action="placement.changed")
    assert (entry.data["before"]["active"], entry.data["after"]["active"]) == (True, False)
    changed = Placement.objects.get()
    assert (changed.is_active, changed.public_key) == (False, placement.public_key)


@pytest.mark.parametrize("person", [people.bob, people.ana, people.charlie], ids=lambda one: one.__name__)
def test_only_marketers_and_administrators_make_or_change_placements(person: Any) -> None:
    placement, other = made(people.alice()), person()
    before = list(Placement.objects.values())
    with pytest.raises(errors.Forbidden):
        made(other, name="Mine")
    with pytest.raises(errors.Forbidden):
        services.change_placement(placement, name="Mine", campaign=None, origins=ORIGINS, is_active=False, actor=other)
    assert list(Placement.objects.values()) == before


# --- the pages ------------------------------------------------------------------------------------------------------
def sent(placement: Placement, **fields: Any) -> dict[str, Any]:
    """The form as a browser sends it."""
    return {"name": placement.name, "campaign": "", "origins": "https://shop.example", "is_active": "on", **fields}


def test_a_marketer_makes_a_placement_and_finds_its_code(client: Client) -> None:
    client.force_login(people.alice())
    brand = shop.brand()
    assert "no placement yet" in client.get(PLACEMENTS).content.decode()
    form = {"name": "Home", "brand": brand.pk, "campaign": "", "origins": "https://Shop.example/x, https://b.example"}
    answer = client.post(reverse("campaigns:placement_new"), form)
    placement = Placement.objects.get()
    assert answer["Location"] == reverse("campaigns:placement", args=["home"])
    assert placement.origins == ["https://shop.example", "https://b.example"]
    page = client.get(answer["Location"]).content.decode()
    assert f"data-copylift=&quot;{placement.public_key}&quot;" in page or placement.public_key in page
    assert "/snippet/v1.js" in page
    assert "Home" in client.get(PLACEMENTS).content.decode()


def test_what_is_refused_stands_beside_its_field_and_nothing_is_made(client: Client) -> None:
    client.force_login(people.alice())
    form = {"name": "Home", "brand": shop.brand().pk, "origins": "<script>alert(1)</script>"}
    answer = client.post(reverse("campaigns:placement_new"), form)
    assert answer.status_code == 422
    assert "is no origin" in answer.content.decode()
    assert "<script>alert" not in answer.content.decode()
    assert not Placement.objects.exists()


def test_the_page_shows_every_arm_and_the_breaker_in_few_queries(
    client: Client, django_assert_max_num_queries: Any
) -> None:
    alice = people.alice()
    campaign = shop.launched(alice, channel="banner")
    placement = made(alice, campaign=campaign)
    Campaign.objects.filter(pk=campaign.pk).update(tripped_at="2026-11-20T10:00Z")
    client.force_login(alice)
    for url in (PLACEMENTS, reverse("campaigns:placement", args=[placement.key])):
        with django_assert_max_num_queries(15):
            page = client.get(url).content.decode()
    assert page.count('class="copy"') == 6
    assert "The circuit breaker is pulled" in page
    assert "Shop our bags" in page


def test_the_page_says_which_page_asked_and_which_was_turned_away(client: Client) -> None:
    cache.clear()
    alice = people.alice()
    placement = made(alice)
    client.force_login(alice)
    url = reverse("campaigns:placement", args=[placement.key])
    assert "No page has asked" in client.get(url).content.decode()
    placement_notes.note_asked(placement, "https://shop.example")
    placement_notes.note_refused(placement, "https://www.shop.example")
    placement_notes.note_refused(placement, "<b>")
    page = client.get(url).content.decode()
    assert "by a page of https://shop.example." in page
    assert "by a page of https://www.shop.example. If it is yours" in page


def test_an_analyst_reads_and_changes_nothing(client: Client) -> None:
    placement = made(people.alice())
    client.force_login(people.ana())
    url = reverse("campaigns:placement", args=[placement.key])
    page = client.get(url).content.decode()
    assert "Change it" not in page
    assert client.post(url, sent(placement, name="Mine")).status_code == 403
    assert Placement.objects.get().name == "Home page"


def test_a_stranger_to_the_brand_finds_no_placement_of_it_and_cannot_choose_the_brand(client: Client) -> None:
    alice, carol = people.alice(), people.member("Carol", Role.MARKETER)
    placement = made(alice)
    placement.brand.members.add(alice)
    client.force_login(carol)
    url = reverse("campaigns:placement", args=[placement.key])
    assert client.get(url).status_code == 404
    assert client.post(url, sent(placement, name="Mine")).status_code == 404
    assert "Home page" not in client.get(PLACEMENTS).content.decode()
    form = {"name": "Mine", "brand": placement.brand_id, "origins": "https://evil.example"}
    assert client.post(reverse("campaigns:placement_new"), form).status_code == 422
    assert list(Placement.objects.values_list("name", flat=True)) == ["Home page"]


def test_saving_keeps_a_campaign_that_was_archived_meanwhile(client: Client) -> None:
    alice = people.alice()
    campaign = shop.draft(alice, channel="banner")
    placement = made(alice, campaign=campaign)
    Campaign.objects.filter(pk=campaign.pk).update(status="archived")
    client.force_login(alice)
    url = reverse("campaigns:placement", args=[placement.key])
    assert client.post(url, sent(placement, name="Top", campaign=campaign.pk)).status_code == 302
    found = Placement.objects.get()
    assert (found.name, found.campaign_id) == ("Top", campaign.pk)
