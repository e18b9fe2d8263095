"""A campaign's result on one page: audience by audience, the texts as shown, money, and who may see it."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from campaigns.campaign_result import result_of, together
from campaigns.models import Campaign
from core.models import User
from experiments import tasks
from experiments.models import Experiment
from tests import people
from tests.campaigns import shop
from tests.experiments import shop as events

pytestmark = pytest.mark.django_db


def address(campaign: Campaign) -> str:
    return reverse("campaigns:result", args=[campaign.key])


def played() -> Campaign:
    """A running campaign of two audiences; in the first one a text sells far more."""
    campaign = shop.launched()
    experiment = first(campaign)
    arms = [arm.key for arm in experiment.arms.order_by("position")]
    found = []
    for number in range(600):
        unit, place = f"u-{number}", number % 3
        found.append(events.exposure(unit, arms[place], experiment.key))
        if number // 3 % (2 if place == 1 else 40) == 0:
            found.append(events.event("conversion", unit, value=20, margin=8))
            found.append(events.event("cost", unit, value=1 + number % 5))
    events.send(*found)
    events.fold()
    tasks.refresh_analyses()
    return campaign


def first(campaign: Campaign) -> Experiment:
    return campaign.experiment_links.order_by("position")[0].experiment


def test_each_audience_has_its_verdict_and_its_texts_in_their_frame(client: Client) -> None:
    campaign = played()
    client.force_login(people.ana())
    text = client.get(address(campaign)).content.decode()
    assert text.count('class="frame frame-push"') == sum(
        link.experiment.arms.count() for link in campaign.experiment_links.all()
    )
    assert "Students" in text
    assert "Everyone" in text
    assert "No shopper has been seen yet" in text
    assert f"/experiments/{first(campaign).key}/" in text
    assert "to ship" in text


def test_it_says_the_same_as_the_pages_of_its_tests(client: Client) -> None:
    campaign = played()
    client.force_login(people.ana())
    verdict = client.get(reverse("experiments:detail", args=[first(campaign).key])).context["results"]["verdict"]
    shown = client.get(address(campaign)).context["result"].audiences[0]
    assert shown.results["verdict"] == verdict
    assert [arm.is_chosen for arm in shown.arms] == [False, True, False]
    assert shown.arms[1].units == 200


def test_it_takes_few_queries_however_many_audiences(client: Client, django_assert_max_num_queries: Any) -> None:
    campaign = played()
    client.force_login(people.ana())
    with django_assert_max_num_queries(12):
        client.get(address(campaign))


def test_while_it_runs_only_what_is_new_is_swapped_in(client: Client) -> None:
    campaign = played()
    client.force_login(people.ana())
    answer = client.get(address(campaign))
    assert 'hx-trigger="every 5s"' in answer.content.decode()
    seen = answer.context["seen"]
    assert client.get(address(campaign), {"seen": seen}, headers={"HX-Request": "true"}).status_code == 204
    part = client.get(address(campaign), {"seen": "older"}, headers={"HX-Request": "true"}).content.decode()
    assert part.lstrip().startswith('<div id="campaign-result"')
    Experiment.objects.update(status="stopped")
    assert "hx-trigger" not in client.get(address(campaign)).content.decode()


def test_before_the_launch_it_says_what_to_do(client: Client) -> None:
    campaign = shop.ready(people.alice(), people.bob())
    client.force_login(User.objects.get(name="Alice"))
    text = client.get(address(campaign)).content.decode()
    assert "no test yet" in text
    assert f"/campaigns/{campaign.key}/" in text


def test_it_is_open_to_the_team_and_to_no_stranger(client: Client) -> None:
    campaign = shop.launched()
    client.force_login(people.charlie())
    assert client.get(address(campaign)).status_code == 403
    campaign.brand.members.add(people.dora())
    client.force_login(people.ana())
    assert client.get(address(campaign)).status_code == 404


def test_untrusted_text_is_escaped(client: Client) -> None:
    campaign = played()
    Campaign.objects.update(name="<i>Autumn</i>")
    first(campaign).arms.update(name="<b>x</b>")
    Experiment.objects.update(learned="<u>y</u>")
    client.force_login(people.ana())
    text = client.get(address(campaign)).content.decode()
    assert [mark for mark in ("<i>Autumn", "<b>x", "<u>y") if mark in text] == []


def test_profits_of_separate_tests_add_up_and_their_errors_in_quadrature() -> None:
    one = {"estimate": 10.0, "lower": 7.0, "upper": 14.0}
    other = {"estimate": 20.0, "lower": 16.0, "upper": 23.0}
    assert together([one, other]) == {"estimate": 30.0, "lower": 25.0, "upper": 35.0}
    assert together([one]) == one
    assert together([]) is None
    assert together([one, {"estimate": 1.0, "lower": None, "upper": 2.0}]) is None


def test_the_whole_is_that_of_the_arms_to_ship() -> None:
    result = result_of(played())
    assert (result.ships, result.units) == (1, 600)
    chosen = next(arm for arm in result.audiences[0].arms if arm.is_chosen)
    assert chosen.money is not None
    assert result.profit == pytest.approx(chosen.money["whole"])
