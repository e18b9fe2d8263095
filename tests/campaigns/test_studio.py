"""Candidates before a review: held, chosen and handed in, edited, set aside, and more like one of them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from campaigns import queries, services
from campaigns.models import Campaign, Copy, Product, Review
from core import audit, errors
from core.models import AuditEntry, Job, Notice, User, Webhook, WebhookDelivery
from core.roles import Role
from tests import people
from tests.campaigns import shop
from tests.campaigns.test_scoring import scorer_version

pytestmark = pytest.mark.django_db

EDIT = {**shop.GOOD, "body": "Made to stay with you.", "theme": "Kept"}


def held(created_by: User, **fields: Any) -> list[Copy]:
    """Four candidates of a fresh campaign, two for each audience, that nobody handed in."""
    campaign = shop.draft(created_by, **fields)
    shop.run(services.request_generation(campaign, per_audience=2, actor=created_by, hold=True), shop.FakeWriter())
    return list(Copy.objects.filter(campaign=campaign).order_by("id"))


def states() -> list[str]:
    """Of every copy, in the order in which they were made."""
    return list(Copy.objects.order_by("id").values_list("status", flat=True))


def told() -> tuple[int, int, int]:
    """Audit entries of copy, notices and events: what a refused move must leave as it was."""
    entries = AuditEntry.objects.filter(object_type="campaigns.Copy").count()
    return entries, Notice.objects.count(), WebhookDelivery.objects.count()


def campaign_state() -> str:
    return Campaign.objects.values_list("status", flat=True).get()


# --- candidates -------------------------------------------------------------------------------------------------
def test_a_request_that_holds_makes_candidates_and_the_campaign_stays_a_draft() -> None:
    held(people.alice())
    assert (states(), campaign_state()) == (["draft"] * 4, "draft")
    assert Job.objects.get().arguments["hold"] is True
    assert Notice.objects.count() == 0


def test_a_request_that_does_not_hold_goes_to_review_and_tells_the_reviewers_once() -> None:
    bob = people.bob()
    shop.generated(people.alice())
    assert (states(), campaign_state()) == (["pending"] * 4, "review")
    notice = Notice.objects.get()
    assert (notice.user, notice.kind, notice.subject) == (bob, "review", "4 copies of “Autumn bags” wait for review")
    assert notice.url == "/review/?campaign=autumn"


def test_candidates_are_scored_before_anybody_chooses_among_them() -> None:
    held(people.alice())
    assert services.due_for(scorer_version()).count() == 4


def test_nobody_reviews_a_candidate() -> None:
    copy, bob = held(people.alice())[0], people.bob()
    before = told()
    assert queries.waiting_for(bob).count() == 0
    with pytest.raises(errors.Conflict, match="no longer waiting"):
        services.approve_copy(copy, reviewer=bob)
    with pytest.raises(errors.Conflict, match="no longer waiting"):
        services.reject_copy(copy, reviewer=bob, reason="no")
    with pytest.raises(errors.Conflict, match="no longer waiting"):
        services.edit_copy(copy, editor=bob, parts=EDIT)
    assert (states(), told(), Review.objects.count()) == (["draft"] * 4, before, 0)


# --- handing in -------------------------------------------------------------------------------------------------
def test_handing_in_opens_the_review_and_tells_each_reviewer_and_system_once() -> None:
    alice, bob = people.alice(), people.bob()
    Webhook.objects.create(name="shop", url="https://shop.test/", secret="s", events=["copy.submitted"])
    first, second, *_rest = held(alice)
    handed = services.hand_in([second, first], actor=alice)
    assert [copy.pk for copy in handed] == [first.pk, second.pk]
    assert (states(), campaign_state()) == (["pending", "pending", "draft", "draft"], "review")
    assert audit.history(first)[0].action == "copy.submitted"
    notice = Notice.objects.get()
    assert (notice.user, notice.subject) == (bob, "2 copies of “Autumn bags” wait for review")
    assert WebhookDelivery.objects.get().payload == {
        "copies": [first.pk, second.pk],
        "campaign": "autumn",
        "audiences": ["students"],
    }


def test_a_second_submission_is_told_of_its_own() -> None:
    alice, _bob = people.alice(), people.bob()
    copies = held(alice)
    for copy in copies[:2]:
        services.hand_in([copy], actor=alice)
    assert Notice.objects.count() == 2


def test_who_asked_is_not_asked_to_review_it_even_as_an_approver() -> None:
    both = people.member("Alice", Role.MARKETER, Role.APPROVER)
    other = people.member("Mia", Role.MARKETER)
    services.hand_in(held(both)[:1], actor=other)
    assert Notice.objects.count() == 0


def test_a_reviewer_who_is_a_stranger_to_the_brand_is_not_told() -> None:
    alice, _bob = people.alice(), people.bob()
    copies = held(alice)
    copies[0].campaign.brand.members.add(alice)
    services.hand_in(copies, actor=alice)
    assert Notice.objects.count() == 0


def test_a_notice_speaks_its_readers_language() -> None:
    alice, bob = people.alice(), people.bob()
    User.objects.filter(pk=bob.pk).update(language="zh-hans")
    services.hand_in(held(alice), actor=alice)
    assert "待审核" in Notice.objects.get().subject


def test_of_many_none_is_handed_in_where_one_cannot_be() -> None:
    alice = people.alice()
    first, second, third, _fourth = held(alice)
    services.discard([third], actor=alice)
    before = told()
    with pytest.raises(errors.Conflict, match="no longer a candidate") as problem:
        services.hand_in([first, second, third], actor=alice)
    assert problem.value.code == "no_candidate"
    assert (states(), told()) == (["draft", "draft", "discarded", "draft"], before)


def test_what_a_check_blocks_is_not_handed_in() -> None:
    alice = people.alice()
    blocked = services.edit_draft(held(alice)[0], editor=alice, parts={**EDIT, "body": "The best bag there is."})
    before = told()
    with pytest.raises(errors.Conflict, match="A check blocks “Canvas Tote, 20% off") as problem:
        services.hand_in([blocked], actor=alice)
    assert problem.value.code == "copy_blocked"
    assert (Copy.objects.get(pk=blocked.pk).status, told()) == ("draft", before)


def test_handing_in_fills_the_facts_of_today() -> None:
    alice = people.alice()
    copy = held(alice)[0]
    Product.objects.update(name_en="Linen Tote")
    (handed,) = services.hand_in([copy], actor=alice)
    assert handed.filled["headline"] == "Linen Tote, 20% off"


def test_nothing_chosen_is_said() -> None:
    with pytest.raises(errors.InvalidInput, match="choose at least one copy"):
        services.hand_in([], actor=people.alice())


@pytest.mark.parametrize("name", ["bob", "ana", "charlie"])
def test_only_a_marketer_works_with_candidates(name: str) -> None:
    copies, other = held(people.alice()), getattr(people, name)()
    before = told()
    with pytest.raises(errors.Forbidden, match="You may not hand in copy"):
        services.hand_in(copies, actor=other)
    with pytest.raises(errors.Forbidden, match="You may not set copy aside"):
        services.discard(copies, actor=other)
    with pytest.raises(errors.Forbidden, match="You may not edit candidates"):
        services.edit_draft(copies[0], editor=other, parts=EDIT)
    assert (states(), told()) == (["draft"] * 4, before)


def test_a_stranger_to_the_brand_finds_no_candidate() -> None:
    alice, stranger = people.alice(), people.member("Mia", Role.MARKETER)
    copies = held(alice)
    copies[0].campaign.brand.members.add(alice)
    before = told()
    for move in (
        lambda: services.hand_in(copies, actor=stranger),
        lambda: services.discard(copies, actor=stranger),
        lambda: services.edit_draft(copies[0], editor=stranger, parts=EDIT),
    ):
        with pytest.raises(errors.NotFound):
            move()
    assert (states(), told()) == (["draft"] * 4, before)


def test_candidates_of_a_campaign_that_is_put_away_stay_as_they_are() -> None:
    alice = people.alice()
    copies = held(alice)
    services.archive_campaign(copies[0].campaign, actor=alice)
    before = told()
    for move in (services.hand_in, services.discard):
        with pytest.raises(errors.Conflict, match="is archived") as problem:
            move(copies, actor=alice)
        assert problem.value.code == "campaign_closed"
    assert (states(), told()) == (["draft"] * 4, before)


# --- editing, writing, setting aside ----------------------------------------------------------------------------
def test_an_edit_of_a_candidate_is_a_new_candidate_checked_anew() -> None:
    alice, mia = people.alice(), people.member("Mia", Role.MARKETER)
    copy = held(alice)[0]
    edited = services.edit_draft(copy, editor=mia, parts={**EDIT, "body": "The best bag."})
    assert (edited.status, edited.version, edited.parent, edited.author) == ("draft", 2, copy, mia)
    assert edited.requested_by == alice
    assert queries.is_ai_written(edited)
    assert list(edited.findings.values_list("rule", flat=True)) == ["words.absolute"]
    assert Copy.objects.get(pk=copy.pk).status == "edited"
    assert Review.objects.count() == 0


def test_an_edit_of_a_candidate_that_changes_nothing_or_came_second_is_refused() -> None:
    alice = people.alice()
    copy = held(alice)[0]
    with pytest.raises(errors.InvalidInput, match="nothing was changed"):
        services.edit_draft(copy, editor=alice, parts={"theme": copy.theme, **queries.written_parts(copy)})
    services.edit_draft(copy, editor=alice, parts=EDIT)
    with pytest.raises(errors.Conflict, match="no longer a candidate"):
        services.edit_draft(copy, editor=alice, parts={**EDIT, "body": "Another."})
    assert Copy.objects.filter(parent=copy).count() == 1


def test_who_edited_a_candidate_may_not_approve_it() -> None:
    alice, mia = people.alice(), people.member("Mia", Role.MARKETER, Role.APPROVER)
    edited = services.edit_draft(held(alice)[0], editor=mia, parts=EDIT)
    services.hand_in([edited], actor=alice)
    with pytest.raises(errors.Forbidden, match="Nobody approves their own copy"):
        services.approve_copy(edited, reviewer=mia)
    assert services.approve_copy(edited, reviewer=people.bob()).status == "approved"


def test_own_words_can_be_held_too() -> None:
    alice, _bob = people.alice(), people.bob()
    campaign = shop.draft(alice)
    audience = campaign.audiences.get(key="students")
    copy = services.submit_copy(campaign=campaign, audience=audience, parts=EDIT, author=alice, hold=True)
    assert (copy.status, campaign_state(), Notice.objects.count()) == ("draft", "draft", 0)
    assert audit.history(copy)[0].action == "copy.written"
    services.submit_copy(campaign=campaign, audience=audience, parts=shop.GOOD, author=alice)
    assert (campaign_state(), Notice.objects.count()) == ("review", 1)


def test_what_was_set_aside_or_rejected_does_not_come_back() -> None:
    alice, bob = people.alice(), people.bob()
    first, second, *rest = held(alice)
    services.discard([first], actor=alice)
    services.hand_in([second], actor=alice)
    services.reject_copy(second, reviewer=bob, reason="dull")
    job = services.request_generation(first.campaign, per_audience=2, actor=alice, seed=1, hold=True)
    writer = shop.FakeWriter()
    assert shop.run(job, writer).status == "failed"
    assert states() == ["discarded", "rejected", *["draft"] * len(rest)]
    # The writer is told of all of them, so that one that can write others does.
    assert [len(context.taken) for context in writer.contexts] == [4, 4]


# --- more like this ---------------------------------------------------------------------------------------------
def test_more_like_one_is_written_for_its_audience_under_its_theme_and_says_so() -> None:
    alice = people.alice()
    like = held(alice)[0]
    job = services.request_generation(like.campaign, per_audience=3, actor=alice, hold=True, like=like)
    writer, themer = shop.FakeWriter(), shop.FakeThemer("Other theme")
    assert shop.run(job, writer, themer).status == "succeeded"
    assert (writer.calls, themer.asked) == ([("students", 2)], [])
    made = list(Copy.objects.filter(job=job))
    assert [(copy.theme, copy.audience, copy.provenance["like"]) for copy in made] == [
        (like.theme, like.audience, like.pk)
    ] * 3
    assert queries.written_parts(like) in writer.contexts[0].taken
    assert json.dumps(Job.objects.get(pk=job.pk).result).count("everyone") == 0


def test_more_like_a_copy_of_another_campaign_or_without_a_theme_is_refused() -> None:
    alice = people.alice()
    copy = held(alice)[0]
    Copy.objects.filter(pk=copy.pk).update(theme="")
    other = shop.draft(alice, key="winter", products=[copy.product], audiences=[copy.audience])
    before = Job.objects.count()
    with pytest.raises(errors.InvalidInput, match="no theme"):
        services.request_generation(copy.campaign, per_audience=1, actor=alice, like=Copy.objects.get(pk=copy.pk))
    with pytest.raises(errors.InvalidInput, match="not a copy of this campaign"):
        services.request_generation(other, per_audience=1, actor=alice, like=copy)
    assert Job.objects.count() == before
