"""What people conclude: who may decide and write down, and that others change nothing."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from core import audit
from experiments import services
from experiments.models import Experiment
from tests import people
from tests.experiments import shop

pytestmark = pytest.mark.django_db


def stopped() -> Experiment:
    """An experiment that is over."""
    return services.stop_experiment(shop.running(), actor="test")


def test_a_marketer_ships_an_arm_and_says_why(client: Client) -> None:
    experiment = stopped()
    client.force_login(people.alice())
    assert "What shall be done?" in client.get(reverse("experiments:detail", args=["welcome"])).content.decode()
    address = reverse("experiments:decide", args=["welcome"])
    text = client.post(address, {"choice": "ship:b", "reason": "<b>It sells</b>"}, follow=True).content.decode()
    experiment.refresh_from_db()
    assert experiment.decision is not None
    assert (experiment.status, experiment.decision["arm"]) == ("decided", "b")
    assert "Ship B" in text
    assert "&lt;b&gt;It sells" in text
    assert "What shall be done?" not in text


@pytest.mark.parametrize("choice", ["", "ship:nobody", "burn"])
def test_what_cannot_be_decided_is_said_and_changes_nothing(client: Client, choice: str) -> None:
    experiment = stopped()
    client.force_login(people.alice())
    answer = client.post(reverse("experiments:decide", args=["welcome"]), {"choice": choice}, follow=True)
    experiment.refresh_from_db()
    assert (experiment.status, experiment.decision) == ("stopped", None)
    assert 'class="message error"' in answer.content.decode()


def test_an_analyst_decides_nothing_and_writes_down_what_was_learned(client: Client) -> None:
    experiment = stopped()
    client.force_login(people.ana())
    assert client.post(reverse("experiments:decide", args=["welcome"]), {"choice": "keep"}).status_code == 403
    client.post(reverse("experiments:learned", args=["welcome"]), {"learned": "Warmth sells.\r\n<i>Always</i>"})
    experiment.refresh_from_db()
    assert (experiment.status, experiment.learned) == ("stopped", "Warmth sells.\n<i>Always</i>")
    assert audit.history(experiment)[0].data == {"before": "", "after": experiment.learned}
    text = client.get(reverse("experiments:detail", args=["welcome"])).content.decode()
    assert "&lt;i&gt;Always" in text


def test_others_write_nothing_down_and_too_much_is_refused(client: Client) -> None:
    experiment = stopped()
    address = reverse("experiments:learned", args=["welcome"])
    client.force_login(people.bob())
    assert client.post(address, {"learned": "Mine"}).status_code == 403
    client.force_login(people.ana())
    client.post(address, {"learned": "x" * 4001})
    experiment.refresh_from_db()
    assert experiment.learned == ""
