"""The campaign wizard: left and gone on with, kept whether it can be used or not, and nobody else's."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from campaigns import queries
from campaigns.forms.drafts import STEPS
from campaigns.models import Audience, Brand, Campaign, CampaignDraft, Product, Shopper
from campaigns.services import drafts
from core import errors
from core.models import User
from core.roles import Role
from tests import people
from tests.campaigns import shop

pytestmark = pytest.mark.django_db

CONTROL = {"control_headline": "Shop our bags", "control_body": "For every day.", "control_call_to_action": ""}


def brief(owner: Brand, **fields: str) -> dict[str, str]:
    """What a browser posts for a good first page."""
    return {
        "name": "Spring bags",
        "brand": str(owner.pk),
        "language": "en",
        "goal": "promote",
        "tone": "warm",
        "offer_kind": "percent",
        "offer_value": "20",
        "code": "",
        "deadline": "",
        "landing_url": "",
        **fields,
    }


def begun(client: Client, member: User) -> CampaignDraft:
    """A brief in which nothing is entered; its author is signed in."""
    client.force_login(member)
    client.post(reverse("campaigns:new"))
    return CampaignDraft.objects.get(owner=member)


def send(client: Client, draft: CampaignDraft, step: str, values: dict[str, Any], go: str = "next") -> Any:
    """A page of the wizard as a browser sends it."""
    return client.post(reverse("campaigns:draft", args=[draft.pk, step]), {**values, "go": go})


def see(client: Client, draft: CampaignDraft, step: str, **query: str) -> str:
    """A page of the wizard."""
    answer = client.get(reverse("campaigns:draft", args=[draft.pk, step]), query)
    assert answer.status_code == 200
    return answer.content.decode()


def filled(client: Client, member: User) -> CampaignDraft:
    """A brief with every page entered."""
    draft, owner = begun(client, member), shop.brand()
    bag = shop.product(owner)
    send(client, draft, "brief", brief(owner))
    client.post(reverse("campaigns:draft", args=[draft.pk, "products"]), {"add": bag.pk})
    send(client, draft, "audiences", {"audiences": [one.pk for one in shop.audiences()]})
    send(client, draft, "channel", {"channel": "push"})
    send(client, draft, "control", CONTROL)
    return CampaignDraft.objects.get(pk=draft.pk)


# --- from the first page to the campaign ------------------------------------------------------------------------
def test_a_marketer_goes_from_page_to_page_and_makes_the_campaign(client: Client) -> None:
    alice = people.alice()
    draft, owner = begun(client, alice), shop.brand()
    bag, late = shop.product(owner), shop.product(owner, sku="BAG-2")
    ways = [send(client, draft, "brief", brief(owner)).headers["Location"]]
    for move in ({"add": bag.pk}, {"add": late.pk}, {"lead": late.pk}):
        client.post(reverse("campaigns:draft", args=[draft.pk, "products"]), move)
    ways.append(
        send(client, draft, "audiences", {"audiences": [one.pk for one in shop.audiences()]}).headers["Location"]
    )
    ways.append(send(client, draft, "channel", {"channel": "push"}).headers["Location"])
    ways.append(send(client, draft, "control", CONTROL).headers["Location"])
    steps = ("products", "channel", "control", "overview")
    assert ways == [reverse("campaigns:draft", args=[draft.pk, step]) for step in steps]
    assert "Nothing is sent to anybody" in see(client, draft, "overview")
    answer = client.post(reverse("campaigns:draft_make", args=[draft.pk]))
    campaign = Campaign.objects.get()
    assert answer.headers["Location"] == reverse("campaigns:studio", args=["spring-bags"])
    assert queries.products_of(campaign) == [late, bag]
    assert (campaign.channel, campaign.offer_value, campaign.control_body) == ("push", "20", "For every day.")
    assert (campaign.created_by, campaign.status, campaign.audiences.count()) == (alice, "draft", 2)
    assert CampaignDraft.objects.count() == 0


def test_a_brief_is_left_and_gone_on_with_where_it_stood(client: Client) -> None:
    alice = people.alice()
    draft, owner = begun(client, alice), shop.brand()
    answer = send(client, draft, "brief", brief(owner, name="Half done", offer_value=""), go="later")
    assert answer.headers["Location"] == reverse("campaigns:new")
    start = client.get(reverse("campaigns:new")).content.decode()
    assert re.search(rf'href="{reverse("campaigns:draft", args=[draft.pk, "products"])}">Half done', start)
    assert "says what the offer gives; it is missing." in see(client, draft, "brief")


def test_a_page_that_cannot_be_used_is_kept_and_says_so_beside_the_field(client: Client) -> None:
    draft, owner = begun(client, people.alice()), shop.brand()
    answer = send(client, draft, "brief", brief(owner, offer_value="a lot", deadline="2001-02-03", code="X\x001"))
    shown = answer.content.decode()
    assert answer.status_code == 422
    assert "must be a number for this offer" in shown
    assert "lies in the past." in shown
    kept = CampaignDraft.objects.get()
    assert (kept.data["offer_value"], kept.data["code"], kept.step) == ("a lot", "X1", "brief")
    assert 'value="a lot"' in see(client, draft, "brief")
    assert send(client, draft, "brief", brief(owner, offer_value="a lot"), go="channel").status_code == 302


def test_the_overview_names_what_is_missing_and_makes_nothing(client: Client) -> None:
    draft = begun(client, people.alice())
    send(client, draft, "channel", {"channel": "pigeon"}, go="overview")
    shown = see(client, draft, "overview")
    assert shown.count("Nothing is entered here yet.") == 4
    assert "pigeon is not one of the available choices" in shown
    assert re.search(r"<button[^>]*disabled[^>]*>\s*Make the campaign", shown)
    assert client.post(reverse("campaigns:draft_make", args=[draft.pk])).status_code == 422
    assert (Campaign.objects.count(), CampaignDraft.objects.count()) == (0, 1)


def test_a_product_and_an_audience_that_are_gone_meanwhile_are_found_out(client: Client) -> None:
    draft = filled(client, people.alice())
    Audience.objects.update(is_archived=True)
    Product.objects.all().delete()
    assert client.post(reverse("campaigns:draft_make", args=[draft.pk])).status_code == 422
    shown = see(client, draft, "overview")
    assert "Choose at least one product." in shown
    assert "is not one of the available choices" in shown
    assert Campaign.objects.count() == 0


def test_a_campaign_is_made_once_of_a_brief(client: Client) -> None:
    alice = people.alice()
    draft = filled(client, alice)
    client.post(reverse("campaigns:draft_make", args=[draft.pk]))
    assert client.post(reverse("campaigns:draft_make", args=[draft.pk])).status_code == 404
    with pytest.raises(errors.NotFound, match="no longer there"):
        drafts.make_campaign(draft, owner=alice, values={})
    assert Campaign.objects.count() == 1


def test_new_brief_goes_on_with_an_empty_one_and_takes_the_product_of_the_link(client: Client) -> None:
    draft, owner = begun(client, people.alice()), shop.brand(default_language="zh", tone="warm")
    bag = shop.product(owner)
    client.post(reverse("campaigns:new"))
    assert CampaignDraft.objects.get() == draft
    assert "Canvas Tote" in client.get(reverse("campaigns:new"), {"product": "BAG-1"}).content.decode()
    client.post(reverse("campaigns:new"), {"product": "BAG-1"})
    other = CampaignDraft.objects.exclude(pk=draft.pk).get()
    assert other.data == {"products": [bag.pk]}
    shown = see(client, other, "brief")
    assert re.search(rf'<option value="{owner.pk}" selected', shown)
    assert re.search(r'<option value="zh" selected', shown)
    assert "errorlist" not in shown


def test_no_more_than_a_few_briefs_are_kept_for_one_member() -> None:
    alice = people.alice()
    for number in range(drafts.MOST_DRAFTS):
        drafts.start_draft(owner=alice, entered={"name": str(number)})
    with pytest.raises(errors.Conflict, match="You have 50 unfinished briefs"):
        drafts.start_draft(owner=alice, entered={"name": "more"})
    assert CampaignDraft.objects.count() == drafts.MOST_DRAFTS


# --- products, audiences, channel -------------------------------------------------------------------------------
def test_products_are_searched_in_pages_and_only_those_of_the_brand_on_sale(client: Client) -> None:
    draft, owner = begun(client, people.alice()), shop.brand()
    other = shop.brand(key="other", name="Other")
    shop.product(other, sku="X-1", name_en="Foreign")
    shop.product(owner, sku="OFF", name_en="Sold out", is_active=False)
    for number in range(12):
        shop.product(owner, sku=f"S-{number:02}", name_en=f"Thing {number:02}")
    send(client, draft, "brief", brief(owner))
    first, second = see(client, draft, "products"), see(client, draft, "products", page="2")
    assert ("Thing 00" in first, "Thing 11" in first, "Thing 11" in second) == (True, False, True)
    assert "Foreign" not in first + second
    assert "Sold out" not in first + second
    assert "Thing 07" in see(client, draft, "products", q="s-07")
    url = reverse("campaigns:draft", args=[draft.pk, "products"])
    seventh = Product.objects.get(sku="S-07")
    answer = client.post(f"{url}?q=s-07&page=1", {"add": seventh.pk})
    assert answer.headers["Location"] == f"{url}?q=s-07&page=1"


def test_a_product_of_another_brand_and_an_offer_above_its_price_are_named(client: Client) -> None:
    draft, owner = begun(client, people.alice()), shop.brand()
    foreign = shop.product(shop.brand(key="other", name="Other"), sku="X-1")
    cheap = shop.product(owner, price=Decimal("5.00"))
    for one in (cheap, foreign):
        client.post(reverse("campaigns:draft", args=[draft.pk, "products"]), {"add": one.pk})
    send(client, draft, "brief", brief(owner, offer_kind="amount", offer_value="5"))
    shown = see(client, draft, "products")
    assert "X-1 is not of the brand you chose." in shown
    assert "The offer takes off as much as the first product costs" in shown


@pytest.mark.parametrize("typed", ["²", "x", "-1", "9" * 30, "0"])
def test_a_brand_that_is_none_is_kept_as_typed_and_breaks_no_page(client: Client, typed: str) -> None:
    draft = begun(client, people.alice())
    assert send(client, draft, "brief", brief(shop.brand(), brand=typed)).status_code == 422
    for step in STEPS:
        see(client, draft, step)
    assert CampaignDraft.objects.get().data["brand"] == typed


@pytest.mark.parametrize("typed", ["", "x", "-1", "999999999", "1" * 40, "١"])
def test_what_is_no_product_is_never_chosen(client: Client, typed: str) -> None:
    draft = begun(client, people.alice())
    answer = client.post(reverse("campaigns:draft", args=[draft.pk, "products"]), {"add": typed})
    assert answer.status_code in {302, 404}
    assert CampaignDraft.objects.get().data.get("products", []) == []


def test_the_audiences_say_how_many_shoppers_they_have_now(client: Client) -> None:
    draft = begun(client, people.alice())
    shop.audiences()
    assert "No shopper is known yet" in see(client, draft, "audiences")
    for number in range(4):
        Shopper.objects.create(unit=f"u{number}", attributes={"student": number == 0})
    shown = see(client, draft, "audiences")
    assert "1 shopper now, 25 % of those known" in shown
    assert "4 shoppers now, 100 % of those known" in shown


def test_each_channel_says_its_limits_and_none_is_a_sentence(client: Client) -> None:
    draft = begun(client, people.alice())
    shown = see(client, draft, "channel")
    assert "Headline: 30 letters, half as many in Chinese" in shown
    assert "Whole message: 160 letters, or 70 with Chinese or emoji in it" in shown
    answer = send(client, draft, "channel", {})
    assert (answer.status_code, "Choose a channel." in answer.content.decode()) == (422, True)


def test_markup_that_was_typed_is_shown_and_never_run(client: Client) -> None:
    draft, owner = begun(client, people.alice()), shop.brand()
    bag = shop.product(owner, name_en="<script>alert(1)</script>")
    client.post(reverse("campaigns:draft", args=[draft.pk, "products"]), {"add": bag.pk})
    send(client, draft, "brief", brief(owner, name="<img src=x>"), go="overview")
    send(client, draft, "control", {**CONTROL, "control_headline": "<b>Now"}, go="overview")
    for step in STEPS:
        shown = see(client, draft, step)
        assert "<img src=x>" not in shown
        assert "<script>alert" not in shown
        assert "<b>" not in shown


# --- who may ----------------------------------------------------------------------------------------------------
def test_a_brief_is_there_for_its_author_alone(client: Client) -> None:
    draft = filled(client, people.alice())
    before = CampaignDraft.objects.values().get()
    for other in (people.member("Mara", Role.MARKETER), people.dora()):
        client.force_login(other)
        assert client.get(reverse("campaigns:draft", args=[draft.pk, "brief"])).status_code == 404
        assert send(client, draft, "channel", {"channel": "sms"}).status_code == 404
        for door in ("draft_make", "draft_delete"):
            assert client.post(reverse(f"campaigns:{door}", args=[draft.pk])).status_code == 404
        assert "Spring bags" not in client.get(reverse("campaigns:new")).content.decode()
    assert CampaignDraft.objects.values().get() == before
    assert Campaign.objects.count() == 0


@pytest.mark.parametrize("who", [people.bob, people.ana, people.charlie])
def test_who_makes_no_campaigns_begins_no_brief(client: Client, who: Callable[[], User]) -> None:
    client.force_login(who())
    assert client.get(reverse("campaigns:new")).status_code == 403
    assert client.post(reverse("campaigns:new")).status_code == 403
    assert CampaignDraft.objects.count() == 0


def test_a_brand_that_is_kept_from_the_member_can_neither_be_chosen_nor_its_products(client: Client) -> None:
    draft, hidden = begun(client, people.alice()), shop.brand(key="hidden", name="Hidden")
    hidden.members.add(people.member("Mara", Role.MARKETER))
    secret = shop.product(hidden, sku="SECRET")
    answer = client.post(reverse("campaigns:draft", args=[draft.pk, "products"]), {"add": secret.pk})
    assert answer.status_code == 404
    assert send(client, draft, "brief", brief(hidden)).status_code == 422
    assert "Hidden" not in see(client, draft, "brief")
    assert "SECRET" not in see(client, draft, "products") + see(client, draft, "overview")
    client.post(reverse("campaigns:new"), {"product": "SECRET"})
    assert all("products" not in one.data for one in CampaignDraft.objects.all())


def test_a_brief_is_deleted_by_a_button_and_never_by_a_link(client: Client) -> None:
    draft = filled(client, people.alice())
    url = reverse("campaigns:draft_delete", args=[draft.pk])
    assert client.get(url).status_code == 405
    assert CampaignDraft.objects.count() == 1
    client.post(url)
    assert CampaignDraft.objects.count() == 0


def test_no_such_step_is_the_404_page(client: Client) -> None:
    draft = begun(client, people.alice())
    assert client.get(reverse("campaigns:draft", args=[draft.pk, "nowhere"])).status_code == 404


# --- the pages --------------------------------------------------------------------------------------------------
def test_no_step_needs_more_than_a_few_queries(client: Client, django_assert_max_num_queries: Any) -> None:
    draft = filled(client, people.alice())
    for number in range(20):
        shop.product(Brand.objects.get(), sku=f"S-{number:02}", name_en=f"Thing {number:02}")
    for step in STEPS:
        with django_assert_max_num_queries(15):
            see(client, draft, step)
    with django_assert_max_num_queries(15):
        client.get(reverse("campaigns:new"))


def test_every_field_of_a_step_has_a_label_and_no_id_stands_twice(client: Client) -> None:
    draft = filled(client, people.alice())
    for step in STEPS:
        shown = see(client, draft, step)
        ids = re.findall(r'\bid="([^"]+)"', shown)
        assert len(ids) == len(set(ids)), (step, sorted(one for one in ids if ids.count(one) > 1))
        labelled = set(re.findall(r'<label[^>]*\bfor="([^"]+)"', shown))
        for tag in re.findall(r"<(?:input|select|textarea)\b[^>]*>", shown):
            assert 'type="hidden"' in tag or set(re.findall(r'\bid="([^"]+)"', tag)) & labelled, (step, tag)


# --- a copy of a campaign's brief -------------------------------------------------------------------------------
def duplicated(client: Client, campaign: Campaign, **fields: str) -> CampaignDraft:
    """The brief that the page made."""
    values = {"name": "Again", "channel": campaign.channel, "language": campaign.language, **fields}
    answer = client.post(reverse("campaigns:duplicate", args=[campaign.key]), values)
    made = CampaignDraft.objects.get()
    assert answer.headers["Location"] == reverse("campaigns:draft", args=[made.pk, "overview"])
    return made


def test_a_campaign_is_duplicated_without_its_copy_and_made_again(client: Client) -> None:
    alice = people.alice()
    first = shop.launched(alice, people.bob(), deadline=timezone.localdate() + timedelta(days=3))
    client.force_login(alice)
    client.post(reverse("campaigns:draft_make", args=[duplicated(client, first).pk]))
    made = Campaign.objects.get(key="again")
    for field in ("brand_id", "channel", "language", "offer_kind", "offer_value", "deadline", "control_headline"):
        assert getattr(made, field) == getattr(first, field), field
    assert queries.products_of(made) == queries.products_of(first)
    assert (made.status, made.audiences.count(), made.copies.count()) == ("draft", 2, 0)


@pytest.mark.parametrize("change", [{"channel": "email"}, {"language": "zh"}])
def test_for_another_channel_or_language_the_control_and_a_past_day_stay_behind(
    client: Client, change: dict[str, str]
) -> None:
    alice = people.alice()
    first = shop.draft(alice)
    Campaign.objects.update(deadline=timezone.localdate() - timedelta(days=1))
    client.force_login(alice)
    draft = duplicated(client, first, **change)
    assert draft.data["deadline"] == ""
    assert draft.data.keys().isdisjoint(CONTROL)
    assert {name: draft.data[name] for name in change} == change


def test_who_makes_no_campaigns_duplicates_none(client: Client) -> None:
    campaign = shop.draft(people.alice())
    client.force_login(people.ana())
    assert client.post(reverse("campaigns:duplicate", args=[campaign.key]), {"name": "x"}).status_code == 403
    assert CampaignDraft.objects.count() == 0


def test_a_campaign_of_a_hidden_brand_is_not_duplicated(client: Client) -> None:
    campaign = shop.draft(people.alice())
    campaign.brand.members.add(people.bob())
    client.force_login(people.member("Mara", Role.MARKETER))
    assert client.post(reverse("campaigns:duplicate", args=[campaign.key]), {"name": "x"}).status_code == 404
    assert CampaignDraft.objects.count() == 0
