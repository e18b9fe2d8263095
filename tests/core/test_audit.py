"""The audit trail only grows, whoever asks."""

from __future__ import annotations

import pytest
from django.db import InternalError, ProgrammingError, connection, transaction

from core import audit
from core.models import AuditEntry
from core.request_id import enter_request
from tests import people

pytestmark = pytest.mark.django_db


def test_an_entry_says_who_did_what_to_which_thing() -> None:
    alice, charlie = people.alice(), people.charlie()
    enter_request("request-0001")
    audit.record("member.invited", charlie, actor=alice, role="analyst")
    entry = AuditEntry.objects.get()
    assert (entry.actor_id, entry.actor_label, entry.action) == (alice.pk, "alice@shop.test", "member.invited")
    assert (entry.object_type, entry.object_id, entry.object_label) == ("core.User", str(charlie.pk), "Charlie")
    assert (entry.data, entry.request_id) == ({"role": "analyst"}, "request-0001")


@pytest.mark.parametrize(
    "statement",
    ["update core_auditentry set action = 'nothing'", "delete from core_auditentry", "truncate core_auditentry"],
)
def test_the_database_refuses_to_change_history(statement: str) -> None:
    audit.record("member.invited", people.charlie(), actor=None)
    with (
        pytest.raises((ProgrammingError, InternalError), match="can only be added to"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)
    assert list(AuditEntry.objects.values_list("action", "actor_label")) == [("member.invited", "platform")]


def test_deleting_a_member_leaves_their_history() -> None:
    alice = people.alice()
    audit.record("member.renamed", alice, actor=alice)
    alice.delete()
    assert AuditEntry.objects.get().actor_label == "alice@shop.test"
