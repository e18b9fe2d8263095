"""The weekly digest: to whom, when, what is in it, and that nobody gets it twice."""

from __future__ import annotations

from datetime import datetime
from io import StringIO
from smtplib import SMTPException
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.core import mail
from django.core.mail import EmailMultiAlternatives
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from campaigns import tasks
from campaigns.models import Campaign, Digest
from campaigns.services import digest
from core.models import NoticeChoice, NoticeKind, User
from core.services.notices import choose, notify
from tests import people
from tests.campaigns import shop

pytestmark = pytest.mark.django_db
MONDAY = datetime(2026, 11, 23, 8, 30, tzinfo=ZoneInfo("UTC"))


def reader(member: User, language: str = "") -> User:
    """The same member, who chose the digest."""
    User.objects.filter(pk=member.pk).update(language=language)
    choose(member, NoticeKind.DIGEST, on_page=False, by_email=True)
    return User.objects.get(pk=member.pk)


def letters() -> list[Any]:
    return list(mail.outbox)


def html_of(letter: Any) -> str:
    return str(letter.alternatives[0][0])


# --- when and to whom -------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("day", "hour", "due"), [(23, 6, False), (23, 7, True), (23, 23, True), (24, 8, False), (22, 8, False)]
)
def test_it_is_due_on_monday_from_seven_in_the_morning(day: int, hour: int, due: bool) -> None:
    assert digest.is_due(datetime(2026, 11, day, hour, tzinfo=ZoneInfo("UTC"))) is due


def test_monday_is_that_of_the_shop(settings: Any) -> None:
    settings.TIME_ZONE = "Asia/Shanghai"
    with timezone.override("Asia/Shanghai"):
        sunday_night_in_utc = datetime(2026, 11, 22, 23, 30, tzinfo=ZoneInfo("UTC"))
        assert digest.is_due(sunday_night_in_utc)
        assert digest.week_of(sunday_night_in_utc).isoformat() == "2026-11-23"


def test_who_chose_it_gets_it_once_a_week_and_nobody_else_does() -> None:
    alice, _bob = reader(people.alice()), people.bob()
    shop.launched(alice, User.objects.get(name="Bob"))
    assert digest.send_digests(MONDAY) == 1
    assert digest.send_digests(MONDAY) == 0
    assert [one.to for one in letters()] == [["alice@shop.test"]]
    assert digest.send_digests(MONDAY.replace(day=30)) == 1
    assert Digest.objects.count() == 2


def test_on_another_day_nothing_is_sent_and_nothing_asked(django_assert_num_queries: Any) -> None:
    reader(people.alice())
    with django_assert_num_queries(0):
        assert digest.send_digests(MONDAY.replace(day=24)) == 0
    assert letters() == []


def test_a_member_who_left_gets_none() -> None:
    alice = reader(people.alice())
    shop.launched(alice)
    User.objects.filter(pk=alice.pk).update(is_active=False)
    assert digest.send_digests(MONDAY) == 0
    assert not Digest.objects.exists()


def test_where_there_is_nothing_to_say_nothing_is_said() -> None:
    reader(people.charlie())
    assert digest.send_digests(MONDAY) == 0
    assert letters() == []
    assert not Digest.objects.exists()


def test_a_letter_the_server_refuses_is_tried_again_and_keeps_nobody_else_waiting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    alice, bob = reader(people.alice()), reader(people.bob())
    shop.generated(alice)
    plain = EmailMultiAlternatives.send

    def refuse(self: EmailMultiAlternatives, fail_silently: bool = False) -> int:
        if self.to == ["alice@shop.test"]:
            raise SMTPException("busy")
        return plain(self, fail_silently)

    Campaign.objects.update(status="running")
    monkeypatch.setattr(EmailMultiAlternatives, "send", refuse)
    assert digest.send_digests(MONDAY) == 1
    assert list(Digest.objects.values_list("user", flat=True)) == [bob.pk]
    monkeypatch.undo()
    assert digest.send_digests(MONDAY) == 1
    assert {one.to[0] for one in letters()} == {"alice@shop.test", "bob@shop.test"}


def test_a_row_that_another_worker_wrote_stops_the_letter(monkeypatch: pytest.MonkeyPatch) -> None:
    alice = reader(people.alice())
    shop.launched(alice)
    plain = digest.letter

    def meanwhile(member: User, now: datetime) -> Any:
        Digest.objects.create(user=member, week=digest.week_of(now))
        return plain(member, now)

    monkeypatch.setattr(digest, "letter", meanwhile)
    assert digest.send_digests(MONDAY) == 0
    assert letters() == []


# --- what is in it ----------------------------------------------------------------------------------------------
def test_a_marketer_reads_what_runs_with_links() -> None:
    shop.launched(reader(people.alice()), people.bob())
    digest.send_digests(MONDAY)
    letter = letters()[0]
    assert letter.subject == "Your week with Copylift"
    assert "Running campaigns" in letter.body
    assert "http://localhost:8000/campaigns/autumn/result/" in letter.body
    assert 'href="http://localhost:8000/campaigns/autumn/result/"' in html_of(letter)
    assert "/settings/notifications/" in letter.body


def test_what_waits_follows_the_role_and_nobody_is_asked_about_their_own() -> None:
    alice, bob = reader(people.alice()), reader(people.bob())
    shop.generated(alice)
    digest.send_digests(MONDAY)
    assert [one.to[0] for one in letters()] == [bob.email]
    assert "4 copies wait for review" in letters()[0].body


def test_a_campaign_that_is_ready_waits_for_who_launches() -> None:
    alice, bob = reader(people.alice()), reader(people.bob())
    shop.ready(alice, bob)
    digest.send_digests(MONDAY)
    assert [(one.to[0], "Ready to launch" in one.body) for one in letters()] == [(alice.email, True)]


def test_a_verdict_of_the_week_and_an_alarm_are_in_it() -> None:
    from experiments.models import Analysis
    from experiments.services import analyse
    from tests.experiments.test_telling import won

    alice = reader(people.alice())
    experiment, analysis = won()
    notify([alice], NoticeKind.ALERT, key="x", subject="Circuit breaker pulled: <b>Autumn</b>", body="Wrong price")
    assert Analysis.objects.get() == analyse(experiment) == analysis
    digest.send_digests(timezone.now(), whenever=True)
    letter = letters()[0]
    assert "Verdicts of the week" in letter.body
    assert analysis.sentence in letter.body
    assert "Circuit breaker pulled" in letter.body
    assert "&lt;b&gt;Autumn" in html_of(letter)
    assert "<b>Autumn" not in html_of(letter)


def test_it_is_written_in_the_members_language() -> None:
    shop.launched(reader(people.alice(), "zh-hans"), people.bob())
    digest.send_digests(MONDAY)
    assert "Running campaigns" not in letters()[0].body
    assert '<html lang="zh-hans">' in html_of(letters()[0])


def test_a_stranger_to_the_brand_reads_nothing_of_it() -> None:
    campaign = shop.launched()
    ana = reader(people.ana())
    campaign.brand.members.add(people.dora())
    assert digest.send_digests(MONDAY) == 0
    campaign.brand.members.add(ana)
    assert digest.send_digests(MONDAY) == 1
    assert campaign.name in letters()[0].body


def test_a_long_list_is_cut_and_says_so() -> None:
    alice = reader(people.alice())
    campaign = shop.launched(alice, people.bob())
    for number in range(12):
        Campaign.objects.create(
            key=f"c{number}",
            name=f"Campaign {number}",
            brand=campaign.brand,
            language="en",
            channel="push",
            status="running",
        )
    digest.send_digests(MONDAY)
    assert "and 3 more" in letters()[0].body


# --- doors ------------------------------------------------------------------------------------------------------
def test_it_is_chosen_on_the_page_of_notifications_by_mail_only(client: Client) -> None:
    alice = people.alice()
    client.force_login(alice)
    page = client.get(reverse("core:notifications")).content.decode()
    assert page.count('name="digest"') == 1
    client.post(reverse("core:notifications"), {"digest": ["email", "page"]})
    choice = NoticeChoice.objects.get(user=alice, kind="digest")
    assert (choice.by_email, choice.on_page) == (True, False)


def test_the_command_tries_it_without_sending_and_then_sends() -> None:
    shop.launched(reader(people.alice()), people.bob())
    out = StringIO()
    call_command("send_digest", "--dry-run", stdout=out)
    assert "alice@shop.test" in out.getvalue()
    assert "Autumn bags" in out.getvalue()
    assert letters() == []
    assert not Digest.objects.exists()
    call_command("send_digest", stdout=out)
    assert "1 digests sent." in out.getvalue()
    assert len(letters()) == 1


def test_the_beat_asks_often_and_sends_only_when_it_is_due(settings: Any) -> None:
    entry = settings.CELERY_BEAT_SCHEDULE["send-digests"]
    assert entry["task"] == tasks.send_digests.name
    assert entry["schedule"] <= 1800
