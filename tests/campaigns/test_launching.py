"""Launch: one experiment for each audience or nothing at all; and the end."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from django.utils import timezone

from campaigns import queries, services
from campaigns.models import Audience, Campaign, CampaignExperiment, Copy
from core import errors
from core.models import User
from core.roles import Role
from experiments.models import Arm, Experiment
from tests import people
from tests.campaigns import shop

pytestmark = pytest.mark.django_db


def refusal(campaign: Campaign, actor: User, **options: Any) -> errors.CopyliftError:
    """The error of a launch, after seeing that it left nothing behind."""
    before = Campaign.objects.values_list("status", flat=True).get(pk=campaign.pk)
    experiments = Experiment.objects.count()
    with pytest.raises(errors.CopyliftError) as problem:
        services.launch_campaign(campaign, actor=actor, **options)
    assert Campaign.objects.values_list("status", flat=True).get(pk=campaign.pk) == before
    assert Experiment.objects.count() == experiments
    return problem.value


def test_each_audience_gets_a_running_experiment_with_a_control() -> None:
    alice, bob = people.alice(), people.bob()
    campaign = shop.ready(alice, bob, landing_url="https://shop.test/bags")
    made = services.launch_campaign(campaign, actor=alice, planned_units=1000)
    assert [one.key for one in made] == ["autumn--students", "autumn--everyone"]
    assert {(one.status, one.currency, one.planned_units) for one in made} == {("running", "USD", 1000)}
    assert Campaign.objects.get().status == "running"
    control, first, second = Arm.objects.filter(experiment=made[0]).order_by("position")
    assert (control.key, control.is_control) == ("control", True)
    assert control.weight == pytest.approx(1 / 3)
    assert control.content == {
        "copy_id": None,
        "channel": "push",
        "language": "en",
        "label": "Shown today",
        "theme": "",
        **shop.CONTROL,
        "landing_url": "https://shop.test/bags",
    }
    copy = Copy.objects.filter(audience__key="students").order_by("id")[0]
    assert (first.key, first.is_control) == (f"copy-{copy.pk}", False)
    assert first.content == {
        "copy_id": copy.pk,
        "channel": "push",
        "language": "en",
        "label": "Canvas Tote, 20% off",
        "theme": copy.theme,
        **copy.filled,
        "landing_url": "https://shop.test/bags",
    }
    assert second.content["body"] != first.content["body"]
    links = queries.links_of(campaign)
    assert [(link.audience.key, link.position) for link in links] == [("students", 0), ("everyone", 1)]


def test_the_longest_names_fit() -> None:
    alice = people.alice()
    everyone = Audience.objects.create(key="e" * 40, name_en="E" * 80)
    campaign = shop.ready(alice, people.bob(), key="k" * 38, name="N" * 120, audiences=[everyone])
    (made,) = services.launch_campaign(campaign, actor=alice)
    assert (len(made.key), len(made.name)) == (80, 200)


def test_rejected_and_waiting_copy_is_no_arm() -> None:
    alice, bob = people.alice(), people.bob()
    campaign = shop.generated(alice, per_audience=3)
    for audience in campaign.audiences.all():
        approved, rejected, _waiting = Copy.objects.filter(audience=audience).order_by("id")
        services.approve_copy(approved, reviewer=bob)
        services.reject_copy(rejected, reviewer=bob, reason="no")
    made = services.launch_campaign(campaign, actor=alice)
    assert [one.arms.count() for one in made] == [2, 2]


def test_an_audience_without_approved_copy() -> None:
    alice, bob = people.alice(), people.bob()
    campaign = shop.generated(alice)
    services.approve_copy(Copy.objects.filter(audience__key="everyone")[0], reviewer=bob)
    problem = refusal(campaign, alice)
    assert (problem.status, problem.code) == (409, "no_approved_copy")
    assert problem.message == "No copy is approved for: Students. Approve at least one for each audience."


def test_no_control_text() -> None:
    alice = people.alice()
    campaign = shop.ready(alice, people.bob(), control={})
    problem = refusal(campaign, alice)
    assert (problem.status, problem.code) == (409, "no_control")
    assert problem.message == (
        "There is no control text. Enter the headline and text the shop shows today to compare with."
    )
    services.set_control(campaign, control=shop.CONTROL, actor=alice)
    assert len(services.launch_campaign(campaign, actor=alice)) == 2


def test_copy_still_being_written() -> None:
    alice = people.alice()
    campaign = shop.ready(alice, people.bob())
    services.request_generation(campaign, per_audience=1, actor=alice)
    assert refusal(campaign, alice).code == "already_generating"


def test_a_last_day_that_has_passed() -> None:
    alice = people.alice()
    campaign = shop.ready(alice, people.bob(), deadline=timezone.localdate())
    Campaign.objects.update(deadline=date(2020, 1, 31))
    problem = refusal(campaign, alice)
    assert (problem.code, problem.message) == ("deadline_passed", "The last day, Jan. 31, 2020, has passed.")


def test_the_plan_ends_after_the_last_day() -> None:
    alice = people.alice()
    last = timezone.localdate() + timedelta(days=9)
    made = services.launch_campaign(shop.ready(alice, people.bob(), deadline=last), actor=alice)
    assert made[0].planned_end is not None
    assert timezone.localtime(made[0].planned_end).date() == last + timedelta(days=1)


def test_a_second_launch() -> None:
    campaign = shop.launched()
    alice = campaign.created_by
    assert alice is not None
    problem = refusal(campaign, alice)
    assert (problem.status, problem.code) == (409, "already_launched")
    assert problem.message == "The campaign “Autumn bags” is running: it was launched before or put away."


@pytest.mark.parametrize("name", ["ana", "bob", "charlie"])
def test_only_a_marketer_may_launch(name: str) -> None:
    campaign = shop.ready(people.alice(), people.member("Other", Role.APPROVER))
    problem = refusal(campaign, getattr(people, name)())
    assert (problem.status, problem.code) == (403, "role_missing")
    assert problem.message == "You may not launch campaigns: your roles do not include it."


def test_one_experiment_that_cannot_be_made_undoes_all() -> None:
    alice = people.alice()
    campaign = shop.ready(alice, people.bob())
    from experiments import services as experiments

    arms = [experiments.ArmInput("a", "A", is_control=True), experiments.ArmInput("b", "B")]
    experiments.create_experiment(key="autumn--everyone", name="Taken", arms=arms, created_by=None)
    problem = refusal(campaign, alice)
    assert (problem.code, problem.message) == ("key_taken", "key: an experiment 'autumn--everyone' exists already.")
    assert CampaignExperiment.objects.count() == 0


def test_the_end_stops_every_experiment() -> None:
    campaign = shop.launched()
    alice = campaign.created_by
    assert alice is not None
    assert services.finish_campaign(campaign, actor=alice).status == "finished"
    assert set(Experiment.objects.values_list("status", flat=True)) == {"stopped"}
    with pytest.raises(errors.Conflict, match="is finished; it cannot become finished"):
        services.finish_campaign(campaign, actor=alice)
    assert services.archive_campaign(campaign, actor=alice).status == "archived"


def test_a_running_campaign_is_not_put_away() -> None:
    campaign = shop.launched()
    alice = campaign.created_by
    assert alice is not None
    with pytest.raises(errors.Conflict, match="is running; it cannot become archived"):
        services.archive_campaign(campaign, actor=alice)
    assert Campaign.objects.get().status == "running"


def test_running_copy_is_fixed() -> None:
    campaign = shop.launched()
    alice, bob = campaign.created_by, User.objects.get(email="bob@shop.test")
    assert alice is not None
    copy = Copy.objects.order_by("id")[0]
    with pytest.raises(errors.Conflict, match="is running, so its copy can no longer be edited"):
        services.edit_copy(copy, editor=bob, parts=shop.GOOD)
    with pytest.raises(errors.Conflict, match="is running, so its control text is fixed"):
        services.set_control(campaign, control={"headline": "New"}, actor=alice)
    assert Campaign.objects.get().control_headline == "Shop our bags"
    assert Copy.objects.count() == 4
