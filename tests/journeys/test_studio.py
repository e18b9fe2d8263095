"""The copy studio in a browser: a text is checked while it is typed, candidates arrive beside it, some go to review."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.conf import settings
from django.test import Client
from pytest_django.live_server_helper import LiveServer

from campaigns import services
from campaigns.models import Campaign, Copy
from core.models import Job, User
from tests import people
from tests.campaigns import shop
from tests.campaigns.test_scoring import FakeScorer, scorer_version
from tests.journeys.test_barriers import VIEWS, problems

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

pytestmark = [pytest.mark.journey, pytest.mark.django_db(transaction=True)]

STUDIO = "/campaigns/autumn/studio/"


def sign_in(context: BrowserContext, server: LiveServer, member: User) -> None:
    """The member's session in this window."""
    client = Client()
    client.force_login(member)
    value = client.cookies[settings.SESSION_COOKIE_NAME].value
    context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": value, "url": server.url}])


def held(alice: User) -> Campaign:
    """A campaign with two candidates for each audience."""
    campaign = shop.draft(alice)
    shop.run(services.request_generation(campaign, per_audience=2, actor=alice, hold=True), shop.FakeWriter())
    return campaign


def test_a_text_is_checked_while_it_is_typed_and_stays_while_candidates_arrive(
    page: Page, live_server: LiveServer
) -> None:
    alice = people.alice()
    campaign = held(alice)
    first = Copy.objects.order_by("pk")[0]
    sign_in(page.context, live_server, alice)
    job = services.request_generation(campaign, per_audience=1, actor=alice, hold=True)
    page.goto(f"{live_server.url}{STUDIO}")

    page.locator(f"#edit-{first.pk}").click()
    page.locator(f"#body-{first.pk}").fill("The best bag there is.")
    sketch = page.locator(f"#sketch-{first.pk}")
    sketch.locator("mark.bad", has_text="best").first.wait_for()
    assert "Not stored yet." in sketch.inner_text()

    shop.run(job, shop.FakeWriter())
    page.locator("#studio-progress", has_text="2 of 2 texts were written.").wait_for()
    made = Copy.objects.filter(job=job, audience=first.audience).get()
    assert page.locator(f"#candidates-students #copy-{made.pk}").is_visible()
    assert page.locator(f"#body-{first.pk}").input_value() == "The best bag there is."
    assert Copy.objects.filter(parent=first).count() == 0


def test_chosen_candidates_are_counted_and_handed_in(page: Page, live_server: LiveServer) -> None:
    alice = people.alice()
    held(alice)
    first, second, *others = Copy.objects.order_by("pk")
    sign_in(page.context, live_server, alice)
    page.goto(f"{live_server.url}{STUDIO}")
    for copy in (first, second):
        page.locator(f"#copy-{copy.pk} input[type=checkbox]").check()
    assert page.locator("#chosen-count").inner_text() == "Chosen: 2"
    page.get_by_role("button", name="Hand in for review").click()
    page.get_by_text("2 copies were handed in. Somebody else reviews them.").wait_for()
    assert set(Copy.objects.filter(status="pending")) == {first, second}

    page.locator(f"#more-{others[0].pk}").click()
    page.get_by_text("More is being written under the theme").wait_for()
    assert Job.objects.order_by("-created_at")[0].arguments["like"] == others[0].pk


@pytest.mark.parametrize("view", VIEWS)
def test_the_studio_at_work_has_no_serious_barrier(
    browser: Browser, live_server: LiveServer, view: tuple[int, Any, str]
) -> None:
    width, scheme, language = view
    alice = people.alice()
    User.objects.filter(pk=alice.pk).update(language=language)
    campaign = held(alice)
    services.score_waiting(scorer_version(), FakeScorer())
    first, second, third, fourth = Copy.objects.order_by("pk")
    services.edit_draft(first, editor=alice, parts={**shop.GOOD, "body": "The best bag, 30% off."})
    services.hand_in([second], actor=alice)
    services.discard([third], actor=alice)
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    sign_in(context, live_server, alice)
    page = context.new_page()
    page.goto(f"{live_server.url}{STUDIO}?winners")
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    found = list(problems(page, enlarged=width > 400))
    context.close()
    assert found == []
    assert campaign.copies.count() == 5
    assert fourth.status == "draft"
