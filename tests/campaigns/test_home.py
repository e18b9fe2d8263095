"""Home: what runs with its figures, what went wrong for as long as it lasts, and what waits for each role."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from campaigns import services
from campaigns.models import Brand, Campaign, CampaignDraft, Copy
from campaigns.models.copies import CopyStatus
from core.models import NoticeKind, User
from core.roles import Role
from core.services.notices import notify
from experiments import services as experiments
from experiments.models import Analysis, Experiment
from tests import people
from tests.campaigns import shop

pytestmark = pytest.mark.django_db
MOST_QUERIES = 15


def home(client: Client, member: User) -> str:
    client.force_login(member)
    return client.get(reverse("home")).content.decode()


def alerts(client: Client, member: User) -> list[Any]:
    client.force_login(member)
    found: list[Any] = client.get(reverse("home")).context["alerts"]
    return found


def tasks(client: Client, member: User) -> list[tuple[str, str]]:
    client.force_login(member)
    return [(task.label, task.detail) for task in client.get(reverse("home")).context["waiting"]]


def breach(experiment: Experiment) -> None:
    """What experiments.services.guarding does on a broken guardrail."""
    experiments.pause_experiment(experiment, actor=None)
    Experiment.objects.filter(pk=experiment.pk).update(
        notice={"code": "guardrail_breach", "sentence": "Refunds rose.", "at": "2026-11-01"}
    )


# --- alerts -----------------------------------------------------------------------------------------------------
def test_a_broken_guardrail_is_said_first_with_its_sentence(client: Client) -> None:
    alice = people.alice()
    shop.launched(alice, people.bob())
    assert "Look at this first" not in home(client, alice)
    breach(Experiment.objects.get(key="autumn--students"))
    shown = home(client, alice)
    assert "Look at this first" in shown
    assert shown.index("Look at this first") < shown.index("Running now")
    assert [(one.label, one.sentence) for one in alerts(client, alice)] == [("guardrail broken", "Refunds rose.")]


def test_a_pulled_breaker_is_one_alert_for_the_whole_campaign_until_it_is_reset(client: Client) -> None:
    alice = people.alice()
    campaign = shop.launched(alice, people.bob())
    services.trip_campaign(campaign, reason="Wrong price.", actor=alice)
    found = alerts(client, alice)
    assert [(one.name, one.sentence) for one in found] == [("Autumn bags", "Everyone gets the control. Wrong price.")]
    assert found[0].url == reverse("campaigns:detail", args=["autumn"])
    services.reset_campaign(campaign, reason="Price is right.", actor=alice)
    assert alerts(client, alice) == []


def test_a_test_that_somebody_let_go_on_and_that_is_well_again_alerts_no_more(client: Client) -> None:
    alice = people.alice()
    shop.launched(alice, people.bob())
    experiment = Experiment.objects.get(key="autumn--students")
    breach(experiment)
    experiments.resume_experiment(Experiment.objects.get(pk=experiment.pk), actor=alice)
    experiments.analyse(Experiment.objects.get(pk=experiment.pk))
    assert alerts(client, alice) == []


def test_wrong_shares_alert_while_the_newest_figures_say_so(client: Client) -> None:
    alice = people.alice()
    shop.launched(alice, people.bob())
    experiment = Experiment.objects.get(key="autumn--everyone")
    analysis = experiments.analyse(experiment)
    notice = {"code": "sample_ratio", "sentence": "The shares are wrong.", "at": "2026-11-01"}
    Experiment.objects.filter(pk=experiment.pk).update(notice=notice)
    assert alerts(client, alice) == []
    flagged = {**analysis.results, "sample_ratio": {**analysis.results["sample_ratio"], "flagged": True}}
    Analysis.objects.filter(pk=analysis.pk).update(results=flagged)
    assert [one.label for one in alerts(client, alice)] == ["shares of the arms are wrong"]


def test_a_stranger_to_the_brand_is_told_of_nothing_of_it(client: Client) -> None:
    alice, ana = people.alice(), people.ana()
    campaign = shop.launched(alice, people.bob())
    Brand.objects.get().members.add(alice)
    services.trip_campaign(campaign, reason="Wrong price.", actor=alice)
    assert len(alerts(client, alice)) == 1
    shown = home(client, ana)
    assert alerts(client, ana) == []
    assert "Autumn bags" not in shown


def test_untrusted_words_of_an_alert_are_escaped(client: Client) -> None:
    alice = people.alice()
    campaign = shop.launched(alice, people.bob())
    services.trip_campaign(campaign, reason="<script>alert(1)</script>", actor=alice)
    assert "<script>alert(1)" not in home(client, alice)


# --- figures ----------------------------------------------------------------------------------------------------
def test_the_verdict_is_read_in_the_readers_language(client: Client) -> None:
    alice = people.alice()
    shop.launched(alice, people.bob())
    analysis = experiments.analyse(Experiment.objects.get(key="autumn--students"))
    assert analysis.sentence in home(client, alice)
    User.objects.filter(pk=alice.pk).update(language="zh-hans")
    chinese = home(client, User.objects.get(pk=alice.pk))
    assert analysis.sentence not in chinese
    assert "位顾客" in chinese


def test_each_arm_shows_its_chance_to_win(client: Client) -> None:
    alice = people.alice()
    shop.launched(alice, people.bob())
    experiment = Experiment.objects.get(key="autumn--students")
    analysis = experiments.analyse(experiment)
    results = {**analysis.results, "units": 500}
    goal = next(one for one in results["metrics"] if one["is_goal"])
    goal["comparisons"][0]["chance_to_win"] = 0.914
    Analysis.objects.filter(pk=analysis.pk).update(results=results)
    shown = home(client, alice)
    assert "Chance to win" in shown
    assert "91 %" in shown


# --- what waits -------------------------------------------------------------------------------------------------
def test_a_marketer_goes_on_with_a_brief_and_nobody_else_is_told_of_it(client: Client) -> None:
    alice, dora = people.alice(), people.dora()
    draft = CampaignDraft.objects.create(owner=alice, name="Half a brief", step="audiences")
    assert tasks(client, alice) == [("Go on with your brief", "Half a brief; next: Audiences")]
    assert reverse("campaigns:draft", args=[draft.pk, "audiences"]) in home(client, alice)
    assert tasks(client, dora) == []


def test_candidates_wait_to_be_chosen_by_a_marketer_only(client: Client) -> None:
    alice, bob = people.alice(), people.bob()
    campaign = shop.generated(alice)
    Copy.objects.filter(campaign=campaign).update(status=CopyStatus.DRAFT)
    assert tasks(client, alice) == [("Choose from 4 candidates", "Autumn bags")]
    assert tasks(client, bob) == []


def test_an_approver_reviews_and_a_marketer_launches(client: Client) -> None:
    alice, bob = people.alice(), people.bob()
    campaign = shop.generated(alice)
    assert (tasks(client, bob), tasks(client, alice)) == ([("Review 4 copies", "Autumn bags")], [])
    for copy in Copy.objects.filter(campaign=campaign).order_by("id"):
        services.approve_copy(copy, reviewer=bob)
    assert (tasks(client, bob), tasks(client, alice)) == ([], [("Launch", "Autumn bags")])


@pytest.mark.parametrize(("verdict", "waits"), [("ship", True), ("roll_back", True), ("keep_running", False)])
def test_an_analyst_acts_on_a_verdict_that_asks_for_it(client: Client, verdict: str, *, waits: bool) -> None:
    shop.launched(people.alice(), people.bob())
    experiment = Experiment.objects.get(key="autumn--students")
    analysis = experiments.analyse(experiment)
    Analysis.objects.filter(pk=analysis.pk).update(verdict=verdict)
    expected = [("Act on the verdict", experiment.name)] if waits else []
    assert tasks(client, people.ana()) == expected


def test_the_tests_of_an_archived_campaign_ask_for_nothing(client: Client) -> None:
    alice = people.alice()
    campaign = shop.launched(alice, people.bob())
    services.finish_campaign(campaign, actor=alice)
    assert {label for label, _detail in tasks(client, alice)} == {"Read the result"}
    services.archive_campaign(Campaign.objects.get(pk=campaign.pk), actor=alice)
    assert tasks(client, alice) == []


def test_a_stored_notice_is_read_in_the_readers_language(client: Client) -> None:
    alice = people.alice()
    subject = "Circuit breaker pulled: Autumn bags"
    notify([alice], NoticeKind.ALERT, key="k", subject=subject)
    assert subject in home(client, alice)
    User.objects.filter(pk=alice.pk).update(language="zh-hans")
    assert subject not in home(client, User.objects.get(pk=alice.pk))


# --- cost -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("who", [people.alice, people.bob, people.ana, people.dora])
def test_home_needs_few_queries_with_fifty_campaigns(
    client: Client, django_assert_max_num_queries: Any, who: Any
) -> None:
    maker = people.member("Mara", Role.MARKETER, Role.APPROVER)
    campaign = shop.launched(maker, people.member("Bert", Role.APPROVER))
    for experiment in Experiment.objects.all():
        experiments.analyse(experiment)
        breach(experiment)
    values = {"brand": campaign.brand, "language": "en", "channel": "push"}
    Campaign.objects.bulk_create(
        Campaign(key=f"c-{number}", name=f"C {number}", status=status, **values)
        for number, status in enumerate(["draft", "ready", "review", "running", "finished"] * 10)
    )
    CampaignDraft.objects.create(owner=maker, name="Half a brief")
    client.force_login(who())
    with django_assert_max_num_queries(MOST_QUERIES):
        answer = client.get(reverse("home"))
    assert answer.status_code == 200
    assert len(answer.context["waiting"]) <= 8
