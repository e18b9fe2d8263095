"""The first tour: steps by role, checked off by what is there, put away and brought back by each member alone."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from campaigns import services
from campaigns.models import Campaign, Copy
from campaigns.queries.tour import demo_keys
from core.models import User
from experiments import services as experiments
from experiments.models import Experiment
from tests import people
from tests.campaigns import shop

pytestmark = pytest.mark.django_db


def steps(client: Client, member: User) -> dict[str, bool]:
    client.force_login(member)
    tour = client.get(reverse("campaigns:tour")).context["tour"]
    return {step["key"]: step["done"] for step in tour["steps"]} if tour else {}


def done(client: Client, member: User) -> list[str]:
    return [key for key, is_done in steps(client, member).items() if is_done]


def post(client: Client, member: User, move: str) -> Any:
    client.force_login(member)
    return client.post(reverse("campaigns:tour_move", args=[move]))


@pytest.mark.parametrize(
    ("who", "asked"),
    [
        (people.alice, ["products", "campaign", "copy", "approval", "launch", "result"]),
        (people.bob, ["review", "result"]),
        (people.ana, ["result"]),
        (people.charlie, []),
    ],
)
def test_each_role_is_asked_for_what_it_may_do(client: Client, who: Any, asked: list[str]) -> None:
    assert list(steps(client, who())) == asked


def test_the_steps_check_themselves_off_as_the_work_is_done(client: Client) -> None:
    alice, bob = people.alice(), people.bob()
    assert (done(client, alice), done(client, bob)) == ([], [])
    campaign = shop.draft(alice)
    assert done(client, alice) == ["products", "campaign"]
    job = services.request_generation(campaign, per_audience=1, actor=alice)
    shop.run(job, shop.FakeWriter())
    assert done(client, alice) == ["products", "campaign", "copy"]
    for copy in Copy.objects.order_by("id"):
        services.approve_copy(copy, reviewer=bob)
    assert done(client, alice) == ["products", "campaign", "copy", "approval"]
    assert done(client, bob) == ["review"]
    services.launch_campaign(Campaign.objects.get(), actor=alice)
    assert done(client, alice) == ["products", "campaign", "copy", "approval", "launch"]
    assert done(client, people.ana()) == []


def test_what_the_demo_did_in_a_members_name_is_not_theirs(client: Client) -> None:
    alice = people.alice()
    shop.launched(alice, people.bob(), key=demo_keys()[0])
    assert done(client, alice) == ["products"]
    shown = client.get(reverse("campaigns:tour")).content.decode()
    assert "approver@demo.shop" in shown


def test_hints_of_the_demo_are_given_where_the_demo_is_only(client: Client) -> None:
    shop.draft(people.alice())
    client.force_login(people.dora())
    assert "demo" not in client.get(reverse("campaigns:tour")).content.decode()


def test_a_result_is_read_by_its_button_once_there_is_one(client: Client) -> None:
    alice = people.alice()
    assert post(client, alice, "result")["Location"] == reverse("home")
    assert User.objects.get(pk=alice.pk).tour == {}
    shop.launched(alice, people.bob())
    experiment = Experiment.objects.get(key="autumn--students")
    experiments.analyse(experiment)
    assert post(client, alice, "result")["Location"] == reverse("experiments:detail", args=[experiment.key])
    assert "result" in done(client, User.objects.get(pk=alice.pk))


def test_a_result_of_a_brand_kept_from_the_member_is_none_to_them(client: Client) -> None:
    ana = people.ana()
    campaign = shop.launched(people.alice(), people.bob())
    experiments.analyse(Experiment.objects.get(key="autumn--students"))
    campaign.brand.members.add(people.dora())
    assert post(client, ana, "result")["Location"] == reverse("home")
    assert User.objects.get(pk=ana.pk).tour == {}


def test_who_may_see_no_experiment_reads_none_by_the_tour(client: Client) -> None:
    charlie = people.charlie()
    shop.launched(people.alice(), people.bob())
    experiments.analyse(Experiment.objects.get(key="autumn--students"))
    assert post(client, charlie, "result")["Location"] == reverse("home")
    assert User.objects.get(pk=charlie.pk).tour == {}


def test_it_is_put_away_for_the_member_alone_and_brought_back(client: Client) -> None:
    alice, bob = people.alice(), people.bob()
    for member in (alice, bob):
        client.force_login(member)
        assert "Your first time around" in client.get(reverse("home")).content.decode()
    assert post(client, alice, "close")["Location"] == reverse("home")
    assert "Your first time around" not in client.get(reverse("home")).content.decode()
    assert "Show it on the home page" in client.get(reverse("campaigns:tour")).content.decode()
    client.force_login(bob)
    assert "Your first time around" in client.get(reverse("home")).content.decode()
    post(client, alice, "open")
    assert "Your first time around" in client.get(reverse("home")).content.decode()


def test_putting_it_away_forgets_no_result_that_was_read(client: Client) -> None:
    alice = people.alice()
    User.objects.filter(pk=alice.pk).update(tour={"result": True})
    post(client, User.objects.get(pk=alice.pk), "close")
    assert User.objects.get(pk=alice.pk).tour == {"result": True, "closed": True}


def test_a_move_that_is_none_changes_nothing_and_none_is_made_by_a_link(client: Client) -> None:
    alice = people.alice()
    assert post(client, alice, "sideways").status_code == 404
    assert client.get(reverse("campaigns:tour_move", args=["close"])).status_code == 405
    assert User.objects.get(pk=alice.pk).tour == {}


def test_the_live_part_of_home_does_not_ask_for_the_tour_again(client: Client) -> None:
    client.force_login(people.alice())
    answer = client.get(reverse("home"), headers={"HX-Request": "true"})
    assert "Your first time around" not in answer.content.decode()
