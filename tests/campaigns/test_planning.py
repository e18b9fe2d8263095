"""The plan of a campaign: lengths of at least a week compared, one kept, and used by the launch."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from campaigns import services
from campaigns.models import Campaign
from campaigns.services import planning
from core import errors
from core.models import AuditEntry
from tests import people
from tests.campaigns import shop

pytestmark = pytest.mark.django_db

ASKED = {"days": "28", "arms": "3", "share_percent": "50", "daily_units": "800", "baseline_percent": "3"}


def comparison(**fields: Any) -> planning.Comparison:
    """Lengths for a shop without a past."""
    return planning.compare_lengths(
        **{"arms": 3, "days": 28, "share": 0.5, "baseline": 0.03, "daily_units": 800.0, **fields}
    )


def test_two_or_three_lengths_of_a_week_or_more_are_compared() -> None:
    found = comparison()
    days = [one.days for one in found.choices]
    assert 2 <= len(days) <= 3
    assert days == sorted(set(days))
    assert min(days) >= 7
    assert days[-1] == 21
    assert all(later >= one * 4 / 3 for one, later in pairwise(days))
    assert found.proof_days is not None
    assert [one.units for one in found.choices] == [400 * one for one in days]
    powers = [one.power for one in found.choices]
    assert powers == sorted(powers)
    assert found.best.gain == max(one.gain for one in found.choices)
    assert all(0 <= one.wrong <= 1 for one in found.choices)


def test_in_a_single_week_there_is_one_length() -> None:
    assert [one.days for one in comparison(days=7).choices] == [7]


def test_less_than_a_week_is_refused() -> None:
    with pytest.raises(errors.InvalidInput, match="A test takes a week at least"):
        comparison(days=6)


@pytest.mark.parametrize("field", ["baseline", "daily_units"])
def test_what_no_past_experiment_tells_is_asked_for(field: str) -> None:
    with pytest.raises(errors.InvalidInput) as problem:
        comparison(**{field: None})
    assert [one.field for one in problem.value.problems] == [field]


def test_the_launch_uses_the_plan_that_is_kept(client: Client) -> None:
    alice = people.alice()
    campaign = shop.ready(alice, people.bob())
    client.force_login(alice)
    url = reverse("campaigns:plan", args=[campaign.key])
    shown = client.get(url, ASKED).content.decode()
    assert "Test for 7 days" in shown
    assert "2,800 shoppers; expect" in shown
    answer = client.post(url, {**ASKED, "length": "7"})
    assert answer.headers["Location"] == reverse("campaigns:detail", args=[campaign.key])
    kept = Campaign.objects.get()
    assert (kept.coverage, kept.planned_units) == (0.5, 2800)
    assert kept.plan is not None
    assert (kept.plan["days"], kept.plan["horizon"], kept.plan["arms"]) == (7, 28, 3)
    assert AuditEntry.objects.filter(action="campaign.planned").count() == 1
    made = services.launch_campaign(kept, actor=alice)
    assert {(one.planned_units, one.coverage) for one in made} == {(2800, 0.5)}


def test_the_form_is_filled_from_the_campaign_and_asks_for_what_nobody_knows(client: Client) -> None:
    alice = people.alice()
    campaign = shop.generated(alice, per_audience=4)
    client.force_login(alice)
    url = reverse("campaigns:plan", args=[campaign.key])
    shown = client.get(url).content.decode()
    assert 'name="arms" value="5"' in shown
    assert 'name="share_percent" value="100.0"' in shown
    asked = client.get(url, {**ASKED, "daily_units": ""})
    assert asked.status_code == 422
    assert "No past experiment tells this value yet." in asked.content.decode()


@pytest.mark.parametrize("length", ["", "8", "x", "99999999", "-7"])
def test_a_length_that_was_not_offered_is_not_kept(client: Client, length: str) -> None:
    alice = people.alice()
    campaign = shop.draft(alice)
    client.force_login(alice)
    answer = client.post(reverse("campaigns:plan", args=[campaign.key]), {**ASKED, "length": length}, follow=True)
    assert "Choose one of the lengths shown." in answer.content.decode()
    assert Campaign.objects.get().plan is None


def test_the_plan_of_a_running_campaign_is_fixed() -> None:
    campaign = shop.launched()
    assert campaign.created_by is not None
    with pytest.raises(errors.Conflict, match="is running, so its plan is fixed"):
        planning.save_plan(campaign, comparison=comparison(), days=7, actor=campaign.created_by)
    assert Campaign.objects.get().plan is None


def test_an_analyst_reads_a_plan_and_keeps_none(client: Client) -> None:
    campaign = shop.draft(people.alice())
    client.force_login(people.ana())
    url = reverse("campaigns:plan", args=[campaign.key])
    assert "Keep this plan" not in client.get(url, ASKED).content.decode()
    answer = client.post(url, {**ASKED, "length": "7"}, follow=True)
    assert "You may not change campaigns" in answer.content.decode()
    assert Campaign.objects.get().plan is None


def test_a_campaign_of_a_hidden_brand_has_no_plan_page(client: Client) -> None:
    campaign = shop.draft(people.alice())
    campaign.brand.members.add(people.bob())
    client.force_login(people.ana())
    assert client.get(reverse("campaigns:plan", args=[campaign.key])).status_code == 404


def test_the_plan_needs_few_queries(client: Client, django_assert_max_num_queries: Any) -> None:
    alice = people.alice()
    campaign = shop.launched(alice, people.bob())
    client.force_login(alice)
    with django_assert_max_num_queries(15):
        client.get(reverse("campaigns:plan", args=[campaign.key]), ASKED)
