"""The pages and REST of delivery: what each role may do, what stands there, and what leaves as a file."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from django.core import mail
from django.test import Client

from campaigns import ads, services
from campaigns.models import Brand, Campaign, Message, Wave
from campaigns.tasks import send_wave
from core.models import Job
from core.roles import Role
from core.services.api_keys import issue_api_key
from tests import people
from tests.campaigns import posting, shop

pytestmark = pytest.mark.django_db
PAGE = "/campaigns/autumn/delivery/"


def page(client: Client, path: str = PAGE, **query: str) -> str:
    """A page as text."""
    answer = client.get(path, query)
    assert answer.status_code == 200
    return answer.content.decode()


def test_a_marketer_sees_the_reach_tries_a_message_and_starts_a_wave(
    client: Client, django_assert_max_num_queries: Any
) -> None:
    alice = people.alice()
    posting.campaign(alice)
    posting.shoppers(3)
    posting.shoppers(1, first=3, channels=[])
    client.force_login(alice)
    with django_assert_max_num_queries(15):
        first = page(client)
    assert '<span class="figure">3</span>' in first
    assert "of 4 shoppers in the audiences" in first
    client.post(f"{PAGE}test/", {"text": "control"})
    assert [one.to for one in mail.outbox] == [["alice@shop.test"]]
    client.post(f"{PAGE}start/")
    wave = Wave.objects.get()
    assert (wave.created_by, wave.state) == (alice, "waiting")
    assert "Cancel the wave" in page(client)
    send_wave(str(wave.job_id))
    with django_assert_max_num_queries(15):
        after = page(client)
    assert "Cancel the wave" not in after
    assert len(mail.outbox) == 4


def test_what_is_in_the_way_stands_there_and_stops_the_wave(client: Client) -> None:
    posting.campaign()
    Brand.objects.update(postal_address="")
    client.force_login(people.member("Mia", Role.MARKETER))
    text = page(client)
    assert "the law asks for one in each advertising e-mail" in text
    assert "disabled" in text
    assert "postal address" in client.post(f"{PAGE}start/", follow=True).content.decode()
    assert client.post(f"{PAGE}test/", {"text": "control"}).status_code == 422
    assert (Wave.objects.count(), Job.objects.filter(queue="default").count(), mail.outbox) == (0, 0, [])


def test_an_analyst_reads_and_starts_tries_and_cancels_nothing(client: Client) -> None:
    campaign = posting.campaign()
    posting.shoppers(2)
    wave = posting.wave(campaign)
    client.force_login(people.ana())
    assert "Start a wave" not in page(client)
    assert "Cancel the wave" not in page(client)
    for door in ("start/", "test/", f"{wave.pk}/cancel/"):
        assert client.post(f"{PAGE}{door}", {"text": "control"}).status_code == 403
    assert (Wave.objects.get().state, mail.outbox) == ("waiting", [])


def test_cancelling_is_one_button(client: Client) -> None:
    alice = people.alice()
    campaign = posting.campaign(alice)
    posting.shoppers(2)
    wave = posting.wave(campaign)
    client.force_login(alice)
    client.post(f"{PAGE}{wave.pk}/cancel/")
    assert Wave.objects.get().state == "cancelled"
    assert "was over already" in client.post(f"{PAGE}{wave.pk}/cancel/", follow=True).content.decode()


def test_messages_are_found_by_state_and_arm_and_show_no_address(
    client: Client, django_assert_max_num_queries: Any
) -> None:
    campaign = posting.campaign()
    posting.shoppers(60)
    posting.shoppers(1, first=60, channels=[])
    posting.sent(campaign)
    client.force_login(people.member("Mia", Role.MARKETER))
    with django_assert_max_num_queries(15):
        text = page(client, f"{PAGE}messages/")
    assert "61 messages" in text
    assert "u-60" in text
    assert "@example.test" not in text
    assert "1 message" in page(client, f"{PAGE}messages/", state="no_consent")
    one = Message.objects.exclude(arm_key="")[0]
    same = Message.objects.filter(experiment_key=one.experiment_key, arm_key=one.arm_key).count()
    found = page(client, f"{PAGE}messages/", arm=f"{one.experiment_key}/{one.arm_key}")
    assert f"{same} messages" in found
    assert "61 messages" in page(client, f"{PAGE}messages/", state="<b>", arm="'", wave="x", page="9")
    client.force_login(people.ana())
    assert "u-60" not in page(client, f"{PAGE}messages/")


def test_the_text_of_a_shop_is_escaped(client: Client) -> None:
    posting.campaign()
    Brand.objects.update(sender_name="<script>alert(1)</script>", postal_address='"><img src=x>')
    Campaign.objects.update(name="<b>Autumn</b>", landing_url="https://shop.test/?a=<b>")
    client.force_login(people.member("Mia", Role.MARKETER))
    for path in (PAGE, f"{PAGE}messages/"):
        text = page(client, path)
        assert "<script>alert" not in text
        assert "<img src=x>" not in text
        assert "<b>Autumn" not in text
    posting.shoppers(1)
    posting.sent(Campaign.objects.get())
    html = str(getattr(mail.outbox[0], "alternatives")[0][0])  # noqa: B009 - not of every e-mail
    assert "<script>alert" not in html
    assert "<img src=x>" not in html


def test_a_stranger_to_the_brand_finds_no_delivery_of_it(client: Client) -> None:
    campaign = posting.campaign()
    wave = posting.wave(campaign)
    campaign.brand.members.add(people.member("Carla", Role.MARKETER))
    client.force_login(people.member("Sam", Role.MARKETER, Role.ANALYST))
    for door in ("", "messages/", "ads.csv"):
        assert client.get(f"{PAGE}{door}").status_code == 404
    for door in ("start/", "test/", f"{wave.pk}/cancel/"):
        assert client.post(f"{PAGE}{door}").status_code == 404
    assert client.get(f"/api/v1/campaigns/autumn/waves/{wave.pk}").status_code == 404
    assert Wave.objects.get().state == "waiting"


def test_a_wave_of_another_campaign_is_not_found_under_this_one(client: Client) -> None:
    alice = people.alice()
    posting.campaign(alice)
    first = Campaign.objects.get()
    chosen = {"products": list(first.products.all()), "audiences": list(first.audiences.all())}
    wave = Wave.objects.create(campaign=shop.draft(alice, key="other", **chosen), channel="email")
    client.force_login(alice)
    assert client.post(f"{PAGE}{wave.pk}/cancel/").status_code == 404


def test_a_channel_that_is_shown_and_not_sent_says_where_it_is_shown(client: Client) -> None:
    posting.campaign(channel="banner")
    client.force_login(people.member("Mia", Role.MARKETER))
    assert "This channel is not sent" in page(client)
    assert client.post(f"{PAGE}test/", {"text": "control"}).status_code == 404
    assert "Nobody is written to" in client.post(f"{PAGE}start/", follow=True).content.decode()
    assert Wave.objects.count() == 0


def ads_file(client: Client) -> list[dict[str, str]]:
    """The file as a spreadsheet reads it."""
    answer = client.get(f"{PAGE}ads.csv")
    assert answer["Content-Type"].startswith("text/csv")
    return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))


def test_approved_ads_leave_in_the_columns_of_the_editor(client: Client) -> None:
    posting.campaign(channel="search_ad", per_audience=3)
    client.force_login(people.ana())
    assert "Download the ads" in page(client)
    everyone, students = ads_file(client)
    assert (everyone["Campaign"], everyone["Ad group"], everyone["Ad status"]) == ("Autumn bags", "Everyone", "Paused")
    assert everyone["Ad type"] == "Responsive search ad"
    assert everyone["Headline 1"] == "Canvas Tote, 20% off"
    assert everyone["Final URL"] == "https://shop.test/autumn"
    assert students["Description 3"]
    assert everyone["Headline 15"] == ""


def test_what_is_not_approved_is_not_exported(client: Client) -> None:
    shop.generated(people.alice(), channel="search_ad")
    client.force_login(people.ana())
    assert "No copy is approved yet" in page(client)
    assert ads_file(client) == []


def test_no_cell_of_the_ads_is_taken_for_a_formula(client: Client) -> None:
    posting.campaign(channel="search_ad")
    Campaign.objects.update(name='=HYPERLINK("https://evil.test")')
    client.force_login(people.ana())
    assert {row["Campaign"] for row in ads_file(client)} == {'\'=HYPERLINK("https://evil.test")'}


def test_texts_that_are_too_long_or_come_twice_are_left_out_of_an_ad() -> None:
    copies = [
        {"headline": "帆布包" * 6, "body": "Fine.", "call_to_action": "Go"},
        {"headline": "Short", "body": "Fine.", "call_to_action": "Go"},
    ]
    found = ads.search_ad("all", copies)
    assert (found.headlines, found.descriptions, found.is_enough) == (("Short", "Go"), ("Fine.",), False)
    assert ads.row("c", found, "u")[:6] == ["c", "all", ads.AD_TYPE, "Short", "Go", ""]
    assert len(ads.row("c", found, "u")) == len(ads.COLUMNS)


def call(client: Client, method: str, path: str, scope: str = "write") -> Any:
    """A call with a fresh key."""
    _key, secret = issue_api_key(name="shop", scopes=[scope], created_by=None)
    return getattr(client, method)(f"/api/v1{path}", content_type="application/json", headers={"X-API-Key": secret})


def test_a_shop_starts_a_wave_and_follows_it_over_rest(client: Client) -> None:
    posting.campaign()
    posting.shoppers(2)
    started = call(client, "post", "/campaigns/autumn/waves")
    assert started.status_code == 202
    number = started.json()["id"]
    assert call(client, "post", "/campaigns/autumn/waves").json()["code"] == "wave_open"
    send_wave(str(Wave.objects.get().job_id))
    found = call(client, "get", f"/campaigns/autumn/waves/{number}", scope="read").json()
    assert (found["state"], found["counts"], found["channel"]) == ("done", {"sent": 2}, "email")
    assert call(client, "get", "/campaigns/autumn/waves/999", scope="read").status_code == 404
    assert call(client, "get", f"/campaigns/none/waves/{number}", scope="read").status_code == 404


def test_a_key_that_may_only_read_starts_nothing(client: Client) -> None:
    posting.campaign()
    assert call(client, "post", "/campaigns/autumn/waves", scope="read").status_code == 403
    client.force_login(people.charlie())
    assert client.get("/api/v1/campaigns/autumn/waves/1").status_code == 403
    assert Wave.objects.count() == 0


def test_a_wave_over_rest_says_what_is_in_the_way(client: Client) -> None:
    campaign = posting.campaign()
    services.trip_campaign(campaign, reason="Wrong price.", actor=None)
    answer = call(client, "post", "/campaigns/autumn/waves")
    assert (answer.status_code, answer.json()["code"]) == (409, "not_sendable")
    assert "circuit breaker" in answer.json()["detail"]
    assert Wave.objects.count() == 0
