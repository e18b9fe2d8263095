"""From the shop's feed to a result and back to what was shown before, as people click it: in English, in Chinese, and
on a narrow screen. Each is another shop with other words; shoppers come over HTTP with an API key, as a shop's would.

What the starter model writes is another journey's; here a fake writes, so that the way through the pages is what is
tested and not the wait.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from pytest_django.live_server_helper import LiveServer

from campaigns import tasks as campaign_tasks
from campaigns.models import Audience, Campaign, Copy, Product, ProductImport
from core.models import Job, User
from core.roles import Role
from core.services import api_keys
from experiments import tasks as experiment_tasks
from experiments.models import Experiment
from models_ml.brief import Brief
from tests import people
from tests.campaigns import shop
from tests.journeys.stories import CHINESE, ENGLISH, NARROW_ENGLISH, WORDS, Story
from tests.journeys.visitor import Visitor

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.journey, pytest.mark.django_db(transaction=True)]

SHOPPERS = 360


@pytest.mark.parametrize(
    "story",
    [
        pytest.param(ENGLISH, id="english"),
        pytest.param(CHINESE, id="chinese"),
        pytest.param(NARROW_ENGLISH, id="narrow"),
    ],
)
def test_from_the_feed_to_the_result_and_back(page: Page, live_server: LiveServer, story: Story) -> None:
    alice, bob, bea = people.alice(), people.bob(), people.member("Bea", Role.APPROVER)
    shop.brand(default_language=story.language)
    everyone = Audience.objects.create(key="everyone", name_en="Everyone", name_zh="所有人", rule=[])
    visitor = Visitor(page, live_server, language=story.interface, width=story.width)

    visitor.sign_in(alice)
    import_feeds(visitor, story)
    campaign = brief(visitor, story, everyone)
    write_copy(visitor, story, campaign)
    visitor.sign_in(bob)
    to_edit, to_reject, *others = Copy.objects.filter(campaign=campaign, status="pending").order_by("pk")
    edit_and_reject(visitor, story, to_edit, to_reject)
    approve(visitor, others)
    visitor.sign_in(bea)
    approve(visitor, [Copy.objects.get(parent=to_edit)])
    visitor.sign_in(alice)
    launch(visitor, campaign, arms=len(others) + 2)
    with shop_server(live_server) as client:
        shoppers_come(client, campaign)
        the_verdict_is_read(visitor, people.ana(), campaign)
        the_report_is_shared(visitor, story)
        the_breaker_is_pulled(visitor, alice, campaign)
        everyone_sees_what_was_shown_before(client, campaign, story)


# --- before the launch ----------------------------------------------------------------------------------------------
def import_feeds(visitor: Visitor, story: Story) -> None:
    """Each file is looked at before it is stored; a row that cannot be used is named, and the rest comes in."""
    for name, text in story.feeds:
        visitor.open("/products/")
        visitor.press("Import products")
        file: Any = {"name": name, "mimeType": "application/octet-stream", "buffer": text.encode()}
        visitor.page.locator("input[type=file]").set_input_files(file)
        visitor.fill(language=story.language, currency=story.currency)
        visitor.press("Look at the file")
        assert story.lead in visitor.text()
        assert not Product.objects.filter(source=name).exists()
        visitor.press("Import the whole file")
        campaign_tasks.import_products(str(ProductImport.objects.latest("pk").job_id))
        visitor.page.locator("#product-import .badge", has_text=visitor.said("done")).wait_for()
    assert f"{Product.objects.earliest('pk').price}" == story.price_after
    assert Product.objects.count() == sum(
        1 for sku in ("BAG-1", "BAG-2", "BAG-4", "包-1", "包-2") if any(sku in text for _name, text in story.feeds)
    )


def brief(visitor: Visitor, story: Story, everyone: Audience) -> Campaign:
    """Five pages of the wizard, left once on the way and gone on with from the list of unfinished briefs."""
    visitor.open("/campaigns/")
    visitor.press("New campaign")
    visitor.press("New brief")
    visitor.fill(name=story.name, language=story.language, offer_kind="percent", offer_value="20")
    visitor.press("Keep and leave")
    visitor.press(story.name)
    lead = Product.objects.earliest("pk")
    visitor.press("Add %(name)s", name=lead.name(story.language))
    visitor.page.locator(".badge.good").wait_for()
    visitor.press("Go on to the audiences")
    visitor.page.get_by_label(everyone.name(story.language)).check()
    visitor.press("Keep and go on")
    visitor.page.locator("input[name=channel][value=push]").check()
    visitor.press("Keep and go on")
    visitor.fill(**{f"control_{part}": text for part, text in story.control.items()})
    visitor.press("Keep and go on")
    visitor.press("Make the campaign")
    visitor.reads("The campaign is made. Now have copy written for it.")
    return Campaign.objects.get(name=story.name)


class Writer(shop.FakeWriter):
    """Writes in the language of the brief."""

    def __init__(self, story: Story) -> None:
        super().__init__()
        self.story = story

    def __call__(self, briefs: Any, *, per_brief: int, on_batch: Any, **_: Any) -> list[dict[str, Any]]:
        """As many as are asked for, one after the other."""
        texts = [self._candidate(briefs[0], word) for word in WORDS[self.story.language][:per_brief]]
        for text in texts:
            on_batch([text])
        return texts

    def _candidate(self, brief: Brief, word: str) -> dict[str, Any]:
        off = "{product}{discount}" if brief.language == "zh" else "{product}, {discount} off"
        parts = {part: text.replace("{word}", word) for part, text in self.story.written.items()}
        return {"brief_index": 0, "headline": off, **parts, "provenance": {"source": "model", "model_id": "fake"}}


def write_copy(visitor: Visitor, story: Story, campaign: Campaign) -> None:
    """The marketer asks in the studio; candidates appear as they are made, without a reload, and are handed in."""
    visitor.fill(per_audience="3")
    visitor.press("Write candidates")
    shop.run(Job.objects.get(task_name="campaigns.generate_copy"), Writer(story))
    visitor.page.get_by_text(story.written["body"].replace("{word}", WORDS[story.language][2])).first.wait_for()
    assert set(Copy.objects.filter(campaign=campaign).values_list("status", flat=True)) == {"draft"}
    for box in visitor.page.locator("input[name=chosen][type=checkbox]").all():
        box.check()
    visitor.press("Hand in for review")
    assert Copy.objects.filter(campaign=campaign, status="pending").count() == 3


def edit_and_reject(visitor: Visitor, story: Story, to_edit: Copy, to_reject: Copy) -> None:
    """The approver finds both in the queue, and may not approve what is now partly their own."""
    visitor.open("/review/")
    assert visitor.page.locator(f"a[href*='/review/{to_edit.pk}/']").count() >= 1
    visitor.open(f"/review/{to_edit.pk}/")
    visitor.unfold("Edit")
    visitor.fill(body=story.edited)
    visitor.press("Store a new version")
    edited = Copy.objects.get(parent=to_edit)
    assert (edited.body, edited.status) == (story.edited, "pending")
    visitor.open(f"/review/{edited.pk}/")
    assert visitor.button("Approve").count() == 0
    visitor.open(f"/review/{to_reject.pk}/")
    visitor.unfold("Reject")
    visitor.page.locator("#reject-kind").select_option("off_brand")
    visitor.page.locator("#reject-reason").fill(story.why)
    visitor.page.locator("form[action$='/reject/'] button").click()
    visitor.settled()
    to_reject.refresh_from_db()
    assert (to_reject.status, to_reject.reviews.get().reason) == ("rejected", f"off_brand: {story.why}")


def approve(visitor: Visitor, copies: list[Copy]) -> None:
    """Each on its own page."""
    for copy in copies:
        visitor.open(f"/review/{copy.pk}/")
        visitor.press("Approve")
        copy.refresh_from_db()
        assert copy.status == "approved"


def launch(visitor: Visitor, campaign: Campaign, *, arms: int) -> None:
    """The marketer launches what others approved."""
    visitor.open(f"/campaigns/{campaign.key}/")
    visitor.press("Launch")
    visitor.reads("The campaign runs: each audience has its experiment.")
    experiment = Experiment.objects.get()
    assert (experiment.status, experiment.arms.count()) == ("running", arms)


# --- after it -------------------------------------------------------------------------------------------------------
def shop_server(live_server: LiveServer) -> httpx.Client:
    """The shop's own server, with a key that may decide and send events."""
    secret = api_keys.issue_api_key(name="shop", scopes=["decide", "events"], created_by=None)[1]
    headers = {"Authorization": f"Bearer {secret}"}
    return httpx.Client(base_url=f"{live_server.url}/api/v1/", headers=headers, timeout=30)


def shoppers_come(client: httpx.Client, campaign: Campaign) -> None:
    """Each is shown its text and, three times as often where that is new, buys something."""
    first = client.post(f"campaigns/{campaign.key}/decide", json={"unit": "shopper-0"}).json()
    asked = {"experiment": first["experiment"], "units": [f"shopper-{number}" for number in range(SHOPPERS)]}
    decisions = client.post("decide", json=asked).json()["decisions"]
    assert decisions[0]["arm"] == first["arm"]
    events = [event for number, one in enumerate(decisions) for event in visit(number, one, first["experiment"])]
    answer = client.post("events", json={"events": events}).json()
    assert answer == {"accepted": len(events), "duplicates": 0, "rejected": []}
    assert experiment_tasks.fold_events() == len(events)
    experiment_tasks.refresh_analyses()


def visit(number: int, decision: Mapping[str, Any], experiment: str) -> Iterator[dict[str, Any]]:
    """What one shopper does: a quarter buys what was shown before, three quarters what is new."""
    unit = f"shopper-{number}"
    yield {"id": f"see-{number}", "type": "exposure", "unit": unit, "experiment": experiment, "arm": decision["arm"]}
    if number % 4 == 0 or (number % 4 != 1 and not decision["control"]):
        yield {"id": f"buy-{number}", "type": "conversion", "unit": unit, "value": 40.0, "margin": 12.0}


def the_verdict_is_read(visitor: Visitor, ana: User, campaign: Campaign) -> None:
    """The analyst opens the experiment from the list: what to do stands first, in a sentence."""
    experiment = Experiment.objects.get()
    visitor.sign_in(ana)
    visitor.open("/experiments/")
    visitor.press(experiment.name)
    analysis = experiment.analyses.latest("pk")
    assert analysis.verdict == "ship", analysis.sentence
    assert Copy.objects.get(campaign=campaign, parent__isnull=False).shown("headline") in analysis.sentence
    for words in ("Conversion rate", "Revenue per shopper"):
        assert visitor.said(words) in visitor.text()


def the_report_is_shared(visitor: Visitor, story: Story) -> None:
    """The analyst makes a link; somebody without an account reads the verdict there and can change nothing."""
    visitor.press("Make a link")
    address = visitor.page.locator(".link-address").first.input_value()
    verdict = visitor.page.locator(".verdict h2").first.inner_text()
    browser, locale = visitor.page.context.browser, "zh-CN" if story.language == "zh" else "en-GB"
    assert browser is not None
    context = browser.new_context(locale=locale, viewport={"width": visitor.width, "height": 900})
    stranger = context.new_page()
    answer = stranger.goto(f"{visitor.server.url}/r/{address.partition('/r/')[2]}")
    assert answer is not None
    assert (answer.status, stranger.locator(".verdict h2").first.inner_text()) == (200, verdict)
    assert stranger.locator("form[method=post]:not([action*=language])").count() == 0
    context.close()


def the_breaker_is_pulled(visitor: Visitor, alice: User, campaign: Campaign) -> None:
    """One button, with a reason, on the campaign's page."""
    visitor.sign_in(alice)
    visitor.open(f"/campaigns/{campaign.key}/")
    visitor.unfold("Circuit breaker…")
    visitor.page.locator("#trip-reason").fill("The price in the shop is wrong.")
    visitor.press("Give everyone the control")
    visitor.reads("The circuit breaker is pulled")
    campaign.refresh_from_db()
    assert campaign.tripped_reason == "The price in the shop is wrong."


def everyone_sees_what_was_shown_before(client: httpx.Client, campaign: Campaign, story: Story) -> None:
    """Over HTTP, also those who saw a new text a moment ago."""
    for number in range(20):
        answer = client.post(f"campaigns/{campaign.key}/decide", json={"unit": f"shopper-{number}"}).json()
        assert (answer["reason"], answer["control"], answer["arm"]) == ("tripped", True, None)
        assert answer["content"]["headline"] == story.control["headline"]
