"""An approver works through the queue by keys alone: j and k walk, a approves, r and e open the forms of the copy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.test import Client
from pytest_django.live_server_helper import LiveServer

from campaigns import services
from campaigns.models import Copy
from core.models import User
from tests import people
from tests.campaigns import shop
from tests.journeys.test_barriers import VIEWS, problems
from tests.journeys.test_loop_in_the_browser import Person

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.journey, pytest.mark.django_db(transaction=True)]


def at_the_queue(page: Page, server: LiveServer, member: User) -> Person:
    """The member, signed in, at the list of what waits."""
    client = Client()
    client.force_login(member)
    session = client.cookies["sessionid"].value
    page.context.add_cookies([{"name": "sessionid", "value": session, "url": server.url}])
    person = Person(page, server)
    person.open("/review/")
    return person


def test_by_keys_alone(page: Page, live_server: LiveServer) -> None:
    shop.generated(people.alice())
    first, second, third, fourth = Copy.objects.order_by("campaign_id", "audience_id", "id")
    person = at_the_queue(page, live_server, people.bob())
    keys = page.keyboard

    keys.press("j")
    keys.press("j")
    page.locator(f"#beside[data-beside='{second.pk}']").wait_for()
    keys.press("k")
    page.locator(f"#beside[data-beside='{first.pk}']").wait_for()
    keys.press("a")
    page.get_by_text("Approved: “").wait_for()
    assert Copy.objects.get(pk=first.pk).status == "approved"
    assert page.url == f"{live_server.url}/review/?"

    keys.press("j")
    page.locator(f"#beside[data-beside='{second.pk}']").wait_for()
    keys.press("r")
    page.wait_for_url(f"**/review/{second.pk}/?do=reject")
    assert page.evaluate("document.activeElement.id") == "reject-kind"
    page.locator("#reject-kind").select_option("clumsy")
    page.get_by_role("button", name="Reject").click()
    page.wait_for_url(f"**/review/{third.pk}/")
    assert Copy.objects.get(pk=second.pk).reviews.get().reason == "clumsy"

    keys.press("e")
    keys.type("Kept ")
    assert page.locator("#edit-theme").input_value().startswith("Kept ")
    page.locator("#edit-body").fill("Made to stay with you.")
    page.get_by_role("button", name="Store a new version").click()
    page.wait_for_url(f"**/review/{fourth.pk}/")
    assert Copy.objects.get(parent=third).body == "Made to stay with you."

    keys.press("a")
    page.wait_for_url("**/review/")
    assert Copy.objects.get(pk=fourth.pk).status == "approved"
    assert person.text().count("waiting for review") >= 1


def test_a_key_never_decides_about_the_copy_of_another_row(page: Page, live_server: LiveServer) -> None:
    shop.generated(people.alice())
    first, second, *_rest = Copy.objects.order_by("campaign_id", "audience_id", "id")
    at_the_queue(page, live_server, people.bob())
    # The list walks on while what stands beside it is still on its way.
    page.route(f"**/review/{second.pk}/?*", lambda _route: None)
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("a")
    page.locator(f"#copy-{second.pk}:focus").wait_for()
    assert page.locator("#beside").get_attribute("data-beside") == str(first.pk)
    assert set(Copy.objects.values_list("status", flat=True)) == {"pending"}


def test_the_keys_rest_while_somebody_types_and_where_they_are_off(page: Page, live_server: LiveServer) -> None:
    shop.generated(people.alice())
    first = Copy.objects.order_by("campaign_id", "audience_id", "id")[0]
    person = at_the_queue(page, live_server, people.bob())
    person.open(f"/review/{first.pk}/")
    page.locator("#approve-reason").type("a clear one")
    assert page.locator("#approve-reason").input_value() == "a clear one"
    page.locator("#review-keys summary").click()
    page.locator("#review-keys-on").uncheck()
    page.locator("body").press("a")
    person.open(f"/review/{first.pk}/")
    page.locator("body").press("a")
    assert page.locator("#decide").is_visible()
    assert Copy.objects.get(pk=first.pk).status == "pending"


@pytest.mark.parametrize("view", VIEWS)
def test_the_queue_with_a_copy_beside_it_has_no_serious_barrier(
    browser: Browser, live_server: LiveServer, view: tuple[int, Any, str]
) -> None:
    width, scheme, language = view
    bob = people.bob()
    User.objects.filter(pk=bob.pk).update(language=language)
    copy = shop.waiting_copy(people.alice())
    services.edit_copy(copy, editor=people.dora(), parts={**shop.GOOD, "body": "The best bag, 30% off."})
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page = context.new_page()
    at_the_queue(page, live_server, bob)
    found = list(problems(page, enlarged=width > 400))
    context.close()
    assert found == []
    assert Copy.objects.filter(status="pending").count() == 4
