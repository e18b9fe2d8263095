"""Names and texts from outside on every page that opens: markup stays text, and no character breaks a page.

Each page is parsed as a browser would, so that breaking out of an attribute is found as well as an unescaped tag.
"""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from django.test import Client

from campaigns import queries
from campaigns.models import Audience, Brand, Campaign, Copy, Finding, Placement, Product, Shopper
from core.models import Job, Notice, User, Webhook
from core.roles import Role
from experiments.models import Arm, Experiment
from tests import people
from tests.campaigns import shop
from tests.journeys.test_barriers import addresses

pytestmark = pytest.mark.django_db
MARK = "data-taken"
# Out of text, of an attribute with either quotation mark, of a script and of a comment; then a mark that turns the
# direction of writing, a space of no width, a joined emoji, a letter of four bytes, and half of a template's tag.
EVIL = f"</title><b {MARK}=1>\"><b {MARK}=2>'><b {MARK}=3></script>--><b {MARK}=4>\u202e\u200b👩‍👩‍👧𝕏{{{{ x }}}}"


class Taken(HTMLParser):
    """Whether a tag of ours came to life, and the text of the page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A tag with the mark among its attributes."""
        if any(name.startswith(MARK) for name, _value in attrs):
            self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        """What is read."""
        self.text.append(data)


def evil_shop(member: User) -> Campaign:
    """A running campaign in which everything that has a name bears this one."""
    campaign = shop.launched(member, people.bob())
    Brand.objects.update(name=EVIL[:60], voice=EVIL)
    Product.objects.update(name_en=EVIL[:120], name_zh=EVIL[:120], description_en=EVIL, category=EVIL[:60])
    Product.objects.update(attributes={"en": {"material": EVIL}}, image_url="https://shop.example/a.jpg")
    Audience.objects.update(name_en=EVIL[:80], description_en=EVIL)
    Campaign.objects.update(name=EVIL[:120], code=EVIL[:30], tripped_reason=EVIL, tripped_at="2026-11-20T10:00Z")
    Experiment.objects.update(name=EVIL, hypothesis=EVIL, learned=EVIL, notice={"sentence": EVIL, "code": "x"})
    parts = dict.fromkeys(("headline", "body", "call_to_action"), EVIL)
    Arm.objects.update(name=EVIL, content={**parts, "label": EVIL, "theme": EVIL, "landing_url": "javascript:alert(1)"})
    # Approved text is frozen by a trigger; a waiting copy is as evil as can be.
    rest = {"theme": EVIL[:120], "filled": parts, "status": "pending", "content_hash": "0" * 64, **parts}
    link = queries.links_of(campaign)[0]
    waiting = Copy.objects.create(campaign=campaign, audience=link.audience, requested_by=people.ana(), **rest)
    finding = {
        "rule": EVIL[:60],
        "part": "headline",
        "start": 3,
        "end": 9,
        "message": EVIL,
        "remedy": EVIL,
        "why": EVIL,
    }
    Finding.objects.create(copy=waiting, severity="warn", excerpt=EVIL, **finding)
    Job.objects.update(title=EVIL, message=EVIL, log_tail=EVIL)
    Notice.objects.create(user=member, kind="alert", key="k", subject=EVIL, body=EVIL)
    User.objects.exclude(pk=member.pk).update(name=EVIL[:120])
    return campaign


def test_no_page_takes_a_text_from_outside_for_markup(client: Client) -> None:
    member = people.member("Dora", *Role)
    campaign = evil_shop(member)
    client.force_login(member)
    client.raise_request_exception = False
    taken, broken, seen = [], [], 0
    for url in addresses(campaign, member):
        Shopper.objects.update(attributes={EVIL[:60]: EVIL}, language="en")
        Webhook.objects.update(name=EVIL[:100])
        Placement.objects.update(name=EVIL[:120])
        answer = client.get(url)
        page = Taken()
        page.feed(answer.content.decode())
        if answer.status_code != 200:
            broken.append((url, answer.status_code))
        taken += [(url, tag) for tag in page.tags]
        seen += f"<b {MARK}=1>" in "".join(page.text)
    assert (taken, broken) == ([], [])
    assert seen > 15
