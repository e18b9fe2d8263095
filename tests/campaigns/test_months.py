"""The calendar: when campaigns are on, what is in whose way, quiet hours, the file; and who may see any of it."""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from campaigns import services
from campaigns.models import Audience, Brand, Campaign, Product, Shopper
from campaigns.queries import timetable
from core.models import User
from core.roles import Role
from experiments.models import Experiment
from tests import people
from tests.campaigns import shop

pytestmark = pytest.mark.django_db
MOST_QUERIES = 15


def at(day: str, hour: int = 10) -> datetime:
    return timezone.make_aware(datetime.combine(date.fromisoformat(day), time(hour)))


def began(campaign: Campaign, day: str, **fields: Any) -> Campaign:
    """The campaign with its tests begun on a day."""
    Experiment.objects.filter(campaign_link__campaign=campaign).update(started_at=at(day))
    Campaign.objects.filter(pk=campaign.pk).update(**fields)
    return Campaign.objects.get(pk=campaign.pk)


def second(created_by: User, **fields: Any) -> Campaign:
    """Another running campaign of the same shop, for the same audiences and product where nothing else is said."""
    values = {"products": [Product.objects.get(sku="BAG-1")], "audiences": list(Audience.objects.order_by("key"))}
    reviewer = User.objects.get(name="Bob")
    return shop.launched(created_by, reviewer, **{"key": "winter", "name": "Winter bags", **values, **fields})


def page(client: Client, member: User, **query: str) -> Any:
    client.force_login(member)
    answer = client.get(reverse("campaigns:calendar"), query)
    assert answer.status_code == 200
    return answer


def spans(answer: Any) -> list[tuple[str, str, str | None]]:
    found = [one.span for one in answer.context["campaigns"]]
    return [(one.name, one.first.isoformat(), one.last and one.last.isoformat()) for one in found]


# --- when -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("fields", "last"),
    [
        ({"deadline": date(2026, 11, 20)}, "2026-11-20"),
        ({"plan": {"days": 14}}, "2026-11-16"),
        ({"deadline": date(2026, 11, 20), "plan": {"days": 14}}, "2026-11-20"),
        ({}, None),
        ({"deadline": date(2026, 11, 1)}, "2026-11-03"),
    ],
    ids=["last-day", "plan", "last-day-before-plan", "open", "last-day-passed"],
)
def test_a_running_campaign_goes_to_its_last_day_or_to_the_end_of_its_plan(
    client: Client, fields: dict[str, Any], last: str | None
) -> None:
    alice = people.alice()
    began(shop.launched(alice, people.bob()), "2026-11-03", **fields)
    assert spans(page(client, alice, month="2026-11")) == [("Autumn bags", "2026-11-03", last)]


def test_a_scheduled_campaign_stands_at_its_hour_and_a_finished_one_ends_with_its_tests(client: Client) -> None:
    alice = people.alice()
    campaign = began(shop.launched(alice, people.bob()), "2026-11-03", deadline=date(2026, 12, 30))
    services.finish_campaign(campaign, actor=alice)
    Experiment.objects.update(stopped_at=at("2026-11-09", 23))
    assert spans(page(client, alice, month="2026-11")) == [("Autumn bags", "2026-11-03", "2026-11-09")]
    Campaign.objects.update(status="scheduled", starts_at=at("2027-02-05"), deadline=None)
    Experiment.objects.update(started_at=None, stopped_at=None)
    assert spans(page(client, alice, month="2027-02")) == [("Autumn bags", "2027-02-05", None)]


def test_drafts_have_no_place_and_ready_ones_wait_below(client: Client) -> None:
    alice = people.alice()
    shop.ready(alice, people.bob())
    answer = page(client, alice)
    assert spans(answer) == []
    assert [one.name for one in answer.context["undated"]] == ["Autumn bags"]
    Campaign.objects.update(status="draft")
    assert page(client, alice).context["undated"] == []


def test_only_campaigns_of_the_month_are_shown(client: Client) -> None:
    alice = people.alice()
    began(shop.launched(alice, people.bob()), "2026-11-03", deadline=date(2026, 11, 5))
    assert spans(page(client, alice, month="2026-10")) == []
    assert spans(page(client, alice, month="2026-12")) == []
    shown = page(client, alice, month="2026-12").content.decode()
    assert "No campaign is on in this month." in shown


@pytest.mark.parametrize("asked", ["", "2026-13", "1999-01", "nonsense", "2026-11-01", "\x00", "٢٠٢٦-١١"])
def test_a_month_that_is_none_is_this_month(client: Client, asked: str) -> None:
    answer = page(client, people.alice(), month=asked)
    assert answer.context["month"] == timezone.localdate().replace(day=1)


def test_links_lead_to_the_months_beside_and_keep_the_rest(client: Client) -> None:
    shop.brand()
    shown = page(client, people.alice(), month="2026-12", brand="lumen", view="list").content.decode()
    links = re.findall(r'rel="(prev|next)"\s+href="([^"]+)"', shown)
    months = [(rel, re.findall(r"month=([\d-]+)", href)) for rel, href in links]
    assert months == [("prev", ["2026-11"]), ("next", ["2027-01"])]
    assert all("brand=lumen" in href and "view=list" in href for _rel, href in links)
    assert 'class="month"' not in shown


# --- in each other's way ----------------------------------------------------------------------------------------
def reasons(answer: Any) -> list[str]:
    return [reason for one in answer.context["collisions"] for reason in one["reasons"]]


def test_two_running_campaigns_with_the_same_audience_and_product_are_named_in_words(client: Client) -> None:
    alice = people.alice()
    began(shop.launched(alice, people.bob()), "2026-11-03", deadline=date(2026, 11, 20))
    began(second(alice), "2026-11-10")
    answer = page(client, alice, month="2026-11")
    assert reasons(answer) == [
        "Both speak to the audience “Everyone”, “Students”.",
        "Both sell “Canvas Tote”.",
    ]
    assert answer.context["collisions"][0]["when"] == "from Nov. 10, 2026 to Nov. 20, 2026"
    assert "In each other&#x27;s way" in answer.content.decode() or "In each other's way" in answer.content.decode()


def test_different_audiences_that_share_shoppers_are_counted(client: Client) -> None:
    alice = people.alice()
    everyone, students = shop.audiences()
    began(shop.launched(alice, people.bob(), audiences=[everyone]), "2026-11-03")
    mug = shop.product(Brand.objects.get(), sku="MUG-1", name_en="Stone Mug")
    began(second(alice, audiences=[students], products=[mug]), "2026-11-03")
    assert reasons(page(client, alice, month="2026-11")) == []
    for number in range(5):
        Shopper.objects.create(unit=f"u-{number}", attributes={"student": number < 3})
    assert reasons(page(client, alice, month="2026-11")) == ["3 shoppers are in “Everyone” and in “Students”."]


def test_a_finished_campaign_is_in_nobodys_way(client: Client) -> None:
    alice = people.alice()
    first = began(shop.launched(alice, people.bob()), "2026-11-03", deadline=date(2026, 11, 20))
    began(second(alice), "2026-11-03")
    services.finish_campaign(first, actor=alice)
    assert reasons(page(client, alice, month="2026-11")) == []


# --- quiet hours ------------------------------------------------------------------------------------------------
def test_quiet_hours_of_each_brand_are_said(client: Client) -> None:
    alice = people.alice()
    assert "No brand has quiet hours" in page(client, alice).content.decode()
    shop.brand(quiet_from=time(21), quiet_until=time(8))
    assert "no messages from 9 p.m. to 8 a.m." in page(client, alice).content.decode()


# --- the file ---------------------------------------------------------------------------------------------------
def test_the_file_holds_each_campaign_as_one_event(client: Client) -> None:
    alice = people.alice()
    today = timezone.localdate()
    campaign = began(shop.launched(alice, people.bob()), today.isoformat(), deadline=today + timedelta(days=4))
    answer = client.get(reverse("campaigns:calendar_file"))
    assert answer.status_code == 302
    client.force_login(alice)
    answer = client.get(reverse("campaigns:calendar_file"))
    text = answer.content.decode().replace("\r\n ", "")
    assert answer["Content-Type"] == "text/calendar; charset=utf-8"
    assert answer["Content-Disposition"] == 'attachment; filename="campaigns.ics"'
    assert text.count("BEGIN:VEVENT") == 1
    assert f"DTEND;VALUE=DATE:{today + timedelta(days=5):%Y%m%d}" in text
    assert f"UID:campaign-{campaign.pk}@" in text
    assert f"/campaigns/{campaign.key}/" in text


# --- who --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["campaigns:calendar", "campaigns:calendar_file"])
def test_a_stranger_to_the_brand_finds_nothing_of_it_and_charlie_no_calendar(client: Client, name: str) -> None:
    alice, ana = people.alice(), people.ana()
    began(shop.launched(alice, people.bob()), timezone.localdate().isoformat())
    owner = Brand.objects.get()
    Brand.objects.update(quiet_from=time(21), quiet_until=time(8))
    owner.members.add(alice)
    for member, sees in ((alice, True), (people.dora(), True), (ana, False)):
        client.force_login(member)
        shown = client.get(reverse(name)).content.decode()
        assert ("Autumn bags" in shown) is sees
        assert ("Lumen" in shown) is sees
    client.force_login(people.charlie())
    assert client.get(reverse(name)).status_code == 403


def test_the_calendar_needs_few_queries_whatever_it_shows(client: Client, django_assert_max_num_queries: Any) -> None:
    alice = people.alice()
    campaign = began(shop.launched(alice, people.bob()), timezone.localdate().isoformat())
    began(second(alice, audiences=[Audience.objects.get(key="students")]), timezone.localdate().isoformat())
    values = {"brand": campaign.brand, "language": "en", "channel": "push", "status": "scheduled"}
    Campaign.objects.bulk_create(
        Campaign(key=f"c-{number}", name=f"C {number}", starts_at=timezone.now(), **values) for number in range(50)
    )
    client.force_login(people.member("Mara", Role.MARKETER))
    with django_assert_max_num_queries(MOST_QUERIES):
        answer = client.get(reverse("campaigns:calendar"))
    assert len(answer.context["campaigns"]) == 52
    assert len(timetable.campaigns_between(alice, timezone.localdate(), None, brand="elsewhere")) == 0
