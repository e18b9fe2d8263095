"""A stranger's files are turned away before a byte of them is read; members meet the limit of the door."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from tests import people

pytestmark = pytest.mark.django_db
FORM = "multipart/form-data; boundary=b"


class Unread(BytesIO):
    """A body that must not be touched."""

    def read(self, *_: Any) -> bytes:
        """Fails the test."""
        raise AssertionError("the body was read")


def sent(client: Client, url: str, length: int, **headers: str) -> Any:
    """A form that says of itself how long it is."""
    more: dict[str, Any] = {"wsgi.input": Unread(), "CONTENT_LENGTH": str(length), **headers}
    return client.generic("POST", url, b"x", content_type=FORM, **more)


@pytest.mark.parametrize(
    "url", [reverse("login"), reverse("campaigns:product_import"), "/api/v1/events", "/snippet/v1.js"]
)
def test_a_strangers_large_form_is_not_read(url: str) -> None:
    answer = sent(Client(enforce_csrf_checks=True), url, 9 * 1024**2, HTTP_COOKIE="csrftoken=" + "a" * 32)
    assert answer.status_code == 413
    assert (b"Too much" in answer.content) or answer.json()["code"] == "too_large"


def test_a_small_form_of_a_stranger_and_a_members_upload_pass_on(client: Client, settings: Any) -> None:
    people.alice()
    form = {"username": "alice@shop.test", "password": people.PASSWORD}
    assert client.post(reverse("login"), form).status_code == 302
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100
    assert client.post(reverse("campaigns:product_import"), {"file": BytesIO(b"x" * 1000)}).status_code != 413


@pytest.mark.parametrize("length", ["", "many", "-1"])
def test_a_length_that_is_no_number_stops_nothing(client: Client, length: str) -> None:
    answer = client.generic("POST", reverse("login"), b"", content_type=FORM, CONTENT_LENGTH=length)
    assert answer.status_code < 500
