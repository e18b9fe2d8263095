"""The label of text by a model: who asks for it, what is shown, and that an edit does not take it off."""

from __future__ import annotations

from datetime import date

import pytest
from django.test import Client

from campaigns import queries, services
from campaigns.models import Brand, Campaign, Copy
from core.roles import Role
from experiments.models import Arm
from tests import people
from tests.campaigns import shop

pytestmark = pytest.mark.django_db


def sell_in(*places: str) -> None:
    Brand.objects.update(jurisdictions=list(places))


def arms(campaign: Campaign) -> list[Arm]:
    return list(Arm.objects.filter(experiment=queries.links_of(campaign)[0].experiment).order_by("position"))


def test_a_brand_that_sells_in_china_shows_the_label_and_marks_the_text() -> None:
    campaign = shop.launched()
    sell_in("CN")
    campaign = Campaign.objects.get(pk=campaign.pk)
    copy = Copy.objects.filter(campaign=campaign).order_by("pk")[0]
    content = queries.copy_content(campaign, copy)
    assert content["body"] == f"{copy.shown('body')} AI-generated"
    assert content["headline"] == copy.shown("headline")
    assert content["ai"]["AIGC"] == {"Label": "1", "ContentProducer": "Copylift", "ProduceID": f"copy-{copy.pk}"}


def test_where_no_law_asks_nothing_is_added() -> None:
    campaign = shop.launched()
    control, first, _second = arms(campaign)
    copy = Copy.objects.get(pk=first.content["copy_id"])
    assert (first.content["body"], "ai" in first.content) == (copy.shown("body"), False)
    assert "ai" not in control.content


def test_the_launch_takes_the_label_into_the_arm() -> None:
    alice, bob = people.alice(), people.bob()
    campaign = shop.ready(alice, bob)
    sell_in("CN")
    services.launch_campaign(Campaign.objects.get(pk=campaign.pk), actor=alice)
    control, first, second = arms(campaign)
    assert first.content["body"].endswith(" AI-generated")
    assert second.content["body"].endswith(" AI-generated")
    assert "AI-generated" not in control.content["body"]


def test_europe_asks_for_marking_alone_and_only_since_its_day() -> None:
    campaign = shop.launched()
    sell_in("DE")
    campaign = Campaign.objects.get(pk=campaign.pk)
    assert queries.label_of(campaign, on=date(2026, 8, 1)) is None
    label = queries.label_of(campaign, on=date(2026, 8, 2))
    assert label is not None
    assert (label.text, label.metadata["ai_generated"]) == ("", True)


def test_an_edit_of_a_models_text_stays_labelled_and_a_persons_own_text_is_not() -> None:
    alice, bob = people.alice(), people.bob()
    waiting = shop.waiting_copy(alice)
    parts = {"theme": waiting.theme, **queries.written_parts(waiting)} | {"body": "For your day."}
    edited = services.edit_copy(waiting, editor=bob, parts=parts)
    own = services.submit_copy(
        campaign=waiting.campaign, audience=waiting.audience, author=alice, parts={**parts, "body": "Mine."}
    )
    assert [queries.is_ai_written(copy) for copy in (waiting, edited, own)] == [True, True, False]


def test_the_page_shows_the_text_with_its_label(client: Client) -> None:
    alice = people.alice()
    campaign = shop.generated(alice)
    sell_in("CN", "EU")
    client.force_login(alice)
    page = client.get(f"/campaigns/{campaign.key}/").content.decode()
    assert "in the ba way. AI-generated</p>" in page
    assert "Written by a model, and marked as such for CN, EU." in page


def test_the_label_takes_room_in_the_channel() -> None:
    alice = people.alice()
    waiting = shop.waiting_copy(alice)
    room = 120 - len(" AI-generated")
    parts = {"theme": waiting.theme, **queries.written_parts(waiting)}
    fits, over = "For your day. " + "a" * (room - 14), "For your day. " + "a" * (room - 13)
    sell_in("CN")
    for name, body, rules in (("Vera", fits, set()), ("Wim", over, {"form.too_long"})):
        editor = people.member(name, Role.APPROVER)
        copy = services.edit_copy(Copy.objects.get(pk=waiting.pk), editor=editor, parts={**parts, "body": body})
        assert set(copy.findings.values_list("rule", flat=True)) & {"form.too_long"} == rules
        waiting = copy
