"""A form without its token changes nothing, and the page that says so is ours, in the reader's language."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from core.models import User
from tests import people

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(("language", "said"), [("en", "open for too long"), ("zh-hans", "页面打开过久")])
def test_the_page_is_ours_and_nothing_changed(language: str, said: str) -> None:
    alice = people.alice()
    User.objects.filter(pk=alice.pk).update(language=language)
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice)
    answer = client.post(reverse("core:settings"), {"name": "Mallory", "language": "en"})
    assert answer.status_code == 403
    page = answer.content.decode()
    assert said in page
    assert 'class="top"' in page
    assert User.objects.get(pk=alice.pk).name == "Alice"


def test_the_sign_in_asks_for_a_token_too() -> None:
    people.alice()
    client = Client(enforce_csrf_checks=True)
    answer = client.post(reverse("login"), {"username": "alice@shop.test", "password": people.PASSWORD})
    assert answer.status_code == 403
    assert "_auth_user_id" not in client.session
