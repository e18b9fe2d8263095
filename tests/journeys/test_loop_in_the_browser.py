"""The whole loop as its people click it: brief to copy to review to shoppers to result, with the real starter model.

The workers' tasks run in the test's own process; the shoppers come over HTTP to the live server.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from pytest_django.live_server_helper import LiveServer

from campaigns import tasks as campaign_tasks
from campaigns.models import Campaign, Copy
from core.models import Job, User
from core.roles import Role
from core.services import api_keys
from experiments import tasks as experiment_tasks
from experiments.models import Experiment
from experiments.simulation.client import Shop
from experiments.simulation.player import play
from tests import people
from tests.campaigns import shop

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.journey, pytest.mark.django_db(transaction=True)]

SHOPPERS = 240


@pytest.fixture(autouse=True)
def _one_torch_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two test processes share the machine's cores."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


class Person:
    """Somebody at a browser."""

    def __init__(self, page: Page, server: LiveServer) -> None:
        self.page = page
        self.server = server

    def open(self, path: str) -> None:
        """Go to an address of the site."""
        self.page.goto(f"{self.server.url}{path}")

    def sign_in(self, member: User) -> None:
        """Leave, and come back as this member."""
        self.page.context.clear_cookies()
        self.open("/login/")
        self.page.get_by_label("E-mail address").fill(member.email)
        self.page.get_by_label("Password").fill(people.PASSWORD)
        self.page.get_by_role("button", name="Sign in").click()

    def text(self) -> str:
        """What the page says."""
        return self.page.locator("body").inner_text()


def test_from_brief_to_result(page: Page, live_server: LiveServer, settings: Any) -> None:
    alice, bob = people.alice(), people.bob()
    second = people.member("Bea", Role.APPROVER, staff=True)
    campaign = shop.draft(alice, channel="email", deadline=None)
    person = Person(page, live_server)

    write_copy(person, alice, campaign)
    review(person, bob, second, campaign)
    launch(person, alice, campaign)
    shoppers_come(live_server, campaign)
    read_the_result(person, people.ana(), campaign)


def write_copy(person: Person, alice: User, campaign: Campaign) -> None:
    """The marketer asks; a bar shows the work; candidates appear without a reload."""
    person.sign_in(alice)
    person.open(f"/campaigns/{campaign.key}/")
    person.page.get_by_role("button", name="Write copy").click()
    job = Job.objects.get()
    assert job.title in person.text()
    campaign_tasks.generate_copy(str(job.pk))
    person.page.get_by_text(re.compile(r"wait for an approver")).wait_for()
    job.refresh_from_db()
    assert job.status == "succeeded"
    assert Copy.objects.filter(campaign=campaign, status="pending").count() == 8


def review(person: Person, bob: User, second: User, campaign: Campaign) -> None:
    """One approver approves one of each audience, edits one and rejects one; the edit needs another approver."""
    person.sign_in(bob)
    everyone, students = campaign.audiences.order_by("key")
    first, to_edit, to_reject = open_copies(campaign, everyone)[:3]
    decide(person, first, "Approve")
    decide(person, to_reject, "Reject", reason="Says nothing of the bag.")
    decide(person, to_edit, "Edit", headline="A tote for every day")
    decide(person, open_copies(campaign, students)[0], "Approve")
    edited = Copy.objects.get(parent=to_edit)
    person.open(f"/admin/campaigns/copy/{edited.pk}/change/")
    assert person.page.get_by_role("button", name="Approve", exact=True).count() == 0
    person.sign_in(second)
    decide(person, edited, "Approve")
    assert sorted(Copy.objects.filter(status="approved").values_list("audience__key", flat=True)) == [
        *("everyone", "everyone", "students")
    ]


def open_copies(campaign: Campaign, audience: Any) -> list[Copy]:
    """What nobody decided yet and no check blocks."""
    waiting = Copy.objects.filter(campaign=campaign, audience=audience, status="pending").order_by("pk")
    return list(waiting.exclude(findings__severity="block"))


def decide(person: Person, copy: Copy, what: str, *, reason: str = "", headline: str = "") -> None:
    """One decision on the admin's review page."""
    person.open(f"/admin/campaigns/copy/{copy.pk}/change/")
    page = person.page
    if what != "Approve":
        page.locator("summary", has_text=what).click()
    if reason:
        page.locator("#reject-reason").fill(reason)
    if headline:
        page.locator("#edit-headline").fill(headline)
    page.get_by_role("button", name="Save the new version" if what == "Edit" else what, exact=True).click()
    page.wait_for_load_state()
    copy.refresh_from_db()
    assert copy.status == {"Approve": "approved", "Reject": "rejected", "Edit": "edited"}[what]


def launch(person: Person, alice: User, campaign: Campaign) -> None:
    """The marketer launches what was approved."""
    person.sign_in(alice)
    person.open(f"/campaigns/{campaign.key}/")
    person.page.get_by_role("button", name="Launch", exact=True).click()
    person.page.wait_for_load_state()
    arms = [list(each.arms.values_list("is_control", flat=True)) for each in Experiment.objects.order_by("key")]
    assert arms == [[True, False, False], [True, False]]
    assert set(Experiment.objects.values_list("status", flat=True)) == {"running"}


def shoppers_come(live_server: LiveServer, campaign: Campaign) -> None:
    """Over HTTP with an API key, as a shop's server would."""
    _key, secret = api_keys.issue_api_key(name="shop", scopes=["decide", "events", "read"], created_by=None)
    with Shop(live_server.url, secret) as client:
        played = play(client, seed=5, shoppers=SHOPPERS, campaign=campaign.key, threads=2)
    assert played.shoppers == SHOPPERS
    assert experiment_tasks.fold_events() == played.accepted
    experiment_tasks.refresh_analyses()


def read_the_result(person: Person, ana: User, campaign: Campaign) -> None:
    """The analyst reads the verdict first, then the numbers, and takes the file along."""
    experiment = Experiment.objects.get(key__endswith="everyone")
    person.sign_in(ana)
    person.open("/experiments/")
    person.page.get_by_role("link", name=experiment.name).click()
    text = person.text()
    for words in (
        "Conversion rate",
        "Click-through rate",
        "Revenue per shopper",
        "Satisfaction",
        "Return on the money",
    ):
        assert words in text
    assert "Yes: shoppers arrived in the planned shares." in text
    assert "A tote for every day" in text
    assert person.page.locator(".chart svg").count() == 1
    with person.page.expect_download() as download:
        person.page.get_by_role("link", name="Report as a file").click()
    assert download.value.suggested_filename == f"{experiment.key}.html"
    assert campaign.name in text
