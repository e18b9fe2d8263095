"""A launch at an hour to come: in the name of whoever set it, once, or back to ready with the reason told."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from campaigns import services
from campaigns.demo import progress
from campaigns.models import Brand, Campaign, Copy
from campaigns.models.copies import CopyStatus
from campaigns.tasks import launch_due_campaigns
from core import errors
from core.models import AuditEntry, Notice, User, Webhook, WebhookDelivery
from experiments.models import Experiment
from tests import people
from tests.campaigns import shop

pytestmark = pytest.mark.django_db


def hour(hours: int = 2) -> datetime:
    """An hour to come."""
    return timezone.now() + timedelta(hours=hours)


def scheduled(alice: User, **fields: Any) -> Campaign:
    """A campaign whose launch is two hours off."""
    campaign = shop.ready(alice, people.bob(), **fields)
    return services.schedule_campaign(campaign, starts_at=hour(), actor=alice)


def state() -> tuple[str, bool]:
    """Where the one campaign stands, and whether it has an hour."""
    campaign = Campaign.objects.get()
    return campaign.status, campaign.starts_at is not None


def test_nothing_is_launched_before_its_hour_and_once_after_it() -> None:
    scheduled(people.alice())
    assert launch_due_campaigns() == 0
    assert state() == ("scheduled", True)
    assert services.launch_due_campaigns(hour(3)) == 1
    assert services.launch_due_campaigns(hour(3)) == 0
    assert Campaign.objects.get().status == "running"
    assert Experiment.objects.filter(status="running").count() == 2
    entry = AuditEntry.objects.get(action="campaign.running")
    assert entry.actor_label == "alice@shop.test"


def test_the_plan_of_the_campaign_is_used() -> None:
    scheduled(people.alice())
    Campaign.objects.update(planned_units=4000, coverage=0.5)
    services.launch_due_campaigns(hour(3))
    assert set(Experiment.objects.values_list("planned_units", "coverage")) == {(4000, 0.5)}


def test_a_launch_that_is_refused_goes_back_to_ready_and_says_why() -> None:
    alice = people.alice()
    scheduled(alice)
    Campaign.objects.update(control_headline="")
    assert services.launch_due_campaigns(hour(3)) == 0
    assert state() == ("ready", False)
    assert Experiment.objects.count() == 0
    notice = Notice.objects.get(kind="alert")
    assert (notice.user, notice.subject) == (alice, "“Autumn bags” was not launched at its hour")
    assert notice.body.startswith("There is no control text.")
    assert services.launch_due_campaigns(hour(3)) == 0
    assert Notice.objects.filter(kind="alert").count() == 1


def test_a_member_who_lost_the_role_launches_nothing() -> None:
    alice = people.alice()
    scheduled(alice)
    alice.groups.clear()
    assert services.launch_due_campaigns(hour(3)) == 0
    assert state() == ("ready", False)
    assert Experiment.objects.count() == 0


def test_a_scheduled_launch_is_taken_back() -> None:
    alice = people.alice()
    campaign = scheduled(alice)
    services.unschedule_campaign(campaign, actor=alice)
    assert state() == ("ready", False)
    assert services.launch_due_campaigns(hour(3)) == 0
    with pytest.raises(errors.Conflict, match="is ready to launch; for this it must be scheduled"):
        services.unschedule_campaign(campaign, actor=alice)


@pytest.mark.parametrize(("hours", "sentence"), [(-1, "lies in the past"), (72, "lies after the last day")])
def test_an_hour_that_cannot_be(hours: int, sentence: str) -> None:
    alice = people.alice()
    campaign = shop.ready(alice, people.bob(), deadline=timezone.localdate())
    with pytest.raises(errors.InvalidInput, match=sentence):
        services.schedule_campaign(campaign, starts_at=hour(hours), actor=alice)
    assert state() == ("ready", False)


def test_only_who_may_launch_may_schedule() -> None:
    campaign = shop.ready(people.alice(), people.bob())
    with pytest.raises(errors.Forbidden):
        services.schedule_campaign(campaign, starts_at=hour(), actor=people.ana())
    assert state() == ("ready", False)


def test_candidates_not_handed_in_do_not_open_the_review() -> None:
    campaign = shop.generated(people.alice())
    Copy.objects.update(status=CopyStatus.DRAFT)
    Campaign.objects.update(status="generating")
    assert services.settle_campaign(campaign) == "draft"


def test_webhooks_are_told_of_the_launch_and_the_end() -> None:
    alice = people.alice()
    events = ["campaign.launched", "campaign.finished"]
    Webhook.objects.create(name="ERP", url="https://erp.test/hook", secret="s", events=events, created_by=alice)
    scheduled(alice)
    services.launch_due_campaigns(hour(3))
    services.finish_campaign(Campaign.objects.get(), actor=alice)
    assert list(WebhookDelivery.objects.order_by("id").values_list("event", flat=True)) == events


def post(client: Client, member: User, name: str, **fields: str) -> int:
    """The status of a post to the campaign's address."""
    client.force_login(member)
    return client.post(reverse(f"campaigns:{name}", args=["autumn"]), fields).status_code


def test_a_marketer_schedules_takes_back_and_archives_on_the_page(client: Client) -> None:
    alice = people.alice()
    shop.ready(alice, people.bob())
    client.force_login(alice)
    page = client.get(reverse("campaigns:detail", args=["autumn"])).content.decode()
    assert 'name="starts_at"' in page
    day = timezone.localtime(hour(48)).strftime("%Y-%m-%dT%H:%M")
    assert post(client, alice, "schedule", starts_at=day) == 302
    assert state() == ("scheduled", True)
    page = client.get(reverse("campaigns:detail", args=["autumn"])).content.decode()
    assert reverse("campaigns:unschedule", args=["autumn"]) in page
    assert post(client, alice, "unschedule") == 302
    assert state() == ("ready", False)
    assert post(client, alice, "archive") == 302
    assert state() == ("archived", False)


def test_an_hour_that_cannot_be_read_is_said(client: Client) -> None:
    alice = people.alice()
    shop.ready(alice, people.bob())
    client.force_login(alice)
    answer = client.post(reverse("campaigns:schedule", args=["autumn"]), {"starts_at": "soon"}, follow=True)
    assert "Enter a valid date/time." in answer.content.decode()
    assert state() == ("ready", False)


def test_a_stranger_to_the_brand_finds_no_campaign(client: Client) -> None:
    alice = people.alice()
    shop.ready(alice, people.bob())
    Brand.objects.get().members.add(people.dora())
    # What she was told while the brand was hers stays told.
    Notice.objects.all().delete()
    day = timezone.localtime(hour(48)).strftime("%Y-%m-%dT%H:%M")
    for name in ("schedule", "unschedule", "archive", "launch", "finish"):
        assert post(client, alice, name, starts_at=day) == 404
    assert client.get(reverse("campaigns:detail", args=["autumn"])).status_code == 404
    assert "Autumn bags" not in client.get(reverse("campaigns:list")).content.decode()
    assert "Autumn bags" not in client.get(reverse("home")).content.decode()
    assert state() == ("ready", False)


def test_a_scheduled_campaign_of_the_demo_shows_how_far_it_is() -> None:
    campaign = scheduled(people.alice(), key=next(iter(progress.plays())))
    assert progress.has_arrived(campaign) or progress.setting_up()


def test_home_shows_what_i_was_told_until_i_put_it_away(client: Client) -> None:
    alice, bob = people.alice(), people.bob()
    told = [Notice.objects.create(user=one, kind="alert", key="k", subject="<b>Told") for one in (alice, bob)]
    client.force_login(alice)
    assert "&lt;b&gt;Told" in client.get(reverse("home")).content.decode()
    assert client.post(reverse("notices_read"), {"newest": "x"}).status_code == 302
    assert Notice.objects.filter(read_at=None).count() == 2
    assert client.post(reverse("notices_read"), {"newest": str(told[1].pk)}).status_code == 302
    assert Notice.objects.get(read_at=None).user == bob
    assert "Told" not in client.get(reverse("home")).content.decode()
