"""A brand with members is theirs: what belongs to it is hidden from others, and nothing else is."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group

from campaigns.models import Brand, Campaign, Product
from campaigns.queries.access import may_see, team_of
from core import access
from core.models import User
from core.roles import Role
from experiments.models import Experiment
from tests import people

pytestmark = pytest.mark.django_db


def test_a_brand_without_members_is_everyones() -> None:
    alice = people.alice()
    brand = Brand.objects.create(key="open", name="Open")
    assert list(access.visible(alice, Brand.objects.filter(pk=brand.pk))) == [brand]


def test_a_stranger_sees_nothing_of_a_brand_with_members_and_a_colleague_and_an_administrator_do() -> None:
    alice, ana, dora = people.alice(), people.ana(), people.dora()
    brand = Brand.objects.create(key="closed", name="Closed")
    brand.members.add(alice)
    product = Product.objects.create(sku="P-1", brand=brand, name_en="Mug", price=9)
    for member, expected in ((alice, [product]), (ana, []), (dora, [product])):
        assert list(access.visible(member, Product.objects.filter(brand=brand))) == expected


def test_an_experiment_of_no_campaign_is_everyones() -> None:
    ana = people.ana()
    brand = Brand.objects.create(key="closed", name="Closed")
    brand.members.add(people.alice())
    experiment = Experiment.objects.create(key="imported", name="Imported", seed="s")
    assert list(access.visible(ana, Experiment.objects.all())) == [experiment]


@pytest.mark.parametrize("kept", [False, True])
def test_the_team_of_a_brand_is_who_may_see_it(kept: bool) -> None:
    team = [people.alice(), people.bob(), people.ana(), people.dora()]
    people.charlie()
    root = User.objects.create_superuser("root@shop.test", "x")
    root.groups.set(Group.objects.filter(name=Role.ANALYST))
    gone = people.member("Gone", Role.ANALYST)
    User.objects.filter(pk=gone.pk).update(is_active=False)
    brand = Brand.objects.create(key="own", name="Own")
    if kept:
        brand.members.set([team[0], gone])
    expected = {member.pk for member in [*team, root] if may_see(member, brand)}
    assert {member.pk for member in team_of(brand)} == expected
    assert len(expected) == (3 if kept else 5)


def test_narrowing_costs_one_query(django_assert_num_queries: object) -> None:
    ana = people.ana()
    assert ana.role_names == {"analyst"}
    with django_assert_num_queries(1):  # type: ignore[operator]
        list(access.visible(ana, Campaign.objects.all()))
