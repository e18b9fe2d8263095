"""A result is shared and read by somebody without an account, in a real browser: no barriers, no sideways scroll."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.conf import settings
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from pytest_django.live_server_helper import LiveServer

from core.roles import Role
from experiments import tasks
from experiments.models import Experiment, ReportLink
from experiments.queries.sharing import token_of
from experiments.services import sharing
from tests import people
from tests.campaigns import shop
from tests.experiments import shop as events
from tests.journeys.test_barriers import VIEWS, problems

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.journey, pytest.mark.django_db(transaction=True)]


def played() -> Experiment:
    """A campaign's test with two looks behind it."""
    cache.clear()
    campaign = shop.launched()
    experiment = campaign.experiment_links.order_by("position")[0].experiment
    Experiment.objects.filter(pk=experiment.pk).update(planned_units=300, planned_looks=3)
    arms = [arm.key for arm in experiment.arms.order_by("position")]
    for start in (0, 120):
        found = []
        for number in range(start, start + 120):
            found.append(events.exposure(f"u-{number}", arms[number % 3], experiment.key))
            if number // 3 % (3 if number % 3 else 5) == 0:
                found.append(events.event("conversion", f"u-{number}", value=20, margin=8))
        events.send(*found)
        events.fold()
        tasks.refresh_analyses()
    return experiment


@pytest.mark.parametrize("view", VIEWS)
def test_a_shared_report_and_its_ended_link_have_no_serious_barrier(
    browser: Browser, live_server: LiveServer, view: tuple[int, Any, str]
) -> None:
    width, scheme, language = view
    made = sharing.share_report(played(), days=7, actor=people.ana())
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page, found = context.new_page(), []
    for address in (f"/r/{token_of(made)}/", f"/r/{made.pk}-wrong/"):
        page.goto(f"{live_server.url}{address}?lang={language}")
        found += list(problems(page, enlarged=width > 400))
    context.close()
    assert found == []
    assert ReportLink.objects.get().views == 1


@pytest.mark.parametrize("view", VIEWS)
def test_the_results_of_a_test_with_looks_and_of_its_campaign_have_no_serious_barrier(
    browser: Browser, live_server: LiveServer, view: tuple[int, Any, str]
) -> None:
    width, scheme, language = view
    experiment = played()
    ana = people.ana()
    type(ana).objects.filter(pk=ana.pk).update(language=language)
    sharing.share_report(experiment, days=7, actor=ana)
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": session_of(ana), "url": live_server.url}])
    page, found = context.new_page(), []
    for address in ("/campaigns/autumn/result/", f"/experiments/{experiment.key}/"):
        page.goto(f"{live_server.url}{address}")
        found += [f"{address}: {one}" for one in problems(page, enlarged=width > 400)]
    context.close()
    assert found == []


def test_a_link_is_made_copied_by_hand_and_opened_by_somebody_without_an_account(
    browser: Browser, live_server: LiveServer, page: Page, settings: Any
) -> None:
    settings.PUBLIC_URL = live_server.url
    experiment, alice = played(), people.member("Anna", Role.MARKETER)
    page.context.add_cookies([{"name": "sessionid", "value": session_of(alice), "url": live_server.url}])
    page.goto(f"{live_server.url}{reverse('experiments:detail', args=[experiment.key])}")
    page.locator("#ask-goal-chance").focus()
    page.keyboard.press("Enter")
    assert page.locator("#term-chance").is_visible()
    page.keyboard.press("Escape")
    assert not page.locator("#term-chance").is_visible()
    page.get_by_label("Open for (days)").fill("3")
    page.get_by_role("button", name="Make a link").click()
    address = page.locator(".link-address").input_value()
    visitor = browser.new_context(viewport={"width": 375, "height": 800})
    other = visitor.new_page()
    other.goto(address)
    assert "Shared by Anna" in other.content()
    assert other.locator("form").count() == 0
    page.get_by_role("button", name="Take it back").click()
    assert other.goto(address).status == 410  # type: ignore[union-attr]
    visitor.close()


def session_of(member: Any) -> str:
    """The cookie of somebody who is signed in."""
    client = Client()
    client.force_login(member)
    return client.cookies[settings.SESSION_COOKIE_NAME].value
