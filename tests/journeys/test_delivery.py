"""A wave in the browser: started by a marketer, followed live; and a shopper stops further e-mails."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from django.core import mail
from pytest_django.live_server_helper import LiveServer

from campaigns.models import Suppression, Wave
from campaigns.tasks import send_wave
from tests import people
from tests.campaigns import posting
from tests.journeys.test_barriers import problems

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.journey, pytest.mark.django_db(transaction=True)]


def test_a_marketer_sends_a_wave_and_a_shopper_stops_further_ones(page: Page, live_server: LiveServer) -> None:
    alice = people.alice()
    posting.campaign(alice)
    posting.shoppers(3)
    page.goto(f"{live_server.url}/campaigns/autumn/delivery/")
    page.fill("[name=username]", alice.email)
    page.fill("[name=password]", people.PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name="Send me a test").click()
    page.get_by_text("A test message is on its way to alice@shop.test.").wait_for()
    page.get_by_text("Start a wave…").click()
    page.get_by_role("button", name="Send now").click()
    page.get_by_text("No message yet.").wait_for()
    send_wave(str(Wave.objects.get().job_id))
    # The page asks for the waves again by itself.
    page.locator("#waves").get_by_text("done").wait_for()
    assert page.locator("#waves .counts").inner_text().split() == ["3", "sent"]
    letter = next(one for one in mail.outbox if one.to == ["u1@example.test"])
    (link,) = re.findall(r"https?://\S+/u/\S+", str(letter.body))
    page.context.clear_cookies()
    page.goto(f"{live_server.url}{urlsplit(link).path}")
    assert list(problems(page, enlarged=True)) == []
    page.get_by_role("button", name="Stop them").click()
    page.get_by_role("heading", name="Done").wait_for()
    assert list(problems(page, enlarged=True)) == []
    assert Suppression.objects.get().value == "u1@example.test"
