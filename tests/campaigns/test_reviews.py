"""Approve, edit, reject: nobody approves their own, blocked stays blocked, approved stays as it is."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.db import DatabaseError, transaction

from campaigns import queries, services
from campaigns.models import Campaign, Copy, Product, Review
from core import audit, errors
from core.models import AuditEntry, User
from core.roles import Role
from tests import people
from tests.campaigns import shop

pytestmark = pytest.mark.django_db

OWN = "Nobody approves their own copy: you asked for this one or wrote it. Another approver has to decide."
EDIT = {**shop.GOOD, "body": "Made to stay with you.", "theme": "Kept"}


def now(copy: Copy) -> Copy:
    """The row as it stands."""
    return Copy.objects.get(pk=copy.pk)


def unchanged(copy: Copy) -> bool:
    """Whether nothing happened to a waiting copy."""
    row = now(copy)
    return (row.status, row.decided_at, Review.objects.count(), row.edits.count()) == ("pending", None, 0, 0)


def carol() -> User:
    """A second approver."""
    return people.member("Carol", Role.APPROVER, staff=True)


def test_an_approver_approves() -> None:
    copy, bob = shop.waiting_copy(people.alice()), people.bob()
    approved = services.approve_copy(copy, reviewer=bob, reason="clear")
    assert approved.status == "approved"
    assert approved.decided_at is not None
    review = Review.objects.get()
    assert (review.copy, review.reviewer, review.decision, review.reason) == (copy, bob, "approve", "clear")
    assert review.before == review.after == {"theme": copy.theme, **queries.written_parts(copy)}
    assert review.diff == ""
    entry = audit.history(copy)[0]
    assert (entry.action, entry.actor_id) == ("copy.approve", bob.pk)
    assert entry.data == {"reason": "clear", "content_hash": copy.content_hash}


def test_the_campaign_is_ready_once_each_audience_has_an_approved_copy() -> None:
    alice, bob = people.alice(), people.bob()
    campaign = shop.generated(alice)
    first = Copy.objects.filter(audience__key="students").order_by("id")[0]
    services.approve_copy(first, reviewer=bob)
    assert Campaign.objects.get(pk=campaign.pk).status == "review"
    second = Copy.objects.filter(audience__key="everyone").order_by("id")[0]
    services.approve_copy(second, reviewer=bob)
    assert Campaign.objects.get(pk=campaign.pk).status == "ready"


def test_who_asked_may_not_approve_whatever_the_role() -> None:
    both = people.member("Alice", Role.MARKETER, Role.APPROVER)
    copy = shop.waiting_copy(both)
    with pytest.raises(errors.Forbidden) as problem:
        services.approve_copy(copy, reviewer=both)
    assert (problem.value.message, problem.value.code) == (OWN, "own_copy")
    assert unchanged(copy)


def test_not_even_an_administrator_approves_their_own() -> None:
    root = User.objects.create_superuser("root@shop.test", people.PASSWORD)
    copy = shop.waiting_copy(root)
    with pytest.raises(errors.Forbidden, match="Nobody approves their own copy"):
        services.approve_copy(copy, reviewer=root)
    assert unchanged(copy)


def test_who_edited_may_not_approve_the_edit_but_another_may() -> None:
    bob = people.bob()
    copy = shop.waiting_copy(people.alice())
    edited = services.edit_copy(copy, editor=bob, parts=EDIT)
    with pytest.raises(errors.Forbidden) as problem:
        services.approve_copy(edited, reviewer=bob)
    assert problem.value.code == "own_copy"
    assert now(edited).status == "pending"
    assert services.approve_copy(edited, reviewer=carol()).status == "approved"


def test_who_asked_may_not_approve_anothers_edit_of_it() -> None:
    both = people.member("Alice", Role.MARKETER, Role.APPROVER)
    edited = services.edit_copy(shop.waiting_copy(both), editor=people.bob(), parts=EDIT)
    with pytest.raises(errors.Forbidden, match="Nobody approves their own copy"):
        services.approve_copy(edited, reviewer=both)
    assert now(edited).status == "pending"


@pytest.mark.parametrize("name", ["alice", "ana", "charlie"])
def test_only_approvers_decide(name: str) -> None:
    owner = people.member("Owner", Role.MARKETER)
    copy = shop.waiting_copy(owner)
    other = getattr(people, name)()
    with pytest.raises(errors.Forbidden, match=r"You may not approve copy: your roles do not include it."):
        services.approve_copy(copy, reviewer=other)
    with pytest.raises(errors.Forbidden, match=r"You may not reject copy: your roles do not include it."):
        services.reject_copy(copy, reviewer=other, reason="no")
    assert unchanged(copy)


def test_an_edit_makes_a_new_version_and_keeps_the_diff() -> None:
    alice, bob = people.alice(), people.bob()
    copy = shop.waiting_copy(alice)
    edited = services.edit_copy(copy, editor=bob, parts=EDIT, reason="calmer")
    assert (edited.version, edited.parent, edited.author, edited.requested_by) == (2, copy, bob, alice)
    assert (edited.status, now(copy).status) == ("pending", "edited")
    assert edited.filled["headline"] == "Canvas Tote, 20% off"
    review = Review.objects.get()
    assert (review.copy, review.decision, review.reason) == (copy, "edit", "calmer")
    assert review.diff == (f"@@ theme @@\n-{copy.theme}\n+Kept\n@@ body @@\n-{copy.body}\n+Made to stay with you.")
    assert review.after == EDIT


def test_an_edit_is_checked_anew() -> None:
    copy = shop.waiting_copy(people.alice())
    parts = {**EDIT, "body": "The best bag, 30% off."}
    edited = services.edit_copy(copy, editor=people.bob(), parts=parts)
    found = edited.findings.values_list("rule", "severity", "excerpt")
    assert set(found) == {("words.absolute", "block", "best"), ("figures.unsupported", "block", "30%")}


def test_blocked_copy_is_not_approved() -> None:
    copy = shop.waiting_copy(people.alice())
    edited = services.edit_copy(copy, editor=people.bob(), parts={**EDIT, "body": "The best bag there is."})
    with pytest.raises(errors.Conflict) as problem:
        services.approve_copy(edited, reviewer=carol())
    assert problem.value.code == "copy_blocked"
    assert problem.value.message == (
        "A check blocks this copy: “best” claims a rank that nothing here proves. Edit or reject it."
    )
    assert problem.value.data == {"rules": ["words.absolute"]}
    assert now(edited).status == "pending"


def test_an_edit_without_a_change_is_refused() -> None:
    copy = shop.waiting_copy(people.alice())
    same = {"theme": copy.theme, **queries.written_parts(copy)}
    with pytest.raises(errors.InvalidInput, match="nothing was changed"):
        services.edit_copy(copy, editor=people.bob(), parts=same)
    assert unchanged(copy)


@pytest.mark.parametrize(
    ("change", "field", "message"),
    [
        ({"headline": "  "}, "headline", "must not be empty."),
        ({"body": ""}, "body", "must not be empty."),
        ({"call_to_action": ""}, "call_to_action", "must not be empty."),
        ({"headline": "x" * 301}, "headline", "has 301 characters; 300 at most."),
        ({"theme": "x" * 121}, "theme", "has 121 characters; 120 at most."),
        ({"body": "a\x00b"}, "body", "holds a control character."),
        ({"footer": "x"}, "footer", "is not a part of a copy."),
    ],
)
def test_a_part_that_cannot_be_used_is_named(change: dict[str, Any], field: str, message: str) -> None:
    copy = shop.waiting_copy(people.alice())
    with pytest.raises(errors.InvalidInput) as problem:
        services.edit_copy(copy, editor=people.bob(), parts={**EDIT, **change})
    assert [(one.field, one.message) for one in problem.value.problems] == [(field, message)]
    assert unchanged(copy)


def test_an_edit_to_a_text_that_is_there_already_is_refused() -> None:
    alice = people.alice()
    first, second = Copy.objects.filter(campaign=shop.generated(alice), audience__key="students").order_by("id")
    twin = {"theme": first.theme, **queries.written_parts(second)}
    with pytest.raises(errors.Conflict, match="The same text is there already for this audience") as problem:
        services.edit_copy(first, editor=people.bob(), parts=twin)
    assert problem.value.code == "copy_taken"
    assert unchanged(first)


def test_a_marketer_may_edit_and_a_stranger_may_not() -> None:
    alice = people.alice()
    copy = shop.waiting_copy(alice)
    with pytest.raises(errors.Forbidden, match="You may not edit copy"):
        services.edit_copy(copy, editor=people.charlie(), parts=EDIT)
    assert unchanged(copy)
    assert services.edit_copy(copy, editor=alice, parts=EDIT).author == alice


def test_a_rejection_keeps_its_reason() -> None:
    copy, bob = shop.waiting_copy(people.alice()), people.bob()
    assert services.reject_copy(copy, reviewer=bob, reason="  too loud ").status == "rejected"
    review = Review.objects.get()
    assert (review.decision, review.reason, review.after) == ("reject", "too loud", {})


@pytest.mark.parametrize(("reason", "code"), [("  ", "missing"), ("x" * 501, "invalid")])
def test_a_rejection_needs_a_reason(reason: str, code: str) -> None:
    copy = shop.waiting_copy(people.alice())
    with pytest.raises(errors.InvalidInput) as problem:
        services.reject_copy(copy, reviewer=people.bob(), reason=reason)
    assert [(one.field, one.code) for one in problem.value.problems] == [("reason", code)]
    assert unchanged(copy)


@pytest.mark.parametrize("first", ["approve", "edit", "reject"])
def test_a_decided_copy_is_not_decided_again(first: str) -> None:
    copy, bob = shop.waiting_copy(people.alice()), people.bob()
    stale = now(copy)
    if first == "approve":
        services.approve_copy(copy, reviewer=bob)
    elif first == "edit":
        services.edit_copy(copy, editor=bob, parts=EDIT)
    else:
        services.reject_copy(copy, reviewer=bob, reason="no")
    before = (Copy.objects.count(), Review.objects.count(), AuditEntry.objects.count())
    with pytest.raises(errors.Conflict, match="This copy is no longer waiting: it is") as problem:
        services.approve_copy(stale, reviewer=bob)
    assert problem.value.code == "copy_decided"
    with pytest.raises(errors.Conflict):
        services.reject_copy(stale, reviewer=bob, reason="no")
    if first != "approve":
        with pytest.raises(errors.Conflict):
            services.edit_copy(now(copy), editor=bob, parts={**EDIT, "body": "Another."})
    assert (Copy.objects.count(), Review.objects.count(), AuditEntry.objects.count()) == before


def test_an_edit_of_approved_copy_replaces_it_only_when_approved() -> None:
    bob, second = people.bob(), carol()
    copy = shop.waiting_copy(people.alice())
    services.approve_copy(copy, reviewer=bob)
    edited = services.edit_copy(now(copy), editor=bob, parts=EDIT)
    assert (now(copy).status, edited.status) == ("approved", "pending")
    services.approve_copy(edited, reviewer=second)
    assert (now(copy).status, now(edited).status) == ("edited", "approved")
    assert queries.approved_copies(copy.campaign, copy.audience) == [edited]


def test_of_two_edits_of_one_approved_copy_the_second_is_refused() -> None:
    copy = shop.waiting_copy(people.alice())
    services.approve_copy(copy, reviewer=people.bob())
    services.edit_copy(now(copy), editor=carol(), parts=EDIT)
    with pytest.raises(errors.Conflict, match="another edit came first"):
        services.edit_copy(now(copy), editor=people.dora(), parts={**EDIT, "body": "Another."})
    assert Copy.objects.filter(parent=copy).count() == 1


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("headline", "Other"),
        ("body", "Other"),
        ("call_to_action", "Other"),
        ("theme", "Other"),
        ("filled", {"headline": "Other"}),
        ("content_hash", "0" * 64),
        ("author_id", None),
        ("requested_by_id", None),
        ("status", "pending"),
        ("status", "rejected"),
    ],
)
def test_the_database_keeps_approved_copy_as_it_is(field: str, value: Any) -> None:
    copy = services.edit_copy(shop.waiting_copy(people.alice()), editor=people.bob(), parts=EDIT)
    services.approve_copy(copy, reviewer=carol())
    before = Copy.objects.filter(pk=copy.pk).values().get()
    with pytest.raises(DatabaseError), transaction.atomic():
        Copy.objects.filter(pk=copy.pk).update(**{field: value})
    assert Copy.objects.filter(pk=copy.pk).values().get() == before


def test_the_database_keeps_reviews() -> None:
    copy = shop.waiting_copy(people.alice())
    services.reject_copy(copy, reviewer=people.bob(), reason="no")
    for change in (lambda: Review.objects.update(reason="yes"), Review.objects.all().delete):
        with pytest.raises(DatabaseError, match="reviews can only be added"), transaction.atomic():
            change()
    assert Review.objects.get().reason == "no"


def test_a_text_waiting_can_be_filled_anew() -> None:
    copy = shop.waiting_copy(people.alice())
    Product.objects.update(name_en="Linen Tote")
    bob = people.bob()
    with pytest.raises(errors.Conflict) as problem:
        services.approve_copy(copy, reviewer=bob)
    assert problem.value.code == "facts_changed"
    assert unchanged(copy)
    refilled = services.refill_copy(copy, actor=bob)
    assert refilled.filled["headline"] == "Linen Tote, 20% off"
    assert services.approve_copy(refilled, reviewer=bob).status == "approved"


def test_approved_copy_is_not_filled_anew() -> None:
    copy, bob = shop.waiting_copy(people.alice()), people.bob()
    services.approve_copy(copy, reviewer=bob)
    Product.objects.update(name_en="Linen Tote", price=Decimal(10))
    with pytest.raises(errors.Conflict, match="no longer waiting"):
        services.refill_copy(copy, actor=bob)
    assert now(copy).filled == copy.filled


def test_what_waits_for_somebody_leaves_out_their_own() -> None:
    both, bob = people.member("Alice", Role.MARKETER, Role.APPROVER), people.bob()
    shop.generated(both)
    assert queries.waiting_for(both).count() == 0
    assert queries.waiting_for(bob).count() == 4


def test_a_person_hands_in_copy_and_another_approves_it() -> None:
    alice = people.alice()
    campaign = shop.draft(alice)
    audience = campaign.audiences.get(key="students")
    copy = services.submit_copy(campaign=campaign, audience=audience, parts=EDIT, author=alice)
    assert (copy.author, copy.requested_by, copy.provenance) == (alice, alice, {"source": "person"})
    assert Campaign.objects.get().status == "review"
    with pytest.raises(errors.Conflict, match="The same text is there already"):
        services.submit_copy(campaign=campaign, audience=audience, parts=EDIT, author=alice)
    assert Copy.objects.count() == 1
    assert services.approve_copy(copy, reviewer=people.bob()).status == "approved"


def test_copy_for_a_foreign_audience_is_refused() -> None:
    alice = people.alice()
    everyone, students = shop.audiences()
    campaign = shop.draft(alice, audiences=[everyone])
    with pytest.raises(errors.InvalidInput, match=r"audience: 'students' is not an audience of this campaign."):
        services.submit_copy(campaign=campaign, audience=students, parts=EDIT, author=alice)
    assert Copy.objects.count() == 0
