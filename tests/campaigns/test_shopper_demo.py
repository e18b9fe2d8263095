"""The demo's shoppers: as many as are said, the same each time, and nobody who could be written to by accident."""

from __future__ import annotations

import pytest

from campaigns import queries
from campaigns.audiences import matches
from campaigns.demo import crowd, data
from campaigns.demo.shoppers import attributes_for
from campaigns.models import Consent, Shopper, Suppression

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crowd, "MOST_EACH", 120)


def test_shoppers_are_loaded_once_and_a_lost_one_comes_back() -> None:
    shop = data.load()
    assert crowd.load_shoppers(shop) == 240
    assert crowd.load_shoppers(shop) == 0
    consents = Consent.objects.count()
    lost = Shopper.objects.get(unit="shopper-7-3")
    lost.delete()
    assert crowd.load_shoppers(shop) == 1
    assert Shopper.objects.get(unit="shopper-7-3").email == lost.email
    assert (Shopper.objects.count(), Consent.objects.count()) == (240, consents)


def test_they_are_those_who_come_as_traffic() -> None:
    shop = data.load()
    crowd.load_shoppers(shop)
    campaign = next(one for one in shop.campaigns if one.play.traffic_seed == 7)
    rules = {one.key: one.rule for one in shop.audiences}
    wanted = attributes_for([rules[key] for key in campaign.audiences])(7, 3)
    known = Shopper.objects.get(unit="shopper-7-3").attributes
    assert {name: known[name] for name in wanted} == wanted
    assert matches(rules[campaign.audiences[3 % len(campaign.audiences)]], known)


def test_their_consent_is_mixed_and_no_address_is_real() -> None:
    crowd.load_shoppers(data.load())
    reached = queries.reachable([], "email")
    assert {one.left_out for one in reached} == {"", "suppressed", "no_consent", "no_address"}
    assert not Shopper.objects.exclude(email="").exclude(email__endswith="@example.test").exists()
    assert not Shopper.objects.exclude(phone="").exclude(phone__startswith="+999").exists()
    assert Suppression.objects.exists()
    for shopper in Shopper.objects.prefetch_related("consents"):
        latest = {one.channel: one.given for one in reversed(list(shopper.consents.all()))}
        assert sorted(shopper.channels) == sorted(name for name, given in latest.items() if given)
