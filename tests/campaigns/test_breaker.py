"""The circuit breaker: everyone gets the control by one button or a broken guardrail, and the test can go on."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from campaigns import queries, services
from campaigns.models import Campaign
from core import audit, errors
from core.models import Notice, Webhook, WebhookDelivery
from core.roles import Role
from core.services import api_keys
from experiments import services as experiments
from experiments.lifecycle import Status
from experiments.models import Experiment
from tests import people
from tests.campaigns import shop

pytestmark = pytest.mark.django_db
STUDENT = {"student": True}


def experiments_of(campaign: Campaign) -> list[Experiment]:
    return [link.experiment for link in queries.links_of(campaign)]


def states(campaign: Campaign) -> set[str]:
    return {experiment.status for experiment in experiments_of(campaign)}


def arms_seen(campaign: Campaign) -> set[str | None]:
    decisions = [queries.decide(campaign.key, unit=f"u{number}", attributes=STUDENT) for number in range(40)]
    return {decision["content"]["headline"] for decision in decisions}


def breach(experiment: Experiment, at: str) -> None:
    """What experiments.services.guarding does on a broken guardrail."""
    experiments.pause_experiment(experiment, actor=None)
    notice = {"code": "guardrail_breach", "sentence": "Refunds rose.", "at": at}
    Experiment.objects.filter(pk=experiment.pk).update(notice=notice)


def test_the_button_gives_everyone_the_control_and_says_so_to_all_who_should_know() -> None:
    alice, bob = people.alice(), people.bob()
    campaign = shop.launched(alice, bob)
    hook = Webhook.objects.create(name="shop", url="https://shop.test/hook", secret="s", events=["campaign.tripped"])
    assert len(arms_seen(campaign)) > 1
    tripped = services.trip_campaign(campaign, reason=" Wrong price. ", actor=bob)
    assert tripped.tripped_reason == "Wrong price."
    assert arms_seen(campaign) == {shop.CONTROL["headline"]}
    assert states(campaign) == {Status.PAUSED}
    assert WebhookDelivery.objects.get(webhook=hook).payload["reason"] == "Wrong price."
    assert set(Notice.objects.values_list("user__name", flat=True)) == {"Alice", "Bob"}
    assert audit.history(campaign).filter(action="campaign.tripped", actor_id=bob.pk).count() == 1


def test_while_it_is_pulled_no_arm_is_shown_even_if_an_experiment_is_resumed_by_itself() -> None:
    alice = people.alice()
    campaign = shop.launched(alice, people.bob())
    services.trip_campaign(campaign, reason="Wrong price.", actor=alice)
    experiments.resume_experiment(experiments_of(campaign)[0], actor=alice)
    assert arms_seen(campaign) == {shop.CONTROL["headline"]}
    assert queries.decide(campaign.key, unit="u1", attributes=STUDENT)["reason"] == "tripped"


def test_the_reset_resumes_what_the_breaker_paused_and_nothing_else_and_moves_nobody() -> None:
    alice = people.alice()
    campaign = shop.launched(alice, people.bob())
    before = [queries.decide(campaign.key, unit=f"u{number}", attributes=STUDENT) for number in range(40)]
    first, second = experiments_of(campaign)
    experiments.pause_experiment(first, actor=alice)
    services.trip_campaign(campaign, reason="Wrong price.", actor=alice)
    reset = services.reset_campaign(campaign, reason="Price corrected.", actor=alice)
    assert (reset.tripped_at, reset.tripped_reason) == (None, "")
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.status, second.status) == (Status.PAUSED, Status.RUNNING)
    experiments.resume_experiment(first, actor=alice)
    assert [queries.decide(campaign.key, unit=f"u{number}", attributes=STUDENT) for number in range(40)] == before


def test_a_broken_guardrail_pulls_it_for_the_whole_campaign_once() -> None:
    alice = people.alice()
    campaign = shop.launched(alice, people.bob())
    breach(experiments_of(campaign)[0], "2026-01-01T00:00:00")
    assert services.trip_breached() == 1
    campaign.refresh_from_db()
    assert (campaign.tripped_reason, states(campaign)) == ("Refunds rose.", {Status.PAUSED})
    assert services.trip_breached() == 0
    services.reset_campaign(campaign, reason="Looked into.", actor=alice)
    assert states(campaign) == {Status.RUNNING}
    experiments.pause_experiment(experiments_of(campaign)[0], actor=alice)
    assert services.trip_breached() == 0
    experiments.resume_experiment(experiments_of(campaign)[0], actor=alice)
    breach(experiments_of(campaign)[0], "2026-01-02T00:00:00")
    assert services.trip_breached() == 1


@pytest.mark.parametrize("reason", ["", "   ", "x" * 501])
def test_without_a_usable_reason_nothing_happens(reason: str) -> None:
    alice = people.alice()
    campaign = shop.launched(alice, people.bob())
    with pytest.raises(errors.InvalidInput, match="reason"):
        services.trip_campaign(campaign, reason=reason, actor=alice)
    campaign.refresh_from_db()
    assert (campaign.tripped_at, states(campaign)) == (None, {Status.RUNNING})


def test_twice_or_before_the_launch_is_refused() -> None:
    alice, bob = people.alice(), people.bob()
    campaign = shop.ready(alice, bob)
    with pytest.raises(errors.Conflict, match="does not run"):
        services.trip_campaign(campaign, reason="No.", actor=alice)
    with pytest.raises(errors.Conflict, match="not pulled"):
        services.reset_campaign(campaign, reason="No.", actor=alice)
    services.launch_campaign(campaign, actor=alice)
    services.trip_campaign(campaign, reason="Yes.", actor=alice)
    with pytest.raises(errors.Conflict, match="pulled already"):
        services.trip_campaign(campaign, reason="Again.", actor=bob)
    campaign.refresh_from_db()
    assert campaign.tripped_reason == "Yes."


def test_an_analyst_may_not_pull_it(client: Client) -> None:
    campaign = shop.launched()
    client.force_login(people.ana())
    assert client.post(f"/campaigns/{campaign.key}/trip/", {"reason": "No."}).status_code == 403
    campaign.refresh_from_db()
    assert campaign.tripped_at is None


def test_a_stranger_to_the_brand_does_not_find_it(client: Client) -> None:
    campaign = shop.launched()
    campaign.brand.members.add(people.member("Owner"))
    client.force_login(people.member("Stranger", Role.MARKETER))
    assert client.post(f"/campaigns/{campaign.key}/trip/", {"reason": "No."}).status_code == 404
    campaign.refresh_from_db()
    assert campaign.tripped_at is None


def test_the_buttons_say_what_happened(client: Client) -> None:
    alice = people.alice()
    campaign = shop.launched(alice, people.bob())
    client.force_login(alice)
    page = client.post(f"/campaigns/{campaign.key}/trip/", {"reason": "Wrong price."}, follow=True)
    assert "everyone gets what was shown before the test" in page.content.decode()
    page = client.post(f"/campaigns/{campaign.key}/reset/", {"reason": "Corrected."}, follow=True)
    assert "the test goes on" in page.content.decode()
    page = client.post(f"/campaigns/{campaign.key}/reset/", {"reason": "Again."}, follow=True)
    assert "is not pulled" in page.content.decode()


@pytest.mark.parametrize(("scope", "status"), [("write", 200), ("read", 403), ("decide", 403)])
def test_the_shops_own_monitoring_pulls_it_over_rest(client: Client, scope: str, status: int) -> None:
    campaign = shop.launched()
    _key, secret = api_keys.issue_api_key(name="monitor", scopes=[scope], created_by=people.dora())
    body: dict[str, Any] = {"reason": "Error rate doubled."}
    answer = client.post(
        f"/api/v1/campaigns/{campaign.key}/trip",
        body,
        content_type="application/json",
        headers={"Authorization": f"Bearer {secret}"},
    )
    assert answer.status_code == status
    campaign.refresh_from_db()
    assert (campaign.tripped_at is not None) == (status == 200)
    assert campaign.tripped_at is None or campaign.tripped_at <= timezone.now()
