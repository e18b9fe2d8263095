"""The review queue of the dashboard, with Alice (who asked), Bob (approver) and Charlie (no role)."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from campaigns import review_page, services
from campaigns.models import Copy, Review
from core.models import User
from core.roles import Role
from tests import people
from tests.campaigns import shop

pytestmark = pytest.mark.django_db

QUEUE = "/review/"


def signed_in(member: User) -> Client:
    """A browser of this member."""
    client = Client()
    client.force_login(member)
    return client


def door(copy: Copy, name: str) -> str:
    """The address of a door of one copy."""
    return reverse(f"campaigns:review_{name}", args=[copy.pk])


def text(response: Any) -> str:
    """The page, white space folded."""
    return " ".join(response.content.decode().split())


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


def test_the_queue_lists_what_waits_and_filters(bob: Client, copy: Copy) -> None:
    services.reject_copy(copy, reviewer=people.dora(), reason="no")
    for query, expected in (
        ("", 3),
        ("?state=rejected", 1),
        ("?state=all&campaign=autumn", 4),
        ("?audience=everyone", 2),
        ("?channel=sms", 0),
        ("?findings=block", 0),
        ("?campaign=nothing&page=x", 3),
    ):
        response = bob.get(QUEUE + query)
        assert response.status_code == 200
        assert response.context["page"].paginator.count == expected, query


def test_one_page_shows_text_facts_origin_and_doors(bob: Client, copy: Copy) -> None:
    shown = text(bob.get(door(copy, "copy")))
    for words in ("Canvas Tote, 20% off", "{discount}", "Autumn bags", "Alice", "fake", 'id="review-keys"'):
        assert words in shown
    for name in ("approve", "reject", "edit"):
        assert door(copy, name) in shown


def test_bob_approves_the_text_he_saw_and_goes_on(bob: Client, copy: Copy) -> None:
    assert bob.post(door(copy, "approve"), {"seen": "0" * 16}).status_code == 409
    assert state(copy) == ("pending", 0, 0)
    response = bob.post(door(copy, "approve"), {"seen": review_page.seen(copy)})
    following = Copy.objects.filter(audience=copy.audience, status="pending")[0]
    assert (response.status_code, response["Location"]) == (302, door(following, "copy"))
    assert state(copy) == ("approved", 1, 0)


def test_bob_rejects_with_a_kind_and_edits(bob: Client, copy: Copy) -> None:
    assert bob.post(door(copy, "reject"), {"kind": "other", "reason": " "}).status_code == 422
    assert state(copy) == ("pending", 0, 0)
    assert bob.post(door(copy, "edit"), {**shop.GOOD, "body": "Made to stay."}).status_code == 302
    edited = Copy.objects.get(parent=copy)
    shown = text(bob.get(door(edited, "copy")))
    assert "<ins>" in shown
    assert "so another approver has to approve it" in shown
    assert bob.post(door(edited, "reject"), {"kind": "clumsy"}).status_code == 302
    assert "Clumsy or wrong language" in text(bob.get(door(edited, "copy")))


def test_who_asked_and_who_has_no_role_decide_nothing(copy: Copy) -> None:
    alice, charlie = signed_in(User.objects.get(email="alice@shop.test")), signed_in(people.charlie())
    for client in (alice, charlie):
        for name in ("approve", "reject"):
            form = {"seen": review_page.seen(copy), "kind": "legal"}
            assert client.post(door(copy, name), form).status_code == 403
    assert charlie.get(QUEUE).status_code == 403
    assert charlie.get(door(copy, "copy")).status_code == 403
    assert charlie.post(door(copy, "edit"), shop.GOOD).status_code == 403
    assert Client().get(QUEUE).status_code == 302
    assert state(copy) == ("pending", 0, 0)


def test_a_stranger_to_the_brand_finds_nothing(bob: Client, copy: Copy) -> None:
    copy.campaign.brand.members.add(User.objects.get(email="alice@shop.test"))
    response = bob.get(QUEUE)
    assert response.context["page"].paginator.count == 0
    assert "Autumn bags" not in text(response)
    assert "Lumen" not in text(response)
    assert bob.get(door(copy, "copy")).status_code == 404
    for name in ("approve", "reject", "edit"):
        form = {**shop.GOOD, "seen": review_page.seen(copy), "kind": "legal"}
        assert bob.post(door(copy, name), form).status_code == 404
    bob.post("/review/approve/", {"chosen": [f"{copy.pk}:{review_page.seen(copy)}"]})
    assert state(copy) == ("pending", 0, 0)


def test_many_at_once_only_as_seen_and_without_a_finding(bob: Client, copy: Copy) -> None:
    edited = services.edit_copy(copy, editor=people.dora(), parts={**shop.GOOD, "body": "The best bag."})
    fine, stale = Copy.objects.filter(status="pending", version=1).order_by("id")[:2]
    assert f'value="{edited.pk}:' not in text(bob.get(QUEUE))
    chosen = [
        f"{fine.pk}:{review_page.seen(fine)}",
        f"{stale.pk}:{'0' * 16}",
        f"{edited.pk}:{review_page.seen(edited)}",
    ]
    response = bob.post("/review/approve/", {"chosen": [*chosen, "x", "9" * 40]}, follow=True)
    assert "1 approval was given." in text(response)
    assert "was left out: A check blocks this copy:" in text(response)
    assert "was left out: The text changed since this page was opened." in text(response)
    states = {one.pk: one.status for one in Copy.objects.all()}
    assert (states[fine.pk], states[stale.pk], states[edited.pk]) == ("approved", "pending", "pending")


def test_text_of_others_is_escaped_and_kept_in_its_direction(bob: Client, copy: Copy) -> None:
    parts = {
        **shop.GOOD,
        "headline": "<script>alert(1)</script>\u202eabc\u200b😀 {product}",
        "body": "<b>bold</b> {discount}",
    }
    edited = services.edit_copy(copy, editor=people.dora(), parts=parts)
    for address in (QUEUE, door(edited, "copy")):
        shown = bob.get(address).content.decode()
        assert "<script>alert" not in shown
        assert "<b>bold" not in shown
        assert "<bdi>&lt;script&gt;alert(1)&lt;/script&gt;\u202eabc\u200b😀" in shown


def test_pages_read_little_with_a_hundred_waiting(bob: Client, django_assert_max_num_queries: Any) -> None:
    copy = shop.waiting_copy(people.member("Owner", Role.MARKETER))
    Copy.objects.bulk_create(
        Copy(
            campaign=copy.campaign,
            audience=copy.audience,
            product=copy.product,
            headline=f"H{number}",
            filled={"headline": f"H{number}"},
            content_hash=f"{number:064d}",
            requested_by=copy.requested_by,
        )
        for number in range(100)
    )
    for address in (QUEUE, door(copy, "copy")):
        with django_assert_max_num_queries(15):
            assert bob.get(address).status_code == 200
