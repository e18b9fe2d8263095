"""The list of experiments: what narrows it, in which order, and that its pages keep what was asked."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from django.urls import reverse

from core import errors
from core.models import User
from experiments import services
from experiments.models import Experiment
from tests import people
from tests.experiments import shop

pytestmark = pytest.mark.django_db


def listed(client: Client, **query: str) -> list[str]:
    client.force_login(User.objects.get(name="Ana"))
    answer = client.get(reverse("experiments:list"), query)
    assert answer.status_code == 200
    return [one.key for one in answer.context["page"]]


@pytest.fixture
def three() -> None:
    """A running one, a newer draft, and the newest, which is imported and over."""
    people.ana()
    shop.running("zebra")
    shop.draft("apple")
    shop.draft("mango")
    Experiment.objects.filter(key="mango").update(source="imported", status="stopped")


@pytest.mark.parametrize(
    ("query", "keys"),
    [
        ({}, ["zebra", "mango", "apple"]),
        ({"q": "APP"}, ["apple"]),
        ({"state": "draft"}, ["apple"]),
        ({"source": "imported"}, ["mango"]),
        ({"source": "live", "state": "running"}, ["zebra"]),
        ({"sort": "newest"}, ["mango", "apple", "zebra"]),
        ({"sort": "name"}, ["apple", "mango", "zebra"]),
        ({"state": "nonsense", "source": "nonsense", "sort": "nonsense", "q": "\x00"}, ["zebra", "mango", "apple"]),
    ],
    ids=lambda value: "-".join(value) or "all" if isinstance(value, dict) else "",
)
@pytest.mark.usefixtures("three")
def test_the_list_is_narrowed_and_ordered(client: Client, query: dict[str, str], keys: list[str]) -> None:
    assert listed(client, **query) == keys


@pytest.mark.usefixtures("three")
def test_nothing_found_says_how_to_see_more(client: Client) -> None:
    assert listed(client, q="zzz") == []
    shown = client.get(reverse("experiments:list"), {"q": "zzz"}).content.decode()
    assert "No experiment fits all of this." in shown
    assert "import_experiment" not in shown


def test_pages_keep_what_was_asked(client: Client) -> None:
    people.ana()
    for number in range(51):
        shop.draft(f"e-{number:02}")
    assert len(listed(client, state="draft", sort="name")) == 50
    shown = client.get(reverse("experiments:list"), {"state": "draft", "sort": "name"}).content.decode()
    href = re.search(r'rel="next"\s+href="\?([^"]+)"', shown)
    assert href is not None
    following = client.get(reverse("experiments:list") + "?" + href[1].replace("&amp;", "&"))
    assert [one.key for one in following.context["page"]] == ["e-50"]


def test_a_move_that_the_state_does_not_allow_is_refused_in_the_readers_words() -> None:
    stopped = services.stop_experiment(shop.running(), actor="test")
    with pytest.raises(errors.Conflict, match="The experiment is stopped, which does not allow this"):
        services.pause_experiment(stopped, actor="test")
