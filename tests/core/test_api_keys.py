"""API keys: shown once, kept as a digest, scoped, revocable, with an end."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from core import errors
from core.models import ApiKey, AuditEntry
from core.services import api_keys
from tests import people

pytestmark = pytest.mark.django_db


def issue(**fields: object) -> tuple[ApiKey, str]:
    """A usable key for events."""
    given: dict[str, object] = {"name": "web shop", "scopes": ["events"], "created_by": None, **fields}
    return api_keys.issue_api_key(**given)  # type: ignore[arg-type]


def test_the_secret_is_stored_nowhere() -> None:
    key, secret = issue()
    row = ApiKey.objects.filter(pk=key.pk).values().get()
    assert secret.startswith(f"cl_{key.prefix}_")
    assert secret.split("_", 2)[2] not in str(row)
    assert AuditEntry.objects.get(action="api_key.issued").data == {"scopes": ["events"]}


def test_a_key_opens_its_scope_only() -> None:
    key, secret = issue()
    assert api_keys.authenticate(secret, scope="events") == key
    with pytest.raises(errors.Forbidden, match="lacks the scope 'decide'"):
        api_keys.authenticate(secret, scope="decide")


@pytest.mark.parametrize(
    ("secret", "code"),
    [
        ("", "key_missing"),
        ("Basic abc", "key_malformed"),
        ("cl_0000", "key_malformed"),
        ("cl_00000000_wrong", "key_unknown"),
    ],
)
def test_what_is_no_key_of_ours_is_refused(secret: str, code: str) -> None:
    issue()
    with pytest.raises(errors.Unauthenticated) as refused:
        api_keys.authenticate(secret, scope="events")
    assert refused.value.code == code


def test_the_right_prefix_with_a_wrong_secret_is_refused() -> None:
    key, _secret = issue()
    with pytest.raises(errors.Unauthenticated) as refused:
        api_keys.authenticate(f"cl_{key.prefix}_guess", scope="events")
    assert refused.value.code == "key_unknown"


def test_a_revoked_key_is_refused_and_can_be_revoked_once() -> None:
    key, secret = issue()
    dora = people.dora()
    assert api_keys.revoke_api_key(key, actor=dora) is True
    assert api_keys.revoke_api_key(key, actor=dora) is False
    assert AuditEntry.objects.filter(action="api_key.revoked").count() == 1
    with pytest.raises(errors.Unauthenticated) as refused:
        api_keys.authenticate(secret, scope="events")
    assert refused.value.code == "key_revoked"


def test_a_key_past_its_end_is_refused() -> None:
    key, secret = issue(expires_at=timezone.now() + timedelta(hours=1))
    ApiKey.objects.filter(pk=key.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    with pytest.raises(errors.Unauthenticated) as refused:
        api_keys.authenticate(secret, scope="events")
    assert refused.value.code == "key_expired"


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"name": "  "}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"scopes": []}, "scopes"),
        ({"scopes": ["everything"]}, "scopes"),
        ({"expires_at": timezone.now() - timedelta(days=1)}, "expires_at"),
    ],
)
def test_a_bad_request_names_the_field_and_makes_nothing(fields: dict[str, object], field: str) -> None:
    with pytest.raises(errors.InvalidInput) as refused:
        issue(**fields)
    assert [problem.field for problem in refused.value.problems] == [field]
    assert ApiKey.objects.count() == 0
    assert AuditEntry.objects.count() == 0


def test_last_use_is_noted_at_most_once_a_minute() -> None:
    key, secret = issue()
    api_keys.authenticate(secret, scope="events")
    first = ApiKey.objects.get(pk=key.pk).last_used_at
    api_keys.authenticate(secret, scope="events")
    assert ApiKey.objects.get(pk=key.pk).last_used_at == first is not None


def test_an_administrator_makes_a_key_on_the_page_and_sees_it_once(client: Client) -> None:
    client.force_login(people.dora())
    made = client.post(reverse("core:api_keys"), {"name": "web shop", "scopes": ["events", "decide"]})
    key = ApiKey.objects.get()
    assert f"cl_{key.prefix}_" in made.content.decode()
    assert "no-store" in made["Cache-Control"]
    again = client.get(reverse("core:api_keys")).content.decode()
    assert 'class="secret"' not in again
    assert f"cl_{key.prefix}_…" in again


def test_an_administrator_revokes_a_key_on_the_page(client: Client) -> None:
    key, _secret = issue()
    client.force_login(people.dora())
    client.post(reverse("core:api_key_revoke", args=[key.pk]))
    assert ApiKey.objects.get().revoked_at is not None


def test_a_marketer_may_not_make_a_key(client: Client) -> None:
    client.force_login(people.alice())
    assert client.post(reverse("core:api_keys"), {"name": "mine", "scopes": ["events"]}).status_code == 403
    assert ApiKey.objects.count() == 0
