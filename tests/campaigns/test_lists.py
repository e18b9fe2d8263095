"""The list of campaigns: what narrows it, in which order, and that its pages keep what was asked."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from campaigns.models import Brand, Campaign
from core.models import User
from tests import people
from tests.campaigns import shop

pytestmark = pytest.mark.django_db


def campaign(name: str, owner: Brand, **fields: Any) -> Campaign:
    values = {"language": "en", "channel": "push", "status": "draft", **fields}
    return Campaign.objects.create(key=name.lower().replace(" ", "-"), name=name, brand=owner, **values)


def listed(client: Client, member: User, **query: str) -> list[str]:
    client.force_login(member)
    answer = client.get(reverse("campaigns:list"), query)
    assert answer.status_code == 200
    return [one.name for one in answer.context["page"]]


@pytest.fixture
def three() -> tuple[Brand, Brand]:
    """Three campaigns of two brands, made on three days."""
    lumen, other = shop.brand(), Brand.objects.create(key="other", name="Other")
    campaign("Autumn bags", lumen, status="running", deadline=date(2026, 12, 1))
    campaign("Winter bags", lumen, channel="email", deadline=date(2026, 11, 30))
    campaign("spring mugs", other, status="archived")
    for day, name in enumerate(["Autumn bags", "Winter bags", "spring mugs"], start=1):
        made = timezone.make_aware(datetime(2026, 11, day, 23, 30))  # noqa: DTZ001 - made aware here
        Campaign.objects.filter(name=name).update(created_at=made)
    return lumen, other


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({}, ["spring mugs", "Winter bags", "Autumn bags"]),
        ({"q": "BAGS"}, ["Winter bags", "Autumn bags"]),
        ({"q": "bags winter"}, ["Winter bags"]),
        ({"q": "\x00mugs"}, ["spring mugs", "Winter bags", "Autumn bags"]),
        ({"state": "running"}, ["Autumn bags"]),
        ({"brand": "other"}, ["spring mugs"]),
        ({"channel": "email"}, ["Winter bags"]),
        ({"since": "2026-11-02"}, ["spring mugs", "Winter bags"]),
        ({"until": "2026-11-02"}, ["Winter bags", "Autumn bags"]),
        ({"since": "2026-11-02", "until": "2026-11-02"}, ["Winter bags"]),
        ({"brand": "lumen", "state": "draft", "channel": "email", "q": "winter"}, ["Winter bags"]),
        ({"sort": "name"}, ["Autumn bags", "spring mugs", "Winter bags"]),
        ({"sort": "last_day"}, ["Winter bags", "Autumn bags", "spring mugs"]),
        ({"sort": "state"}, ["Winter bags", "Autumn bags", "spring mugs"]),
        ({"state": "nonsense", "sort": "nonsense", "since": "never"}, ["spring mugs", "Winter bags", "Autumn bags"]),
    ],
    ids=lambda value: "-".join(value) or "all" if isinstance(value, dict) else "",
)
def test_the_list_is_narrowed_and_ordered(
    client: Client, three: tuple[Brand, Brand], query: dict[str, str], names: list[str]
) -> None:
    assert listed(client, people.alice(), **query) == names


def test_a_date_that_is_none_is_said_beside_its_field(client: Client) -> None:
    client.force_login(people.alice())
    shown = client.get(reverse("campaigns:list"), {"since": "never"}).content.decode()
    assert "Enter a valid date." in shown
    assert "<details open>" in shown


def test_no_brand_that_is_kept_from_a_member_is_offered_or_listed(client: Client, three: tuple[Brand, Brand]) -> None:
    lumen, _other = three
    lumen.members.add(people.dora())
    alice = people.alice()
    assert listed(client, alice) == ["spring mugs"]
    assert listed(client, alice, brand="lumen") == ["spring mugs"]
    assert "Lumen" not in client.get(reverse("campaigns:list")).content.decode()


def test_pages_keep_what_was_asked(client: Client) -> None:
    owner, alice = shop.brand(), people.alice()
    for number in range(30):
        campaign(f"C {number:02}", owner)
    campaign("Late", owner, status="ready")
    assert len(listed(client, alice, state="draft", sort="name")) == 25
    shown = client.get(reverse("campaigns:list"), {"state": "draft", "sort": "name"}).content.decode()
    href = re.search(r'rel="next"\s+href="\?([^"]+)"', shown)
    assert href is not None
    following = client.get(reverse("campaigns:list") + "?" + href[1].replace("&amp;", "&"))
    assert [one.name for one in following.context["page"]] == [f"C {number}" for number in range(25, 30)]


def test_nothing_found_says_how_to_see_more_and_nothing_there_says_what_to_do(client: Client) -> None:
    alice = people.alice()
    client.force_login(alice)
    assert "There is no campaign yet." in client.get(reverse("campaigns:list")).content.decode()
    shown = client.get(reverse("campaigns:list"), {"q": "zzz"}).content.decode()
    assert "No campaign fits all of this." in shown
    assert "There is no campaign yet." not in shown


def test_a_name_with_markup_is_text(client: Client) -> None:
    campaign("Bold", shop.brand())
    Campaign.objects.update(name="<b>Bold</b>", created_at=timezone.now() - timedelta(days=1))
    client.force_login(people.alice())
    assert "<b>Bold</b>" not in client.get(reverse("campaigns:list")).content.decode()
