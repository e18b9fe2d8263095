"""The team's rooms in the settings: members, notifications, the audit trail, and a password that was forgotten."""

from __future__ import annotations

import csv
import io
import re
from typing import Any

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from core import audit, errors, queries
from core.files import formula_safe
from core.mail_settings import mail_settings
from core.models import AuditEntry, Notice, NoticeChoice, NoticeKind, User
from core.services import members, notices
from tests import people

pytestmark = pytest.mark.django_db
NEW = {"email": "Eve@Shop.test", "name": "Eve", "roles": ["marketer"], "language": "en"}


def link_in(message: Any) -> str:
    found = re.search(r"https?://[^/\s]+(/password/new/\S+)", message.body)
    assert found, message.body
    return found[1]


@pytest.mark.parametrize("person", [people.alice, people.bob, people.ana, people.charlie])
def test_only_an_administrator_sees_and_changes_the_team(client: Client, person: Any) -> None:
    dora = people.dora()
    client.force_login(person())
    before = (User.objects.count(), AuditEntry.objects.count())
    assert client.get(reverse("core:members")).status_code == 403
    assert client.post(reverse("core:members"), NEW).status_code == 403
    assert client.post(reverse("core:member", args=[dora.pk]), {"name": "x"}).status_code == 403
    assert (User.objects.count(), AuditEntry.objects.count(), len(mail.outbox)) == (*before, 0)
    assert User.objects.get(pk=dora.pk).role_names == {"administrator"}


def test_an_invited_member_sets_a_password_and_signs_in(client: Client) -> None:
    client.force_login(people.dora())
    client.post(reverse("core:members"), NEW)
    eve = User.objects.get(email="eve@shop.test")
    assert eve.role_names == {"marketer"}
    assert not eve.has_usable_password()
    assert mail.outbox[0].to == ["eve@shop.test"]
    fresh = Client()
    form = fresh.get(link_in(mail.outbox[0]), follow=True)
    url = form.redirect_chain[-1][0]
    words = {"new_password1": "a-quite-long-word-9", "new_password2": "a-quite-long-word-9"}
    assert fresh.post(url, words).status_code == 302
    assert fresh.login(username="eve@shop.test", password="a-quite-long-word-9")
    used = Client().get(link_in(mail.outbox[0]), follow=True).content.decode()
    assert "used already" in used


def test_who_let_the_link_grow_old_gets_a_new_one_and_who_has_a_password_does_not(client: Client) -> None:
    client.force_login(people.dora())
    client.post(reverse("core:members"), NEW)
    eve, alice = User.objects.get(email="eve@shop.test"), people.alice()
    client.post(reverse("core:member_again", args=[eve.pk]))
    client.post(reverse("core:member_again", args=[alice.pk]))
    assert [message.to for message in mail.outbox] == [["eve@shop.test"], ["eve@shop.test"]]
    client.force_login(alice)
    assert client.post(reverse("core:member_again", args=[eve.pk])).status_code == 403
    assert len(mail.outbox) == 2


def test_an_address_is_invited_once(client: Client) -> None:
    client.force_login(people.dora())
    people.alice()
    page = client.post(reverse("core:members"), {**NEW, "email": "ALICE@shop.test"}).content.decode()
    assert "is a member already" in page
    assert mail.outbox == []


def test_nobody_is_invited_where_the_e_mail_cannot_go(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    client.force_login(people.dora())

    def refuse(*_: Any, **__: Any) -> None:
        raise ConnectionRefusedError

    monkeypatch.setattr(members, "send_mail", refuse)
    assert "could not be sent" in client.post(reverse("core:members"), NEW).content.decode()
    assert not User.objects.filter(email="eve@shop.test").exists()


def test_the_last_administrator_stays_one(client: Client) -> None:
    dora = people.dora()
    client.force_login(dora)
    for change in ({"roles": ["analyst"], "is_active": "on"}, {"roles": ["administrator"]}):
        page = client.post(reverse("core:member", args=[dora.pk]), {"name": "Dora", **change}).content.decode()
        assert "the only administrator" in page
    dora.refresh_from_db()
    assert dora.is_active
    assert User.objects.get(pk=dora.pk).role_names == {"administrator"}


def test_a_role_is_given_and_taken_and_both_are_in_the_trail(client: Client) -> None:
    alice, dora = people.alice(), people.dora()
    client.force_login(dora)
    sent = {"name": "Alice", "roles": ["analyst", "approver"], "is_active": "on"}
    client.post(reverse("core:member", args=[alice.pk]), sent)
    assert User.objects.get(pk=alice.pk).role_names == {"analyst", "approver"}
    entry = AuditEntry.objects.get(action="member.changed")
    assert (entry.data["roles_before"], entry.data["roles"]) == (["marketer"], ["analyst", "approver"])


def test_an_unknown_role_is_refused() -> None:
    with pytest.raises(errors.InvalidInput, match="roles"):
        members.change_member(people.alice(), name="A", roles=["owner"], is_active=True, actor=people.dora())


def test_everyone_chooses_how_to_be_told(client: Client) -> None:
    bob = people.bob()
    client.force_login(bob)
    client.post(reverse("core:notifications"), {"decided": ["email"], "alert": ["page", "email"]})
    chosen = NoticeChoice.objects.filter(user=bob, kind__in=["decided", "alert"])
    stored = {one.kind: (one.on_page, one.by_email) for one in chosen}
    assert stored == {"decided": (False, True), "alert": (True, True)}
    client.post(reverse("core:notifications"), {"alert": ["page", "email"]})
    notices.notify([bob], NoticeKind.DECIDED, key="d1", subject="Your copy was approved")
    notices.notify([bob], NoticeKind.ALERT, key="a1", subject="Breaker", url="/campaigns/x/")
    assert list(Notice.objects.values_list("key", "wants_email")) == [("a1", True)]


def test_a_notice_is_mailed_once_in_the_members_language(settings: Any) -> None:
    settings.PUBLIC_URL = "https://lift.example"
    bob = people.bob()
    bob.language = "zh-hans"
    bob.save()
    NoticeChoice.objects.create(user=bob, kind="alert", by_email=True)
    notices.notify([bob], NoticeKind.ALERT, key="a1", subject="Breaker\nBcc: x@y.test", url="/campaigns/x/")
    assert (notices.mail_due(), notices.mail_due()) == (1, 0)
    (message,) = mail.outbox
    assert (message.to, message.subject) == (["bob@shop.test"], "Breaker Bcc: x@y.test")
    assert "https://lift.example/campaigns/x/" in message.body


def test_a_notice_that_cannot_be_mailed_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    bob = people.bob()
    NoticeChoice.objects.create(user=bob, kind="alert", by_email=True)
    notices.notify([bob], NoticeKind.ALERT, key="a1", subject="Breaker")

    def refuse(*_: Any, **__: Any) -> None:
        raise ConnectionRefusedError

    with monkeypatch.context() as patch:
        patch.setattr(notices, "send_mail", refuse)
        with pytest.raises(ConnectionRefusedError):
            notices.mail_due()
    assert Notice.objects.get().emailed_at is None
    assert notices.mail_due() == 1


def test_the_trail_is_found_by_person_action_thing_and_day(client: Client) -> None:
    alice, ana = people.alice(), people.ana()
    audit.record("campaign.created", alice, actor=alice, note="first")
    audit.record("copy.approved", ana, actor=ana)
    client.force_login(ana)
    for query, expected in (
        ({"who": "alice"}, {"campaign.created"}),
        ({"action": "copy."}, {"copy.approved"}),
        ({"what": "Ana"}, {"copy.approved"}),
        ({"since": "2999-01-01"}, set()),
        ({"until": timezone.localdate().isoformat()}, {"campaign.created", "copy.approved"}),
        ({"since": "no day"}, {"campaign.created", "copy.approved"}),
    ):
        entries = client.get(reverse("core:trail"), query).context["entries"]
        assert {entry.action for entry in entries} == expected


def test_older_entries_follow_without_a_gap_while_new_ones_come(client: Client) -> None:
    ana = people.ana()
    for number in range(70):
        audit.record(f"try.{number}", ana, actor=ana)
    client.force_login(ana)
    first = client.get(reverse("core:trail"))
    audit.record("try.late", ana, actor=ana)
    second = client.get(reverse("core:trail"), {"before": first.context["before"]})
    shown = [entry.action for entry in [*first.context["entries"], *second.context["entries"]]]
    assert shown == [f"try.{number}" for number in reversed(range(70))]


def test_the_download_holds_all_that_was_found_and_no_formula(client: Client) -> None:
    ana = people.ana()
    ana.name = "=HYPERLINK(1)"
    ana.save()
    audit.record("copy.approved", ana, actor=ana)
    audit.record("other", ana, actor="-process")
    client.force_login(ana)
    answer = client.get(reverse("core:trail_csv"), {"action": "copy"})
    text = b"".join(answer.streaming_content).decode()  # type: ignore[attr-defined]
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [(row["action"], row["object_label"]) for row in rows] == [("copy.approved", "'=HYPERLINK(1)")]


def test_a_marketer_does_not_read_the_trail(client: Client) -> None:
    client.force_login(people.alice())
    assert client.get(reverse("core:trail")).status_code == 403
    assert client.get(reverse("core:trail_csv")).status_code == 403


@pytest.mark.parametrize("url_name", ["core:members", "core:notifications", "core:trail"])
def test_the_rooms_need_few_queries(client: Client, url_name: str, django_assert_max_num_queries: Any) -> None:
    dora = people.dora()
    for number in range(12):
        audit.record("try", people.member(f"m{number}"), actor=dora)
    client.force_login(dora)
    with django_assert_max_num_queries(8):
        assert client.get(reverse(url_name)).status_code == 200


def test_a_forgotten_password_says_the_same_to_a_stranger(client: Client) -> None:
    people.alice()
    answers = [client.post(reverse("password_reset"), {"email": one}) for one in ("alice@shop.test", "no@shop.test")]
    assert {(one.status_code, one["Location"]) for one in answers} == {(302, reverse("password_reset_done"))}
    assert [message.to for message in mail.outbox] == [["alice@shop.test"]]
    assert Client().get(link_in(mail.outbox[0]), follow=True).status_code == 200


def test_a_changed_password_ends_the_other_sessions(client: Client) -> None:
    alice = people.alice()
    here, elsewhere = Client(), Client()
    for one in (here, elsewhere):
        one.force_login(alice)
    new = "another-long-word-9"
    sent = {"old_password": people.PASSWORD, "new_password1": new, "new_password2": new}
    assert here.post(reverse("password_change"), sent).status_code == 302
    assert here.get(reverse("core:settings")).status_code == 200
    assert elsewhere.get(reverse("core:settings")).status_code == 302


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\t=1", "\r=1", "\n=1", " =1", "  -1"])
def test_no_cell_begins_like_a_formula(text: str) -> None:
    assert formula_safe(text) == f"'{text}"
    assert formula_safe("plain =1") == "plain =1"


def test_mail_goes_where_the_address_says() -> None:
    found = mail_settings("smtp://us%40er:pa%3Ass@mail.test:587?tls=1")
    assert (found["EMAIL_HOST"], found["EMAIL_PORT"], found["EMAIL_USE_TLS"]) == ("mail.test", 587, True)
    assert (found["EMAIL_HOST_USER"], found["EMAIL_HOST_PASSWORD"]) == ("us@er", "pa:ss")
    assert mail_settings("smtps://mail.test")["EMAIL_PORT"] == 465
    assert "console" in mail_settings("")["EMAIL_BACKEND"]


@pytest.mark.parametrize("url", ["http://x", "smtp://", "smtp://h:99999", "smtps://h?tls=1"])
def test_a_mail_address_that_cannot_be_used_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(ValueError, match="COPYLIFT_EMAIL_URL"):
        mail_settings(url)


def test_queries_trail_takes_whole_days() -> None:
    ana = people.ana()
    audit.record("try", ana, actor=ana)
    today = timezone.localdate()
    assert queries.trail(since=today, until=today).count() == 1
