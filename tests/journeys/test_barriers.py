"""Every page with axe-core, at both widths, light and dark, in both languages: no serious barrier, no page that scrolls
sideways, not with text at twice its size either.

The figures stand in docs/accessibility.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from django.conf import settings
from django.test import Client
from django.urls import get_resolver, reverse
from pytest_django.live_server_helper import LiveServer

from campaigns import queries
from campaigns.models import Campaign, CampaignDraft, Copy, Placement, Shopper
from core.models import User, Webhook
from core.roles import Role
from tests import people
from tests.campaigns import shop
from tests.config.test_doors import OPEN, doors

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.journey, pytest.mark.django_db(transaction=True)]

# WCAG 2.2 A and AA.
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"], "resultTypes": ["violations"]}
SEVERE = {"serious", "critical"}
VIEWS = [
    pytest.param((1280, "light", "en"), id="wide-light-english"),
    pytest.param((375, "dark", "zh-hans"), id="narrow-dark-chinese"),
]


def addresses(campaign: Campaign, member: User) -> Iterator[str]:
    """Every page that opens with GET: those without a value in their address, and one of each kind of thing."""
    link, copy = queries.links_of(campaign)[0], Copy.objects.filter(campaign=campaign).order_by("id")[0]
    draft = CampaignDraft.objects.create(owner=member, name="Half a brief")
    placement = Placement.objects.create(
        key="home",
        name="Home",
        brand=campaign.brand,
        campaign=campaign,
        public_key="pl_1",
        origins=["https://a.example"],
    )
    hook = Webhook.objects.create(name="gateway", url="https://sms.example/", secret="s", events=["message.sms"])
    steps = ("brief", "products", "audiences", "channel", "control", "overview")
    things: dict[str, list[list[Any]]] = {
        **{f"campaigns:{one}": [[campaign.key]] for one in ("detail", "studio", "plan", "delivery", "result")},
        "campaigns:delivery_messages": [[campaign.key]],
        "campaigns:draft": [[draft.pk, step] for step in steps],
        "campaigns:product": [[copy.product_id]],
        **{f"campaigns:{one}": [[campaign.brand.key]] for one in ("brand", "brand_edit")},
        "campaigns:placement": [[placement.key]],
        "campaigns:audience": [[link.audience.key]],
        "campaigns:shopper": [[Shopper.objects.create(unit="u-1", email="u1@example.test").pk]],
        "campaigns:review_copy": [[copy.pk]],
        "experiments:detail": [[link.experiment.key]],
        "core:member": [[member.pk]],
        "core:webhook": [[hook.pk]],
    }
    client = Client()
    client.force_login(member)
    for name, url in doors(get_resolver()):
        without = url == reverse(name) if _takes_nothing(name) else False
        found = [url] if without else [reverse(name, args=values) for values in things.get(name, [])]
        yield from (one for one in found if name not in OPEN and _is_page(client, one))


def _takes_nothing(name: str) -> bool:
    try:
        reverse(name)
    except Exception:  # noqa: BLE001 - any refusal means that it takes something
        return False
    return True


def _is_page(client: Client, url: str) -> bool:
    answer = client.get(url)
    return answer.status_code == 200 and answer["Content-Type"].startswith("text/html")


@pytest.fixture
def admin_client_cookie() -> tuple[User, str]:
    """An administrator, who sees every page, already signed in."""
    member = people.member("Dora", *Role)
    client = Client()
    client.force_login(member)
    return member, client.cookies[settings.SESSION_COOKIE_NAME].value


@pytest.mark.parametrize("view", VIEWS)
def test_no_page_has_a_serious_barrier(
    browser: Browser,
    live_server: LiveServer,
    admin_client_cookie: tuple[User, str],
    view: tuple[int, Any, str],
) -> None:
    width, scheme, language = view
    member, session = admin_client_cookie
    campaign = shop.launched(member, people.bob())
    User.objects.filter(pk=member.pk).update(language=language)
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": live_server.url}])
    page, found, visited = context.new_page(), [], 0
    for url in addresses(campaign, member):
        page.goto(f"{live_server.url}{url}")
        visited += 1
        found += [f"{url}: {problem}" for problem in problems(page, enlarged=width > 400)]
    context.close()
    assert visited > 20
    assert found == []


def problems(page: Page, *, enlarged: bool) -> Iterator[str]:
    """What is wrong with the page as it stands, and with its text at twice the size."""
    from axe_playwright_python.sync_playwright import Axe

    for one in Axe().run(page, options=RULES).response["violations"]:
        if one["impact"] in SEVERE:
            yield f"{one['id']} {one['nodes'][0]['html'][:200]}"
    if sideways(page) > 0:
        yield f"scrolls sideways by {sideways(page)}"
    page.evaluate("document.documentElement.style.fontSize = '200%'")
    if enlarged and sideways(page) > 0:
        yield f"scrolls sideways by {sideways(page)} with text at twice its size"


def sideways(page: Page) -> int:
    """How many pixels the page itself is wider than its window."""
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))
