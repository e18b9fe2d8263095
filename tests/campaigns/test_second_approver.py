"""Two approvers for a large audience, who is told of a decision, and that a launch shows only what was approved."""

from __future__ import annotations

import pytest

from campaigns import queries, rejections, services
from campaigns.models import Brand, Copy, Product, Review, Shopper
from core import audit, errors
from core.models import Notice, User, Webhook, WebhookDelivery
from core.roles import Role
from tests import people
from tests.campaigns import shop

pytestmark = pytest.mark.django_db


@pytest.fixture
def copy() -> Copy:
    """A waiting copy for students; the brand wants two approvers from two shoppers on."""
    made = shop.waiting_copy(people.alice())
    Brand.objects.update(second_approver_from=2)
    return Copy.objects.get(pk=made.pk)


def students(number: int) -> None:
    """So many students, and one who is none."""
    Shopper.objects.create(unit="other", attributes={"student": False})
    Shopper.objects.bulk_create(Shopper(unit=f"s{one}", attributes={"student": True}) for one in range(number))


def carol() -> User:
    """A second approver."""
    return people.member("Carol", Role.APPROVER)


def test_one_approver_is_enough_for_a_small_audience(copy: Copy) -> None:
    students(1)
    assert not queries.needs_second_approver(copy)
    assert services.approve_copy(copy, reviewer=people.bob()).status == "approved"


def test_a_large_audience_needs_two(copy: Copy) -> None:
    students(2)
    bob, second = people.bob(), carol()
    first = services.approve_copy(copy, reviewer=bob)
    assert (first.status, first.first_approved_by, first.decided_at) == ("pending", bob, None)
    assert audit.history(copy)[0].action == "copy.approve_first"
    assert not queries.waiting_for(bob).filter(pk=copy.pk).exists()
    assert queries.waiting_for(second).filter(pk=copy.pk).exists()
    approved = services.approve_copy(copy, reviewer=second)
    assert (approved.status, approved.first_approved_by) == ("approved", bob)
    assert [one.reviewer for one in Review.objects.order_by("id")] == [bob, second]


def test_nobody_is_both_approvers(copy: Copy) -> None:
    students(2)
    bob = people.bob()
    services.approve_copy(copy, reviewer=bob)
    with pytest.raises(errors.Forbidden, match="a second approver has to look at it") as problem:
        services.approve_copy(copy, reviewer=bob)
    assert problem.value.code == "second_approver"
    assert (Copy.objects.get(pk=copy.pk).status, Review.objects.count()) == ("pending", 1)


def test_a_first_approver_may_still_reject(copy: Copy) -> None:
    students(2)
    bob = people.bob()
    services.approve_copy(copy, reviewer=bob)
    assert services.reject_copy(copy, reviewer=bob, reason="on second thoughts").status == "rejected"


def test_a_first_approval_does_not_count_for_a_text_filled_anew(copy: Copy) -> None:
    students(2)
    bob = people.bob()
    services.approve_copy(copy, reviewer=bob)
    Product.objects.update(name_en="Linen Tote")
    refilled = services.refill_copy(copy, actor=bob)
    assert refilled.first_approved_by is None
    with pytest.raises(errors.Conflict):
        services.approve_copy(copy, reviewer=carol())
    assert Copy.objects.get(pk=copy.pk).status == "pending"
    assert services.approve_copy(refilled, reviewer=bob).status == "pending"


def test_an_approval_counts_only_for_the_text_it_was_given_for(copy: Copy) -> None:
    stale = Copy.objects.get(pk=copy.pk)
    Copy.objects.filter(pk=copy.pk).update(filled={**copy.filled, "body": "Something else."})
    with pytest.raises(errors.Conflict, match="The text changed since this page was opened") as problem:
        services.approve_copy(stale, reviewer=people.bob())
    assert problem.value.code == "unseen"
    assert (Copy.objects.get(pk=copy.pk).status, Review.objects.count()) == ("pending", 0)


def test_a_stranger_to_the_brand_decides_nothing(copy: Copy) -> None:
    bob, alice = people.bob(), User.objects.get(email="alice@shop.test")
    copy.campaign.brand.members.add(alice)
    assert queries.waiting_for(bob).count() == 0
    with pytest.raises(errors.NotFound):
        services.approve_copy(copy, reviewer=bob)
    with pytest.raises(errors.NotFound):
        services.reject_copy(copy, reviewer=bob, reason="no")
    with pytest.raises(errors.NotFound):
        services.edit_copy(copy, editor=bob, parts=shop.GOOD)
    with pytest.raises(errors.NotFound):
        services.refill_copy(copy, actor=bob)
    row = Copy.objects.get(pk=copy.pk)
    assert (row.status, row.edits.count(), Review.objects.count()) == ("pending", 0, 0)


# --- telling ------------------------------------------------------------------------------------------------------
def test_webhooks_are_told_of_each_decision(copy: Copy) -> None:
    Webhook.objects.create(name="W", url="https://w.test", secret="s", events=["copy.approved", "copy.rejected"])
    bob = people.bob()
    services.approve_copy(copy, reviewer=bob)
    other = Copy.objects.filter(status="pending")[0]
    services.reject_copy(other, reviewer=bob, reason="no")
    told = WebhookDelivery.objects.order_by("id").values_list("event", "payload__copy", "payload__campaign")
    assert list(told) == [("copy.approved", copy.pk, "autumn"), ("copy.rejected", other.pk, "autumn")]


def test_who_asked_is_told_when_the_review_begins_and_when_it_is_done(copy: Copy) -> None:
    bob = people.bob()
    waiting = list(Copy.objects.filter(status="pending").order_by("id"))
    services.reject_copy(waiting[0], reviewer=bob, reason="no")
    for one in waiting[1:]:
        services.approve_copy(one, reviewer=bob)
    told = Notice.objects.filter(kind="decided").order_by("id")
    assert [(one.user.name, one.subject) for one in told] == [
        ("Alice", "The review of your copy for “Autumn bags” has begun"),
        ("Alice", "All your copy for “Autumn bags” was reviewed"),
    ]
    assert told[1].body == "3 approved, 1 rejected, 0 still waiting."


# --- the frozen text ----------------------------------------------------------------------------------------------
def test_a_text_is_as_it_was_approved(copy: Copy) -> None:
    approved = services.approve_copy(copy, reviewer=people.bob())
    services.verify_frozen(approved)
    approved.body = "Another text."
    with pytest.raises(errors.Conflict, match="is not the one that was approved") as problem:
        services.verify_frozen(approved)
    assert problem.value.code == "not_as_approved"


def test_a_text_that_nobody_approved_is_not_launched(copy: Copy) -> None:
    with pytest.raises(errors.Conflict):
        services.verify_frozen(copy)


# --- reasons ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("kind", "words", "kept"),
    [("legal", "", "legal"), ("legal", " a: b ", "legal: a: b"), ("", "a: b", "a: b")],
)
def test_a_reason_is_kept_in_one_line_and_taken_apart_again(kind: str, words: str, kept: str) -> None:
    assert rejections.join(kind, words) == kept
    assert rejections.split(kept) == (kind, words.strip())


def test_something_else_needs_words(copy: Copy) -> None:
    with pytest.raises(errors.InvalidInput, match="say why"):
        services.reject_copy(copy, reviewer=people.bob(), reason=" ", kind="other")
    assert Copy.objects.get(pk=copy.pk).status == "pending"
