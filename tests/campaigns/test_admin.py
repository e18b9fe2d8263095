"""The approver's page in the admin, with Alice (who asked), Bob (approver) and Charlie (no role)."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from campaigns import audiences as rules
from campaigns import review_page, services
from campaigns.models import Audience, Brand, Campaign, Copy, PriceRecord, Product, Review
from core.models import User
from core.roles import Role
from tests import people
from tests.campaigns import shop

pytestmark = pytest.mark.django_db

LIST = "/admin/campaigns/copy/"


def signed_in(member: User) -> Client:
    """A browser of this member, let into the admin."""
    User.objects.filter(pk=member.pk).update(is_staff=True)
    client = Client()
    client.force_login(User.objects.get(pk=member.pk))
    return client


def page(copy: Copy) -> str:
    """The address of a copy's page."""
    return reverse("admin:campaigns_copy_change", args=[copy.pk])


def door(copy: Copy, name: str) -> str:
    """The address of one of the three doors."""
    return reverse(f"admin:campaigns_copy_{name}", args=[copy.pk])


def state(copy: Copy) -> tuple[str, int, int]:
    """Status, reviews, edits: what a refused request must leave as it was."""
    row = Copy.objects.get(pk=copy.pk)
    return row.status, Review.objects.count(), Copy.objects.filter(parent=copy).count()


@pytest.fixture
def copy() -> Copy:
    """A waiting copy that Alice asked for."""
    return shop.waiting_copy(people.alice())


@pytest.fixture
def bob() -> Client:
    """The approver's browser."""
    return signed_in(people.bob())


@pytest.fixture
def alice(copy: Copy) -> Client:
    """The browser of who asked."""
    assert copy.requested_by is not None
    return signed_in(copy.requested_by)


@pytest.fixture
def charlie() -> Client:
    """The browser of somebody without a role."""
    return signed_in(people.charlie())


def text(response: Any) -> str:
    """The page, white space folded."""
    return " ".join(response.content.decode().split())


# --- looking ------------------------------------------------------------------------------------------------------
def test_bob_sees_the_text_the_brief_and_the_doors(bob: Client, copy: Copy) -> None:
    response = bob.get(page(copy))
    shown = text(response)
    assert response.status_code == 200
    for words in ("Canvas Tote, 20% off", copy.body, "{discount}", "Autumn bags", "Students", "Alice", "fake"):
        assert words in shown
    for name in ("approve", "edit", "reject"):
        assert door(copy, name) in shown
    assert "3 more of this campaign wait for you." in shown


def test_alice_sees_why_she_may_not_approve(alice: Client, copy: Copy) -> None:
    response = alice.get(page(copy))
    assert response.status_code == 200
    assert door(copy, "approve") not in text(response)
    assert door(copy, "reject") not in text(response)
    assert door(copy, "edit") in text(response)
    assert "so another approver has to approve it" in text(response)


def test_charlie_sees_nothing(charlie: Client, copy: Copy) -> None:
    assert charlie.get(page(copy)).status_code == 403
    assert charlie.get(LIST).status_code == 403


def test_strangers_are_asked_to_sign_in(copy: Copy) -> None:
    response = Client().get(page(copy))
    assert (response.status_code, response["Location"]) == (302, f"/admin/login/?next={page(copy)}")
    assert Client().post(door(copy, "approve")).status_code == 302
    assert state(copy) == ("pending", 0, 0)


def test_no_such_copy(bob: Client) -> None:
    assert bob.get(f"{LIST}987654/change/").status_code == 404
    assert bob.get(f"{LIST}nothing/change/").status_code == 404
    assert bob.post(f"{LIST}987654/approve/").status_code == 404


def test_text_of_models_and_people_is_escaped(bob: Client, copy: Copy) -> None:
    parts = {**shop.GOOD, "headline": "<script>alert(1)</script> {product}", "body": "<b>bold</b> & {discount}"}
    edited = services.edit_copy(copy, editor=people.dora(), parts=parts)
    for response in (bob.get(page(edited)), bob.get(LIST), bob.get("/admin/campaigns/review/")):
        assert response.status_code == 200
        assert "<script>alert" not in response.content.decode()
        assert "<b>bold" not in response.content.decode()


@pytest.mark.parametrize("channel", ["search_ad", "push", "sms", "email", "banner", "product_page"])
def test_each_channel_has_its_frame(channel: str, bob: Client) -> None:
    copy = shop.waiting_copy(people.member("Owner", Role.MARKETER), channel=channel)
    response = bob.get(page(copy))
    assert response.status_code == 200
    assert f'class="frame {channel}"' in text(response)


def test_findings_are_marked_in_the_text(bob: Client, copy: Copy) -> None:
    parts = {**shop.GOOD, "body": "The best bag, 30% off."}
    edited = services.edit_copy(copy, editor=people.dora(), parts=parts)
    shown = text(bob.get(page(edited)))
    assert '<mark class="block">best</mark>' in shown
    assert '<mark class="block">30%</mark>' in shown
    assert "A check blocks this copy. Edit it or reject it." in shown
    assert door(edited, "approve") not in shown
    assert "<del>" in shown
    assert "<ins>" in shown


def test_the_list_opens_with_what_waits(bob: Client, copy: Copy) -> None:
    services.reject_copy(copy, reviewer=people.dora(), reason="no")
    waiting = bob.get(LIST)
    assert waiting.status_code == 200
    assert waiting.context["cl"].result_count == 3
    assert bob.get(f"{LIST}?state=rejected").context["cl"].result_count == 1
    assert bob.get(f"{LIST}?state=all").context["cl"].result_count == 4


def test_the_list_filters_by_what_the_checks_found(bob: Client, copy: Copy) -> None:
    dora = people.dora()
    services.edit_copy(copy, editor=dora, parts={**shop.GOOD, "body": "The best bag."})
    other = Copy.objects.filter(status="pending", version=1)[0]
    services.edit_copy(other, editor=dora, parts={**shop.GOOD, "body": "An eco-friendly bag. Hurry."})
    counts = {name: bob.get(f"{LIST}?checks={name}").context["cl"].result_count for name in ("block", "warn", "clean")}
    assert counts == {"block": 1, "warn": 1, "clean": 2}


# --- approving ----------------------------------------------------------------------------------------------------
def test_bob_approves_and_goes_on_to_the_next(bob: Client, copy: Copy) -> None:
    response = bob.post(door(copy, "approve"), {"seen": review_page.seen(copy), "reason": "clear"})
    following = Copy.objects.filter(audience=copy.audience, status="pending").order_by("id")[0]
    assert (response.status_code, response["Location"]) == (302, page(following))
    assert state(copy) == ("approved", 1, 0)
    assert Review.objects.get().reason == "clear"


def test_after_the_last_one_the_list(bob: Client, copy: Copy) -> None:
    for other in Copy.objects.exclude(pk=copy.pk):
        services.reject_copy(other, reviewer=people.member(f"A{other.pk}", Role.APPROVER), reason="no")
    response = bob.post(door(copy, "approve"), {"seen": review_page.seen(copy)})
    assert (response.status_code, response["Location"]) == (302, LIST)


def test_alice_and_charlie_do_not_approve(alice: Client, charlie: Client, copy: Copy) -> None:
    for client in (alice, charlie):
        assert client.post(door(copy, "approve"), {"seen": review_page.seen(copy)}).status_code == 403
    assert state(copy) == ("pending", 0, 0)


def test_alice_does_not_approve_her_own_even_as_an_approver(alice: Client, copy: Copy) -> None:
    assert copy.requested_by is not None
    both = people.member("Second", Role.APPROVER).groups.all()
    copy.requested_by.groups.add(*both)
    assert alice.post(door(copy, "approve"), {"seen": review_page.seen(copy)}).status_code == 403
    assert state(copy) == ("pending", 0, 0)


def test_a_decision_counts_only_for_the_text_on_the_page(bob: Client, copy: Copy) -> None:
    response = bob.post(door(copy, "approve"), {"seen": "0" * 16})
    assert response.status_code == 409
    assert "The text changed since this page was opened. Look again." in text(response)
    assert state(copy) == ("pending", 0, 0)


def test_changed_facts_are_filled_in_and_shown_again(bob: Client, copy: Copy) -> None:
    Product.objects.update(name_en="Linen Tote")
    response = bob.post(door(copy, "approve"), {"seen": review_page.seen(copy)})
    assert response.status_code == 409
    assert "Linen Tote, 20% off" in text(response)
    assert "The facts have changed since this text was filled in." in text(response)
    assert state(copy) == ("pending", 0, 0)
    fresh = Copy.objects.get(pk=copy.pk)
    assert bob.post(door(copy, "approve"), {"seen": review_page.seen(fresh)}).status_code == 302
    assert state(copy)[0] == "approved"


def test_a_copy_decided_by_somebody_else_meanwhile(bob: Client, copy: Copy) -> None:
    services.reject_copy(copy, reviewer=people.dora(), reason="first")
    response = bob.post(door(copy, "approve"), {"seen": review_page.seen(copy)})
    assert response.status_code == 409
    assert "This copy is no longer waiting: it is rejected." in text(response)
    assert state(copy) == ("rejected", 1, 0)


@pytest.mark.parametrize("name", ["approve", "edit", "reject"])
def test_a_door_takes_only_posts_with_a_token(name: str, bob: Client, copy: Copy) -> None:
    assert bob.get(door(copy, name)).status_code == 405
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(User.objects.get(email="bob@shop.test"))
    assert strict.post(door(copy, name), {"reason": "no", "seen": review_page.seen(copy)}).status_code == 403
    assert state(copy) == ("pending", 0, 0)


def test_the_page_itself_takes_no_post(bob: Client, copy: Copy) -> None:
    assert bob.post(page(copy), {"headline": "Other", "status": "approved"}).status_code == 405
    assert state(copy) == ("pending", 0, 0)


# --- rejecting and editing ----------------------------------------------------------------------------------------
def test_bob_rejects_with_a_reason(bob: Client, copy: Copy) -> None:
    assert bob.post(door(copy, "reject"), {"reason": "too loud"}).status_code == 302
    assert state(copy) == ("rejected", 1, 0)
    assert "too loud" in text(bob.get(page(copy)))


def test_a_rejection_without_a_reason(bob: Client, copy: Copy) -> None:
    response = bob.post(door(copy, "reject"), {"reason": " "})
    assert response.status_code == 422
    assert "Reason: say why, so that the next copy is better." in text(response)
    assert state(copy) == ("pending", 0, 0)


def test_alice_and_charlie_do_not_reject(alice: Client, charlie: Client, copy: Copy) -> None:
    for client in (alice, charlie):
        assert client.post(door(copy, "reject"), {"reason": "no"}).status_code == 403
    assert state(copy) == ("pending", 0, 0)


def test_bob_edits_and_may_not_approve_his_edit(bob: Client, copy: Copy) -> None:
    assert bob.post(door(copy, "edit"), {**shop.GOOD, "body": "Made to stay.", "reason": "calmer"}).status_code == 302
    assert state(copy) == ("edited", 1, 1)
    edited = Copy.objects.get(parent=copy)
    assert (edited.body, edited.version, edited.author) == ("Made to stay.", 2, User.objects.get(email="bob@shop.test"))
    shown = text(bob.get(page(edited)))
    assert "calmer" in shown
    assert "so another approver has to approve it" in shown
    assert bob.post(door(edited, "approve"), {"seen": review_page.seen(edited)}).status_code == 403
    carol = signed_in(people.member("Carol", Role.APPROVER))
    assert carol.post(door(edited, "approve"), {"seen": review_page.seen(edited)}).status_code == 302
    assert state(edited)[0] == "approved"


def test_what_was_typed_stays_when_an_edit_is_refused(bob: Client, copy: Copy) -> None:
    response = bob.post(door(copy, "edit"), {**shop.GOOD, "headline": "x" * 301})
    assert response.status_code == 422
    assert "Headline: has 301 characters; 300 at most." in text(response)
    assert "Made to stay with you, until {deadline}." in text(response)
    assert state(copy) == ("pending", 0, 0)


def test_alice_may_edit_and_charlie_may_not(alice: Client, charlie: Client, copy: Copy) -> None:
    assert charlie.post(door(copy, "edit"), shop.GOOD).status_code == 403
    assert state(copy) == ("pending", 0, 0)
    response = alice.post(door(copy, "edit"), {**shop.GOOD, "body": "Made to stay."})
    assert (response.status_code, response["Location"]) == (302, LIST)
    assert state(copy) == ("edited", 1, 1)


# --- many at once -------------------------------------------------------------------------------------------------
def chosen(*copies: Copy) -> dict[str, Any]:
    """The form of the list with these rows ticked."""
    return {"action": "approve_selected", "_selected_action": [copy.pk for copy in copies]}


def test_many_are_approved_and_the_blocked_one_is_named(bob: Client, copy: Copy) -> None:
    edited = services.edit_copy(copy, editor=people.dora(), parts={**shop.GOOD, "body": "The best bag."})
    waiting = list(Copy.objects.filter(status="pending"))
    response = bob.post(LIST, chosen(*waiting), follow=True)
    assert response.status_code == 200
    assert "3 copies were approved." in text(response)
    assert "A check blocks this copy: “best” claims a rank that nothing here proves." in text(response)
    assert Copy.objects.get(pk=edited.pk).status == "pending"
    assert Copy.objects.filter(status="approved").count() == 3


def test_alice_and_charlie_have_no_such_action(alice: Client, charlie: Client, copy: Copy) -> None:
    assert "approve_selected" not in text(alice.get(LIST))
    alice.post(LIST, chosen(copy))
    assert charlie.post(LIST, chosen(copy)).status_code == 403
    assert state(copy) == ("pending", 0, 0)


# --- brands with members --------------------------------------------------------------------------------------
def test_a_stranger_to_the_brand_finds_nothing_in_the_admin_and_decides_nothing(bob: Client, copy: Copy) -> None:
    copy.campaign.brand.members.add(User.objects.get(email="alice@shop.test"))
    for path in (LIST, "/admin/campaigns/campaign/", "/admin/campaigns/review/", "/admin/campaigns/brand/"):
        response = bob.get(path)
        assert response.status_code == 200
        assert response.context["cl"].result_count == 0
        for words in ("Autumn bags", "Canvas Tote", "Lumen"):
            assert words not in text(response)
    assert bob.get(page(copy)).status_code == 404
    for name in ("approve", "edit", "reject"):
        form = {**shop.GOOD, "seen": review_page.seen(copy), "reason": "no"}
        assert bob.post(door(copy, name), form).status_code == 404
    bob.post(LIST, chosen(copy))
    assert state(copy) == ("pending", 0, 0)


def test_a_colleague_of_the_brand_decides(bob: Client, copy: Copy) -> None:
    copy.campaign.brand.members.add(*User.objects.all())
    assert bob.post(door(copy, "approve"), {"seen": review_page.seen(copy)}).status_code == 302
    assert state(copy)[0] == "approved"


# --- two approvers ------------------------------------------------------------------------------------------------
def test_the_page_says_that_a_second_approver_is_wanted(bob: Client, copy: Copy) -> None:
    Brand.objects.update(second_approver_from=0)
    assert "two approvers have to approve this copy" in text(bob.get(page(copy)))
    bob.post(door(copy, "approve"), {"seen": review_page.seen(copy)})
    shown = text(bob.get(page(copy)))
    assert "so a second approver has to look at it" in shown
    assert door(copy, "approve") not in shown
    carol = signed_in(people.member("Carol", Role.APPROVER))
    assert "Approved once, by Bob." in text(carol.get(page(copy)))
    assert carol.post(door(copy, "approve"), {"seen": review_page.seen(copy)}).status_code == 302
    assert state(copy)[0] == "approved"
    assert copy.content_hash[:16] in text(carol.get(page(copy)))


def test_many_at_once_leave_out_what_asks_to_be_looked_at(bob: Client, copy: Copy) -> None:
    parts = {**shop.GOOD, "body": "An eco-friendly bag. Hurry."}
    edited = services.edit_copy(copy, editor=people.dora(), parts=parts)
    response = bob.post(LIST, chosen(edited), follow=True)
    assert "A check asks to look closely:" in text(response)
    assert state(edited) == ("pending", 1, 0)


def test_a_rejection_names_a_kind(bob: Client, copy: Copy) -> None:
    assert bob.post(door(copy, "reject"), {"kind": "too_pushy", "reason": "<b>shouts</b>"}).status_code == 302
    assert Review.objects.get().reason == "too_pushy: <b>shouts</b>"
    shown = text(bob.get(page(copy)))
    assert "Too pushy" in shown
    assert "<bdi>&lt;b&gt;shouts&lt;/b&gt;</bdi>" in shown


def test_an_unknown_kind_is_refused(bob: Client, copy: Copy) -> None:
    assert bob.post(door(copy, "reject"), {"kind": "mood", "reason": "no"}).status_code == 422
    assert state(copy) == ("pending", 0, 0)


# --- the rest of the admin ----------------------------------------------------------------------------------------
def test_copy_is_neither_added_nor_deleted_here(bob: Client, copy: Copy) -> None:
    assert bob.get(f"{LIST}add/").status_code == 403
    assert bob.post(f"{LIST}{copy.pk}/delete/", {"post": "yes"}).status_code == 403
    assert state(copy) == ("pending", 0, 0)


def test_every_list_and_page_opens_for_an_administrator(copy: Copy) -> None:
    dora = signed_in(people.dora())
    for model, pk in (
        ("brand", Brand.objects.get().pk),
        ("product", Product.objects.get().pk),
        ("audience", Audience.objects.order_by("id")[0].pk),
        ("campaign", Campaign.objects.get().pk),
    ):
        assert dora.get(f"/admin/campaigns/{model}/").status_code == 200
        assert dora.get(f"/admin/campaigns/{model}/{pk}/change/").status_code == 200


def test_a_rule_that_cannot_be_evaluated_is_refused(copy: Copy) -> None:
    dora, audience = signed_in(people.dora()), Audience.objects.get(key="everyone")
    form = {"key": "everyone", "name_en": "Everyone", "rule": '[{"attribute": "age", "operator": "like", "value": 1}]'}
    response = dora.post(f"/admin/campaigns/audience/{audience.pk}/change/", form)
    assert response.status_code == 200
    assert f"rule.0.operator: must be one of {', '.join(rules.OPERATORS)}" in text(response)
    assert Audience.objects.get(key="everyone").rule == []


def test_a_changed_price_leaves_a_record(copy: Copy) -> None:
    dora, bag = signed_in(people.dora()), Product.objects.get()
    form = {
        **{name: getattr(bag, name) for name in ("sku", "category", "name_en", "name_zh", "currency", "stock")},
        "brand": bag.brand_id,
        "attributes": "{}",
        "price": "39.90",
        **{f"prices-{name}": 0 for name in ("TOTAL_FORMS", "INITIAL_FORMS", "MIN_NUM_FORMS", "MAX_NUM_FORMS")},
    }
    assert dora.post(f"/admin/campaigns/product/{bag.pk}/change/", form).status_code == 302
    assert [str(record.price) for record in PriceRecord.objects.all()] == ["39.90"]
