"""The copy studio as Alice (marketer) works in it, and as Bob (approver), Charlie (no role) and a stranger meet it."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from campaigns import services
from campaigns.models import Brand, Campaign, Copy
from core.models import Job, User
from core.roles import Role
from tests import people
from tests.campaigns import shop
from tests.campaigns.test_outcomes import finished
from tests.campaigns.test_review_pages import signed_in, text
from tests.campaigns.test_scoring import FakeScorer, scorer_version
from tests.campaigns.test_studio import EDIT, held, states

pytestmark = pytest.mark.django_db

DOORS = ("studio_check", "studio_write", "studio_discard", "submit")


def door(name: str, *more: Any) -> str:
    """The address of a door of the one campaign."""
    return reverse(f"campaigns:{name}", args=["autumn", *more])


@pytest.fixture
def alice() -> User:
    return people.alice()


@pytest.fixture
def browser(alice: User) -> Client:
    """Alice's browser."""
    return signed_in(alice)


def test_a_fresh_campaign_is_told_what_to_do(browser: Client, alice: User) -> None:
    shop.draft(alice)
    shown = text(browser.get(door("studio")))
    assert "Have candidates written, or write your own." in shown
    assert "No candidate to choose from for this audience." in shown
    assert "Write your own" in shown


def test_candidates_are_written_for_the_studio_and_appear_as_they_are_made(browser: Client, alice: User) -> None:
    shop.draft(alice)
    answer = browser.post(door("generate"), {"per_audience": "2", "hold": "1"})
    assert answer["Location"] == door("studio")
    assert 'hx-trigger="every 2s"' in text(browser.get(door("studio")))
    job = Job.objects.get()
    shop.run(job, shop.FakeWriter())
    Job.objects.filter(pk=job.pk).update(status="running")
    first, second, *others = Copy.objects.order_by("id")
    part = text(browser.get(f"{door('studio')}?after={first.pk}", headers={"HX-Request": "true"}))
    assert 'hx-swap-oob="beforeend:#candidates-students"' in part
    assert f'id="copy-{second.pk}"' in part
    assert f'id="copy-{first.pk}"' not in part
    assert f"?after={others[-1].pk}" in part
    assert "<html" not in part


def test_without_hold_copy_goes_to_review_as_before(browser: Client, alice: User) -> None:
    shop.draft(alice)
    assert browser.post(door("generate"), {"per_audience": "2"})["Location"] == door("detail")
    shop.run(Job.objects.get(), shop.FakeWriter())
    assert states() == ["pending"] * 4
    assert "4 in review or approved" not in text(browser.get(door("studio")))
    assert "2 in review or approved" in text(browser.get(door("studio")))


def test_a_candidate_stands_in_its_frame_with_findings_and_score(browser: Client, alice: User) -> None:
    copy = held(alice)[0]
    services.score_waiting(scorer_version(), FakeScorer())
    services.edit_draft(copy, editor=alice, parts={**EDIT, "body": "The best bag, until {deadline}."})
    shown = text(browser.get(door("studio")))
    assert "frame frame-push" in shown
    assert 'class="bad"><span class="visually-hidden">Must be changed: </span>best</mark>' in shown
    assert "words.absolute" in shown
    assert "Chance to beat what is shown today:" in shown
    assert "this scorer was right in 58 % (55 % to 62 %)" in shown


def test_chosen_candidates_are_handed_in(browser: Client, alice: User) -> None:
    first, second, *_rest = held(alice)
    answer = browser.post(door("submit"), {"chosen": [first.pk, second.pk]}, follow=True)
    assert "2 copies were handed in. Somebody else reviews them." in text(answer)
    assert states() == ["pending", "pending", "draft", "draft"]
    assert browser.post(door("submit"), {"chosen": ["x", "9" * 40]}).status_code == 422
    assert browser.post(door("submit"), {"chosen": [first.pk]}).status_code == 409
    assert states() == ["pending", "pending", "draft", "draft"]


def test_chosen_candidates_are_set_aside_and_shown_apart(browser: Client, alice: User) -> None:
    first = held(alice)[0]
    answer = browser.post(door("studio_discard"), {"chosen": [first.pk]}, follow=True)
    assert "1 candidate was set aside." in text(answer)
    assert "1 set aside or rejected" in text(answer)
    assert states() == ["discarded", "draft", "draft", "draft"]


def test_an_edit_is_checked_while_it_is_typed_and_nothing_is_stored(browser: Client, alice: User) -> None:
    copy = held(alice)[0]
    before = (Copy.objects.count(), copy.findings.count())
    typed = {**EDIT, "body": "The best <b>bag</b>, 30% off.", "audience": "students", "copy": copy.pk}
    shown = text(browser.post(door("studio_check"), typed, headers={"HX-Request": "true"}))
    assert "Not stored yet. The checks found 2 things." in shown
    assert '<span class="visually-hidden">Must be changed: </span>best</mark>' in shown
    assert "&lt;b&gt;bag" in shown
    assert (Copy.objects.count(), copy.findings.count()) == before
    fine = text(browser.post(door("studio_check"), {**shop.GOOD, "audience": "students"}))
    assert "Canvas Tote, 20% off" in fine
    assert browser.post(door("studio_check"), {**typed, "audience": "nobody"}).status_code == 404


def test_an_edit_is_stored_and_a_refused_one_stays_in_its_form(browser: Client, alice: User) -> None:
    copy = held(alice)[0]
    refused = browser.post(door("studio_edit", copy.pk), {**EDIT, "headline": "", "body": "Kept as typed."})
    assert refused.status_code == 422
    assert "Kept as typed." in text(refused)
    assert "must not be empty." in text(refused)
    assert browser.post(door("studio_edit", copy.pk), EDIT).status_code == 302
    assert Copy.objects.get(parent=copy).author == alice
    assert browser.post(door("studio_edit", copy.pk), {**EDIT, "body": "Again."}).status_code == 409
    assert Copy.objects.filter(parent=copy).count() == 1


def test_own_words_stand_among_the_candidates(browser: Client, alice: User) -> None:
    shop.draft(alice)
    refused = browser.post(door("studio_write"), {**EDIT, "body": "", "audience": "students"})
    assert (refused.status_code, Copy.objects.count()) == (422, 0)
    assert 'value="Kept"' in text(refused)
    assert browser.post(door("studio_write"), {**EDIT, "audience": "students"}).status_code == 302
    copy = Copy.objects.get()
    assert (copy.status, copy.author, copy.audience.key) == ("draft", alice, "students")


def test_more_like_one_asks_for_its_theme(browser: Client, alice: User) -> None:
    copy = held(alice)[0]
    answer = browser.post(door("studio_more", copy.pk), follow=True)
    assert f"More is being written under the theme “{copy.theme}”." in text(answer)
    arguments = Job.objects.order_by("-created_at")[0].arguments
    assert (arguments["like"], arguments["hold"], arguments["per_audience"]) == (copy.pk, True, 3)
    assert browser.post(door("studio_more", copy.pk)).status_code == 409


def test_past_winners_stand_beside_with_what_their_test_said(browser: Client, alice: User) -> None:
    winner = shop.launched(people.member("Owner", Role.MARKETER), people.bob(), key="summer", name="Summer bags")
    finished(winner)
    product, audiences = winner.products.get(), list(winner.audiences.all())
    campaign = shop.draft(alice, products=[product], audiences=audiences)
    assert "Summer bags" not in text(browser.get(door("studio")))
    shown = text(browser.get(f"{door('studio')}?winners"))
    assert "+50.0 % orders against what was shown before; chance to be better 100 %" in shown
    assert "Summer bags" in shown
    Campaign.objects.filter(pk=campaign.pk).update(language="zh")
    assert "No text has won a test in this channel and language yet." in text(browser.get(f"{door('studio')}?winners"))


def test_a_winner_of_a_brand_that_is_kept_from_the_member_is_not_shown(browser: Client, alice: User) -> None:
    owner = people.member("Owner", Role.MARKETER)
    other = shop.brand(key="secret", name="Secret")
    winner = shop.launched(
        owner, people.bob(), key="summer", name="Summer bags", brand=other, products=[shop.product(other)]
    )
    finished(winner)
    other.members.add(owner)
    shop.draft(
        alice,
        products=[shop.product(Brand.objects.get(key="lumen"), sku="B-2")],
        audiences=list(winner.audiences.all()),
    )
    shown = text(browser.get(f"{door('studio')}?winners"))
    assert "No text has won a test" in shown
    assert "Summer bags" not in shown


def test_an_approver_looks_and_changes_nothing(alice: User) -> None:
    copy, bob = held(alice)[0], signed_in(people.bob())
    shown = text(bob.get(door("studio")))
    assert "Canvas Tote, 20% off" in shown
    assert 'id="hand-in"' not in shown
    assert "Write candidates" not in shown
    for name in DOORS:
        assert bob.post(door(name), {**EDIT, "chosen": [copy.pk], "audience": "students"}).status_code == 403
    for name in ("studio_edit", "studio_more"):
        assert bob.post(door(name, copy.pk), EDIT).status_code == 403
    assert signed_in(people.charlie()).get(door("studio")).status_code == 403
    assert states() == ["draft"] * 4


def test_a_stranger_to_the_brand_finds_nothing(alice: User) -> None:
    copy = held(alice)[0]
    copy.campaign.brand.members.add(alice)
    stranger = signed_in(people.member("Mia", Role.MARKETER))
    assert stranger.get(door("studio")).status_code == 404
    for name in DOORS:
        assert stranger.post(door(name), {**EDIT, "chosen": [copy.pk], "audience": "students"}).status_code == 404
    for name in ("studio_edit", "studio_more"):
        assert stranger.post(door(name, copy.pk), EDIT).status_code == 404
    assert states() == ["draft"] * 4


def test_a_copy_of_another_campaign_is_not_reached_through_this_one(browser: Client, alice: User) -> None:
    copy = held(alice)[0]
    shop.draft(alice, key="winter", products=[copy.product], audiences=list(copy.campaign.audiences.all()))
    address = reverse("campaigns:submit", args=["winter"])
    assert browser.post(address, {"chosen": [copy.pk]}).status_code == 422
    assert browser.post(reverse("campaigns:studio_edit", args=["winter", copy.pk]), EDIT).status_code == 404
    assert states() == ["draft"] * 4


def test_the_campaigns_page_names_its_candidates_and_leads_to_them(browser: Client, alice: User) -> None:
    held(alice)
    shown = text(browser.get(door("detail")))
    assert "4 candidates to choose from" in shown
    assert f'href="{door("studio")}"' in shown
    assert "Made for the day" not in shown


def test_the_studio_of_a_launched_campaign_only_shows(browser: Client, alice: User) -> None:
    shop.launched(alice, people.bob())
    shown = text(browser.get(door("studio")))
    assert "its copy stays as it is" in shown
    assert "2 in review or approved" in shown
    assert "<form method" not in shown.split('id="content"')[1].split("</main>")[0]


def test_the_studio_reads_little_however_many_candidates(
    browser: Client, alice: User, django_assert_max_num_queries: Any
) -> None:
    copy = held(alice)[0]
    services.score_waiting(scorer_version(), FakeScorer())
    Copy.objects.bulk_create(
        Copy(
            campaign=copy.campaign,
            audience=copy.audience,
            product=copy.product,
            headline=f"H{number}",
            filled={"headline": f"H{number}"},
            status="draft",
            content_hash=f"{number:064d}",
            requested_by=alice,
        )
        for number in range(100)
    )
    for address in (door("studio"), f"{door('studio')}?winners"):
        with django_assert_max_num_queries(15):
            assert browser.get(address).status_code == 200
    with django_assert_max_num_queries(15):
        browser.get(f"{door('studio')}?after=0", headers={"HX-Request": "true"})
