"""The snippet in a real browser on a page of another origin: it fills, it counts, it stores nothing unasked, and
whatever goes wrong, the page keeps its own content.

No test looks at a clock of this machine: where 300 ms matter the browser's own is moved by hand.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
from django.core.cache import cache
from pytest_django.live_server_helper import LiveServer

from campaigns.models import Placement
from core.models import User
from experiments.models import Arm, Event, Experiment
from tests import people
from tests.campaigns import shop
from tests.campaigns.test_placements import made
from tests.journeys.shop_page import ShopPage, serving

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page, Route

pytestmark = [pytest.mark.journey, pytest.mark.django_db(transaction=True)]

STYLE = (
    "<style>[data-copylift]:not([data-copylift-state]){animation:copylift .3s}"
    "@keyframes copylift{from,to{visibility:hidden}}</style>"
)
OWN = "What the shop shows today"
# Enough for a machine with much to do. Where the patience itself is tested the default holds.
PATIENT = 'data-timeout="10000"'
CONTENT = {"headline": "Canvas Tote", "body": "Made to stay.", "call_to_action": "Take a look"}


@pytest.fixture
def page_of_shop() -> Iterator[ShopPage]:
    """A shop's page."""
    cache.clear()
    with serving() as page:
        yield page


@pytest.fixture
def tab(browser: Browser) -> Iterator[Page]:
    """A fresh window with nothing stored. Refusals show on its console, as they are meant to."""
    context = browser.new_context(viewport={"width": 1000, "height": 700})
    yield context.new_page()
    context.close()


@pytest.fixture
def placement(page_of_shop: ShopPage) -> Placement:
    """A placement on the shop's page whose campaign shows the same in every arm, so that no test draws lots."""
    alice = people.alice()
    found = made(alice, campaign=shop.launched(alice, channel="banner"), origins=[page_of_shop.origin])
    every_arm_shows(CONTENT | {"landing_url": "https://shop.example/bags"})
    return found


def every_arm_shows(content: dict[str, Any]) -> None:
    """Put the same into each arm; a new version makes the servers read it."""
    for arm in Arm.objects.all():
        arm.content = {**arm.content, **content}
        arm.save()
    for experiment in Experiment.objects.all():
        experiment.version += 1
        experiment.save()


def html(live_server: LiveServer, *placements: Placement, script: str = PATIENT, inner: str = OWN) -> str:
    """The page with its placements."""
    spots = "".join(f'<div class="spot" data-copylift="{one.public_key}">{inner}</div>' for one in placements)
    head = f'{STYLE}<script async src="{live_server.url}/snippet/v1.js" {script}></script>'
    return f"<!doctype html><html lang=en><head><title>Shop</title>{head}</head><body>{spots}</body></html>"


def opened(tab: Page, shop_page: ShopPage, content: str, state: str) -> Locator:
    """Open the page and wait until its first spot stands so."""
    shop_page.html = content
    tab.goto(shop_page.origin)
    tab.wait_for_selector(f'.spot[data-copylift-state="{state}"]')
    return tab.locator(".spot").first


def until(tab: Page, done: Callable[[], bool]) -> None:
    """Wait for what a beacon brings about; the last look says what is missing."""
    for _ in range(200):
        if done():
            return
        tab.wait_for_timeout(50)
    assert done()


def counted(kind: str) -> int:
    return Event.objects.filter(kind=kind).count()


# --- what it fills --------------------------------------------------------------------------------------------------
def test_the_place_is_filled_and_seen_once_and_a_click_and_a_purchase_are_told(
    tab: Page, live_server: LiveServer, page_of_shop: ShopPage, placement: Placement
) -> None:
    spot = opened(tab, page_of_shop, html(live_server, placement), "shown")
    assert [line for line in spot.inner_text().splitlines() if line] == list(CONTENT.values())
    assert spot.is_visible()
    assert spot.locator("a").get_attribute("href") == "https://shop.example/bags"
    assert spot.get_attribute("lang") == "en"
    until(tab, lambda: counted("exposure") == 1)
    tab.evaluate("document.querySelector('.spot a').addEventListener('click', (event) => event.preventDefault())")
    spot.locator("a").click()
    spot.locator("a").click()
    tab.evaluate("copylift.track('purchase', {value: 49.9, currency: 'USD', id: 'order-1'})")
    tab.evaluate("copylift.track('purchase', {value: 49.9, currency: 'USD', id: 'order-1'})")
    until(tab, lambda: counted("conversion") == 1 and counted("click") == 1)
    first = Event.objects.get(kind="exposure")
    assert first.properties == {"placement": placement.key, "kept": False, "bot": True}
    purchase = Event.objects.get(kind="conversion")
    assert (purchase.unit, purchase.experiment_id, float(purchase.value or 0)) == (
        first.unit,
        first.experiment_id,
        49.9,
    )
    assert counted("exposure") == 1


def test_markup_in_copy_is_shown_as_text_and_a_script_is_no_link(
    tab: Page, live_server: LiveServer, page_of_shop: ShopPage, placement: Placement
) -> None:
    evil = "<img src=x onerror=\"document.title='taken'\"><script>document.title='taken'</script>"
    every_arm_shows({"headline": evil, "body": "𝕊ale 🎒", "landing_url": "javascript:document.title='taken'"})
    spot = opened(tab, page_of_shop, html(live_server, placement), "shown")
    assert spot.locator(".copylift-headline").inner_text() == evil
    assert spot.locator(".copylift-body").inner_text() == "𝕊ale 🎒"
    assert spot.locator("img, script, a").count() == 0
    assert tab.title() == "Shop"


def test_parts_of_the_shops_own_markup_are_filled_where_it_names_them(
    tab: Page, live_server: LiveServer, page_of_shop: ShopPage, placement: Placement
) -> None:
    inner = (
        '<img alt="bag"><h2 data-copylift-part="headline">Bags</h2><p data-copylift-part="body">Old</p>'
        '<a data-copylift-part="call_to_action" href="/bags">Go</a>'
    )
    spot = opened(tab, page_of_shop, html(live_server, placement, inner=inner), "shown")
    assert spot.locator("h2").inner_text() == "Canvas Tote"
    assert spot.locator("a").get_attribute("href") == "https://shop.example/bags"
    assert spot.locator("img").count() == 1


def test_two_placements_on_one_page_are_filled_apart_and_a_purchase_counts_once_for_each_test(
    tab: Page, live_server: LiveServer, page_of_shop: ShopPage, placement: Placement
) -> None:
    member = User.objects.get(email="alice@shop.test")
    again = made(member, name="Again", campaign=placement.campaign, origins=[page_of_shop.origin])
    empty = made(member, name="Empty", origins=[page_of_shop.origin])
    opened(tab, page_of_shop, html(live_server, placement, again, empty), "shown")
    tab.wait_for_function("document.querySelectorAll('[data-copylift-state]').length === 3")
    states = tab.locator(".spot").evaluate_all("all => all.map(one => one.dataset.copyliftState)")
    assert states == ["shown", "shown", "default"]
    assert tab.locator(".spot").nth(2).inner_text() == OWN
    tab.evaluate("copylift.track('purchase', {value: 10, currency: 'USD'})")
    until(tab, lambda: counted("conversion") == 1 and counted("exposure") == 2)
    assert {one.properties["placement"] for one in Event.objects.filter(kind="exposure")} == {"home-page", "again"}


def test_ai_written_text_bears_its_mark_for_machines(
    tab: Page, live_server: LiveServer, page_of_shop: ShopPage, placement: Placement
) -> None:
    mark = {"ai_generated": True, "digitalSourceType": "trainedAlgorithmicMedia"}
    every_arm_shows({"body": "Made to stay. AI-generated", "ai": mark})
    spot = opened(tab, page_of_shop, html(live_server, placement), "shown")
    assert json.loads(spot.get_attribute("data-copylift-ai") or "") == mark
    assert "AI-generated" in spot.inner_text()


# --- it fails open --------------------------------------------------------------------------------------------------
def no_clock_of_painting(tab: Page) -> None:
    """The moment of the first paint is of the real clock; where the clock is moved by hand there is none."""
    tab.add_init_script("performance.getEntriesByName = () => []")


def test_a_server_that_never_answers_is_waited_for_300_ms(
    tab: Page, live_server: LiveServer, page_of_shop: ShopPage, placement: Placement
) -> None:
    tab.clock.install()
    no_clock_of_painting(tab)
    tab.clock.pause_at("2030-01-01")
    asked: list[Route] = []
    tab.route("**/decide", lambda route: asked.append(route))  # noqa: PLW0108 - Playwright marks what it is given
    page_of_shop.html = html(live_server, placement, script="")
    tab.goto(page_of_shop.origin)
    until(tab, lambda: len(asked) == 1)
    tab.clock.run_for(299)
    assert tab.locator(".spot").get_attribute("data-copylift-state") is None
    tab.clock.run_for(1)
    tab.wait_for_selector('.spot[data-copylift-state="default"]')
    assert tab.locator(".spot").inner_text() == OWN
    assert tab.locator(".spot").is_visible()
    assert not Event.objects.exists()


def test_what_was_painted_long_before_the_script_came_is_not_changed_any_more(
    tab: Page, live_server: LiveServer, page_of_shop: ShopPage, placement: Placement
) -> None:
    tab.add_init_script("performance.getEntriesByName = () => [{startTime: -20000}]")
    asked: list[str] = []
    tab.on("request", lambda request: asked.append(request.url))
    # The spot is there before the script runs, which stands at the end.
    page_of_shop.html = (
        f'<!doctype html><title>Shop</title><div class="spot" data-copylift="{placement.public_key}">{OWN}</div>'
        f'<script src="{live_server.url}/snippet/v1.js"></script>'
    )
    tab.goto(page_of_shop.origin)
    tab.wait_for_selector('.spot[data-copylift-state="default"]')
    assert tab.locator(".spot").inner_text() == OWN
    assert [url for url in asked if "decide" in url] == []


@pytest.mark.parametrize(
    "answer",
    [
        {"status": 500, "body": "oops"},
        {"status": 200, "body": "<html>not json"},
        {"status": 200, "body": '{"show": true}'},
        {"status": 200, "body": '{"show": true, "headline": {"a": 1}, "body": 7}'},
        {"status": 200, "body": "null"},
        None,
    ],
    ids=["500", "html", "no texts", "no text", "null", "no server"],
)
def test_whatever_the_server_says_wrongly_the_page_keeps_its_own(
    tab: Page, live_server: LiveServer, page_of_shop: ShopPage, placement: Placement, answer: dict[str, Any] | None
) -> None:
    headers = {"Access-Control-Allow-Origin": page_of_shop.origin, "Content-Type": "application/json"}

    def reply(route: Route) -> None:
        if answer is None:
            route.abort("connectionrefused")
        else:
            route.fulfill(headers=headers, **answer)

    tab.route("**/decide", reply)
    spot = opened(tab, page_of_shop, html(live_server, placement), "default")
    assert (spot.inner_text(), spot.is_visible()) == (OWN, True)
    assert not Event.objects.exists()


def test_a_page_of_another_origin_keeps_its_own_and_nothing_is_counted(
    tab: Page, live_server: LiveServer, page_of_shop: ShopPage, placement: Placement
) -> None:
    Placement.objects.update(origins=["https://shop.example"])
    spot = opened(tab, page_of_shop, html(live_server, placement), "default")
    assert spot.inner_text() == OWN
    assert not Event.objects.exists()


def test_a_policy_of_the_page_that_forbids_the_call_leaves_its_own_content(
    tab: Page, live_server: LiveServer, page_of_shop: ShopPage, placement: Placement
) -> None:
    page_of_shop.policy = "connect-src 'none'"
    assert opened(tab, page_of_shop, html(live_server, placement), "default").inner_text() == OWN


def test_where_the_script_never_comes_the_style_alone_shows_the_pages_own_content(
    tab: Page, live_server: LiveServer, page_of_shop: ShopPage, placement: Placement
) -> None:
    page_of_shop.policy = "script-src 'none'"
    page_of_shop.html = html(live_server, placement)
    tab.goto(page_of_shop.origin)
    tab.locator(".spot").wait_for(state="visible")
    assert tab.locator(".spot").inner_text() == OWN


# --- consent --------------------------------------------------------------------------------------------------------
STORED = "({local: {...localStorage}, session: {...sessionStorage}, cookie: document.cookie})"
NOTHING: dict[str, Any] = {"local": {}, "session": {}, "cookie": ""}


def units_of(tab: Page) -> list[str]:
    """The units of the questions, in order, as they are asked."""
    found: list[str] = []
    tab.on(
        "request", lambda one: found.append(json.loads(one.post_data or "")["unit"]) if "decide" in one.url else None
    )
    return found


def test_without_consent_nothing_is_stored_and_each_view_is_a_unit_of_its_own(
    tab: Page, live_server: LiveServer, page_of_shop: ShopPage, placement: Placement
) -> None:
    units = units_of(tab)
    for _ in range(2):
        opened(tab, page_of_shop, html(live_server, placement), "shown")
        until(tab, lambda: counted("exposure") == len(units))
        assert tab.evaluate(STORED) == NOTHING
        assert tab.context.cookies() == []
    assert len(set(units)) == 2


def test_with_consent_the_unit_stays_and_a_later_page_can_tell_a_purchase(
    tab: Page, live_server: LiveServer, page_of_shop: ShopPage, placement: Placement
) -> None:
    units = units_of(tab)
    agreed = f'{PATIENT} data-consent="true"'
    for _ in range(2):
        opened(tab, page_of_shop, html(live_server, placement, script=agreed), "shown")
    assert len(units) == 2
    assert len(set(units)) == 1
    page_of_shop.html = html(live_server, script=agreed)
    tab.goto(page_of_shop.origin)
    tab.wait_for_function("window.copylift && window.copylift.track")
    tab.evaluate("copylift.track('purchase', {value: 5, currency: 'USD'})")
    until(tab, lambda: counted("conversion") == 1)
    assert Event.objects.get(kind="conversion").unit == units[0]
    assert tab.context.cookies() == []


def test_consent_given_later_keeps_the_unit_of_this_view_and_taken_back_forgets_it(
    tab: Page, live_server: LiveServer, page_of_shop: ShopPage, placement: Placement
) -> None:
    units = units_of(tab)
    queued = "<script>window.copylift = [['consent', true]]</script>"
    opened(tab, page_of_shop, html(live_server, placement).replace("<style>", f"{queued}<style>"), "shown")
    kept = json.loads(tab.evaluate("localStorage.getItem('copylift')"))
    assert kept["unit"] == units[0]
    tab.evaluate("copylift.consent(false)")
    assert tab.evaluate(STORED) == NOTHING
    opened(tab, page_of_shop, html(live_server, placement), "shown")
    assert units[1] != units[0]
