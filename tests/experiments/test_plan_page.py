"""The page and the command of the plan, and the days that a running experiment still needs."""

from __future__ import annotations

import json
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from core import errors
from experiments.models import Experiment
from experiments.queries import history
from experiments.services import planning
from tests import people
from tests.experiments import shop

pytestmark = pytest.mark.django_db
GIVEN = {"baseline": "0.02", "daily_units": "1000"}


def played(shoppers: int = 240) -> None:
    """A running experiment with half of the control's shoppers buying."""
    shop.running("welcome", planned_units=480)
    events = []
    for number in range(shoppers):
        events.append(shop.exposure(f"u-{number}", "ab"[number % 2]))
        if number % 4 < 2:
            events.append(shop.event("conversion", f"u-{number}", value=20, margin=8))
    shop.send(*events)
    shop.fold()


def test_the_page_recommends_from_given_values(client: Client, django_assert_max_num_queries: object) -> None:
    client.force_login(people.ana())
    with django_assert_max_num_queries(15):  # type: ignore[operator]
        text = client.get(reverse("experiments:plan"), GIVEN).content.decode()
    assert "recommended" in text
    assert "28 days" in text
    assert "Even split to the end" in text


def test_without_history_the_field_is_named(client: Client) -> None:
    client.force_login(people.ana())
    answer = client.get(reverse("experiments:plan"), {"metric": "conversion"})
    assert answer.context["form"].errors == {"baseline": ["No past experiment tells this value yet. Please give it."]}
    assert "plan" not in answer.context


def test_a_value_out_of_range_is_said_at_its_field(client: Client) -> None:
    client.force_login(people.ana())
    answer = client.get(reverse("experiments:plan"), {**GIVEN, "arms": "11"})
    assert list(answer.context["form"].errors) == ["arms"]


def test_who_may_see_no_experiment_sees_no_plan(client: Client) -> None:
    client.force_login(people.member("Charlie"))
    assert client.get(reverse("experiments:plan")).status_code == 403


def test_history_gives_baseline_variance_and_arrivals() -> None:
    played()
    found = planning.history_of("conversion")
    assert found.baseline == 0.5
    assert found.variance == pytest.approx(0.25 * 120 / 119)
    assert found.daily_units == 240
    assert planning.plan_experiment(metric="conversion", arms=2).inputs.baseline == 0.5


def test_days_left_at_the_present_pace() -> None:
    played()
    experiment = Experiment.objects.get(key="welcome")
    found = planning.days_left(experiment)
    assert (found.days, found.daily_units) == (1, 240)
    assert found.power is not None
    assert 0.05 < found.power < 1


def test_days_without_anybody_count_as_days(monkeypatch: pytest.MonkeyPatch) -> None:
    played()
    today = timezone.now().date()
    arrived = [((today - timedelta(days=back)).isoformat(), 100) for back in (6, 3, 0)]
    monkeypatch.setattr(history, "units_by_day", lambda _: arrived)
    # Six whole days of which two had shoppers; today is not over.
    assert planning.days_left(Experiment.objects.get()).daily_units == pytest.approx(200 / 6)
    Experiment.objects.update(status="stopped")
    assert planning.days_left(Experiment.objects.get()).daily_units == pytest.approx(200 / 6)


def test_days_left_needs_a_plan() -> None:
    with pytest.raises(errors.InvalidInput, match="planned_units"):
        planning.days_left(shop.draft(planned_units=None))


def test_the_command_prints_the_same_as_data() -> None:
    printed = StringIO()
    call_command("plan_experiment", "--baseline", "0.02", "--daily-units", "1000", "--json", stdout=printed)
    plan = planning.plan_experiment(metric="conversion", baseline=0.02, daily_units=1000)
    assert json.loads(printed.getvalue())["sentence"] == plan.sentence


def test_the_command_names_the_field() -> None:
    with pytest.raises(CommandError, match="baseline"):
        call_command("plan_experiment")
