"""Making a campaign: every field is checked before the first row; the brief and the facts made from it."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from campaigns import lifecycle, queries, services
from campaigns.models import Audience, Brand, Campaign
from campaigns.models.campaign import CampaignStatus
from campaigns.models.copies import CopyStatus
from core import errors
from core.models import AuditEntry
from tests import people
from tests.campaigns import shop

pytestmark = pytest.mark.django_db


def test_a_draft_with_its_brief_and_facts() -> None:
    alice = people.alice()
    campaign = shop.draft(alice, code="TOTE20", deadline=date(2099, 9, 30), tone="warm")
    assert (campaign.status, campaign.created_by) == ("draft", alice)
    students = campaign.audiences.get(key="students")
    brief = queries.brief_of(campaign, students)
    assert (brief.product.name, brief.brand, brief.price) == ("Canvas Tote", "Lumen", "$49.90")
    assert (brief.offer.kind, brief.offer.value, brief.code) == ("percent", "20%", "TOTE20")
    assert (brief.audience.key, brief.deadline, brief.voice) == ("students", True, ("calm", "clear"))
    assert queries.facts_of(campaign, brief) == {
        "product": "Canvas Tote",
        "brand": "Lumen",
        "price": "$49.90",
        "discount": "20%",
        "code": "TOTE20",
        "deadline": "30 September",
        "material": "100% cotton",
    }
    assert AuditEntry.objects.filter(action="campaign.created").count() == 1


def test_the_facts_of_a_chinese_campaign() -> None:
    owner = shop.brand(default_language="zh")
    bag = shop.product(owner, currency="CNY", price=Decimal("199.00"))
    campaign = shop.draft(people.alice(), language="zh", products=[bag], deadline=date(2099, 9, 30))
    brief = queries.brief_of(campaign, campaign.audiences.get(key="everyone"))
    facts = queries.facts_of(campaign, brief)
    assert facts == {
        "product": "帆布包",
        "brand": "Lumen",
        "price": "199元",
        "discount": "8折",
        "deadline": "9月30日",
        "material": "纯棉",
    }


def test_the_first_product_chosen_leads() -> None:
    owner = shop.brand()
    late, early = shop.product(owner, sku="Z-9"), shop.product(owner, sku="A-1")
    campaign = shop.draft(people.alice(), products=[late, early])
    assert queries.lead_product(campaign) == late
    assert queries.products_of(campaign) == [late, early]


def test_the_audience_with_most_conditions_comes_first() -> None:
    campaign = shop.draft(people.alice())
    assert [audience.key for audience in queries.ordered_audiences(campaign)] == ["students", "everyone"]


@pytest.mark.parametrize(
    ("change", "field", "message"),
    [
        ({"key": "Bad Key"}, "key", "small letters, digits, single hyphens and underscores are needed, 38 at most."),
        ({"key": "a--b"}, "key", "small letters, digits, single hyphens and underscores are needed, 38 at most."),
        ({"key": "a" * 39}, "key", "small letters, digits, single hyphens and underscores are needed, 38 at most."),
        ({"key": ""}, "key", "small letters, digits, single hyphens and underscores are needed, 38 at most."),
        ({"name": " "}, "name", "This field cannot be blank."),
        ({"channel": "fax"}, "channel", "Value 'fax' is not a valid choice."),
        ({"language": "fr"}, "language", "Value 'fr' is not a valid choice."),
        ({"tone": "loud"}, "tone", "Value 'loud' is not a valid choice."),
        ({"landing_url": "javascript:alert(1)"}, "landing_url", "Enter a valid URL."),
        ({"deadline": date(2020, 1, 1)}, "deadline", "lies in the past."),
        ({"offer_value": "-5"}, "offer_value", "must be over 0 and under 100 percent."),
        ({"offer_value": "100"}, "offer_value", "must be over 0 and under 100 percent."),
        ({"offer_value": "NaN"}, "offer_value", "must be a number with at most two decimals."),
        ({"offer_value": "twenty"}, "offer_value", "must be a number for this offer, such as 20; got 'twenty'."),
        ({"offer_value": ""}, "offer_value", "says what the offer gives; it is missing."),
        ({"offer_kind": "none"}, "offer_value", "must be empty where there is no offer."),
        (
            {"offer_kind": "amount", "offer_value": "49.90"},
            "offer_value",
            "is not less than the price of the first product.",
        ),
        ({"offer_kind": "none", "offer_value": "", "code": "X1"}, "code", "needs an offer that it unlocks."),
        ({"control": {"footer": "x"}}, "control.footer", "is not a part of a copy."),
    ],
)
def test_a_value_that_cannot_be_used_is_named(change: dict[str, Any], field: str, message: str) -> None:
    alice = people.alice()
    with pytest.raises(errors.InvalidInput) as problem:
        shop.draft(alice, **change)
    assert [(one.field, one.message) for one in problem.value.problems] == [(field, message)]
    assert (Campaign.objects.count(), AuditEntry.objects.count()) == (0, 0)


def test_several_wrong_values_are_all_named() -> None:
    with pytest.raises(errors.InvalidInput) as problem:
        shop.draft(people.alice(), key="", channel="fax", deadline=date(2020, 1, 1))
    assert [one.field for one in problem.value.problems] == ["channel", "key", "deadline"]
    assert Campaign.objects.count() == 0


def test_no_products_no_audiences_foreign_products() -> None:
    alice, owner = people.alice(), shop.brand()
    values: dict[str, Any] = {
        "key": "a", "name": "A", "brand": owner, "language": "en", "channel": "push", "created_by": alice,
    }  # fmt: skip
    with pytest.raises(errors.InvalidInput) as problem:
        services.create_campaign(**values, products=[], audiences=[])
    assert [(one.field, one.message) for one in problem.value.problems] == [
        ("products", "choose at least one."),
        ("audiences", "choose at least one."),
    ]
    foreign = shop.product(Brand.objects.create(key="other", name="Other"))
    with pytest.raises(errors.InvalidInput, match="BAG-1 is not of the brand Lumen"):
        services.create_campaign(**values, products=[foreign], audiences=shop.audiences())
    assert Campaign.objects.count() == 0


def test_an_audience_with_a_broken_rule() -> None:
    broken = Audience.objects.create(key="broken", name_en="Broken", rule=[{"attribute": "age", "operator": "like"}])
    with pytest.raises(errors.InvalidInput, match=r"broken: its rule cannot be used. Correct the audience first."):
        shop.draft(people.alice(), audiences=[broken])
    assert Campaign.objects.count() == 0


def test_a_key_that_is_taken() -> None:
    alice = people.alice()
    campaign = shop.draft(alice)
    with pytest.raises(errors.Conflict, match=r"key: a campaign 'autumn' exists already.") as problem:
        shop.draft(alice, products=queries.products_of(campaign), audiences=list(campaign.audiences.all()))
    assert problem.value.code == "key_taken"
    assert Campaign.objects.count() == 1


@pytest.mark.parametrize("name", ["bob", "ana", "charlie"])
def test_only_marketers_make_campaigns(name: str) -> None:
    with pytest.raises(errors.Forbidden, match=r"You may not make campaigns: your roles do not include it."):
        shop.draft(getattr(people, name)())
    assert Campaign.objects.count() == 0


def test_the_machines_speak_of_the_states_of_the_tables() -> None:
    assert set(lifecycle.CAMPAIGN_MOVES) == set(CampaignStatus.values)
    assert set(lifecycle.COPY_MOVES) == set(CopyStatus.values)
    for moves in (lifecycle.CAMPAIGN_MOVES, lifecycle.COPY_MOVES):
        assert {target for targets in moves.values() for target in targets} <= set(moves)


def test_a_price_is_remembered() -> None:
    bag = shop.product(shop.brand())
    record = services.record_price(bag, actor=None)
    assert (record.price, record.list_price) == (Decimal("49.90"), None)
    assert bag.prices.count() == 1
