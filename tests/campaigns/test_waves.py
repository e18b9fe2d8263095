"""Waves of e-mail: everybody once, whoever may not be written to never, and nobody twice whatever is killed when."""

from __future__ import annotations

import smtplib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.core.mail import EmailMultiAlternatives
from django.db import connection
from django.utils import timezone

from campaigns import queries, services
from campaigns.models import Brand, Campaign, Message, Shopper, Suppression, Wave
from campaigns.services import handing, sending, waves
from core import errors
from core.models import AuditEntry, Job
from core.roles import Role
from experiments import queries as experiments
from experiments.models import Arm, Event, Experiment
from tests import people
from tests.campaigns import posting, shop

pytestmark = pytest.mark.django_db(transaction=True)


def recipients() -> list[str]:
    return sorted(one.to[0] for one in mail.outbox)


def test_everybody_who_can_be_reached_gets_one_message_of_their_arm() -> None:
    campaign = posting.campaign()
    posting.shoppers(40)
    wave = posting.sent(campaign)
    assert (wave.state, wave.counts) == ("done", {"sent": 40})
    assert recipients() == sorted(f"u{number}@example.test" for number in range(40))
    for message in Message.objects.select_related("shopper"):
        decided = queries.decide(campaign.key, unit=message.shopper.unit, attributes=message.shopper.attributes)
        assert (message.experiment_key, message.arm_key) == (decided["experiment"], decided["arm"])
        letter = next(one for one in mail.outbox if one.to == [message.address])
        assert letter.subject == decided["content"]["headline"]
    assert len(set(Message.objects.values_list("arm_key", flat=True))) > 2


def test_each_shopper_who_was_given_an_arm_is_exposed_once() -> None:
    campaign = posting.campaign()
    posting.shoppers(10)
    posting.sent(campaign)
    exposed = Event.objects.filter(kind="exposure")
    assert exposed.count() == 10
    arms = {message.shopper.unit: message.arm_key for message in Message.objects.select_related("shopper")}
    named = dict(Arm.objects.values_list("pk", "key"))
    assert {event.unit: named[event.arm_id or 0] for event in exposed} == arms


def test_who_may_not_be_written_to_is_left_out_before_an_arm_is_decided() -> None:
    campaign = posting.campaign()
    posting.shoppers(3)
    posting.shoppers(1, first=3, channels=[])
    posting.shoppers(1, first=4, email="")
    services.suppress(value="U1@example.test", reason="complained")
    wave = posting.sent(campaign)
    assert wave.counts == {"sent": 2, "suppressed": 1, "no_consent": 1, "no_address": 1}
    left = Message.objects.exclude(state="sent")
    assert set(left.values_list("arm_key", "experiment_key", "address")) == {("", "", "")}
    assert Event.objects.filter(kind="exposure").count() == 2
    assert recipients() == ["u0@example.test", "u2@example.test"]


def test_capped_shoppers_keep_their_arm_and_count_in_the_test() -> None:
    alice = people.alice()
    first = posting.campaign(alice)
    Brand.objects.update(cap_messages=1, cap_days=7)
    posting.shoppers(30)
    Shopper.objects.filter(pk__gt=Shopper.objects.order_by("pk")[14].pk).update(channels=[])
    assert posting.sent(first).counts == {"no_consent": 15, "sent": 15}
    Shopper.objects.update(channels=["email"])
    Campaign.objects.update(status="finished")
    second = copy_of(first)
    before = Event.objects.filter(kind="exposure").count()
    assert posting.sent(second).counts == {"capped": 15, "sent": 15}
    capped = second.messages.filter(state="capped").select_related("shopper")
    for message in capped:
        decided = queries.decide(second.key, unit=message.shopper.unit, attributes=message.shopper.attributes)
        assert (message.experiment_key, message.arm_key) == (decided["experiment"], decided["arm"])
    assert Event.objects.filter(kind="exposure").count() == before + 30
    assert Event.objects.filter(kind="exposure", properties__capped=True).count() == 15
    assert len(mail.outbox) == 30


def copy_of(campaign: Campaign) -> Campaign:
    """A second running campaign of the brand, on the experiments' engine of its own."""
    return shop.launched(
        campaign.created_by,
        people.member("Beth", Role.APPROVER),
        key="winter",
        name="Winter bags",
        channel="email",
        products=list(campaign.products.all()),
        audiences=list(campaign.audiences.all()),
    )


def test_the_cap_opens_when_its_days_are_over() -> None:
    first = posting.campaign()
    Brand.objects.update(cap_messages=1, cap_days=7)
    posting.shoppers(4)
    posting.sent(first)
    Message.objects.update(sent_at=timezone.now() - timedelta(days=7, seconds=1))
    second = copy_of(first)
    assert posting.sent(second).counts == {"sent": 4}


def test_quiet_hours_put_a_message_off_and_the_beat_sends_it_later(monkeypatch: pytest.MonkeyPatch) -> None:
    campaign = posting.campaign()
    around = [(timezone.now() + timedelta(hours=step)).time() for step in (-1, 2)]
    Brand.objects.update(quiet_from=around[0], quiet_until=around[1])
    posting.shoppers(2, time_zone="UTC")
    posting.shoppers(1, first=2, time_zone="Asia/Tokyo")
    wave = posting.sent(campaign)
    assert (wave.state, wave.counts) == ("sending", {"sent": 1, "waiting": 2})
    assert set(Message.objects.filter(state="waiting").values_list("arm_key", flat=True)) == {""}
    assert Event.objects.filter(kind="exposure").count() == 1
    assert waves.send_waiting() == 0
    later = timezone.now() + timedelta(hours=2, minutes=1)
    monkeypatch.setattr(timezone, "now", lambda: later)
    assert waves.send_waiting() == 2
    wave.refresh_from_db()
    assert (wave.state, wave.counts) == ("done", {"sent": 3})
    assert len(mail.outbox) == 3


def test_who_stops_messages_while_one_waits_gets_none(monkeypatch: pytest.MonkeyPatch) -> None:
    campaign = posting.campaign()
    around = [(timezone.now() + timedelta(hours=step)).time() for step in (-1, 2)]
    Brand.objects.update(quiet_from=around[0], quiet_until=around[1])
    (one,) = posting.shoppers(1)
    posting.sent(campaign)
    services.withdraw_consent(one, channel="email", source="stop")
    later = timezone.now() + timedelta(hours=2, minutes=1)
    monkeypatch.setattr(timezone, "now", lambda: later)
    waves.send_waiting()
    assert posting.states(campaign) == {"no_consent": 1}
    assert (mail.outbox, Event.objects.count()) == ([], 0)


class Killed(BaseException):
    """The worker dies: nothing of ours catches it."""


@pytest.mark.parametrize("place", ["enrol", "reserve", "expose", "claim", "send", "note"])
def test_a_worker_that_is_killed_anywhere_leaves_nothing_that_is_sent_twice(
    monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    campaign = posting.campaign()
    posting.shoppers(12)
    monkeypatch.setattr(waves, "ENROL_PART", 5)
    monkeypatch.setattr(sending, "PART", 5)
    wave = posting.wave(campaign)
    with monkeypatch.context() as patch:
        kill(patch, place, at=3 if place in {"claim", "send", "note"} else 2)
        with pytest.raises(Killed):
            waves.run_wave(context_of(wave))
    posting.queued_again(wave)
    Message.objects.filter(state="waiting").exclude(not_before=None).update(
        not_before=timezone.now() - timedelta(seconds=1)
    )
    send_again(wave)
    waves.send_waiting()
    wave.refresh_from_db()
    assert wave.state == "done"
    assert len(recipients()) == len(set(recipients()))
    unknown = {"claim": 0, "send": 1, "note": 1}.get(place, 0)
    assert posting.states(wave) == {"sent": 12 - unknown, **({"failed": unknown} if unknown else {})}
    assert set(Message.objects.filter(state="failed").values_list("error", flat=True)) <= {"interrupted"}
    assert Event.objects.filter(kind="exposure").count() == 12


def kill(patch: pytest.MonkeyPatch, place: str, at: int) -> None:
    """Die at the nth passage of a place: before it, and for `note` after the mail server took the message."""
    targets: dict[str, tuple[Any, str]] = {
        "enrol": (Message.objects, "bulk_create"),
        "reserve": (sending, "reserve"),
        "expose": (sending, "expose"),
        "claim": (sending, "claim"),
        "send": (EmailMultiAlternatives, "send"),
        "note": (sending, "note"),
    }
    owner, name = targets[place]
    plain, passed = getattr(owner, name), []

    def counted(*arguments: Any, **named: Any) -> Any:
        passed.append(1)
        if len(passed) == at:
            raise Killed
        return plain(*arguments, **named)

    patch.setattr(owner, name, counted)


def context_of(wave: Wave) -> Any:
    from core.jobs import JobContext
    from core.services import jobs

    job = jobs.claim_job(str(wave.job_id))
    assert job is not None
    return JobContext(job)


def send_again(wave: Wave) -> None:
    from campaigns.tasks import send_wave

    send_wave(str(wave.job_id))


def test_the_same_wave_run_again_sends_nothing() -> None:
    campaign = posting.campaign()
    posting.shoppers(5)
    wave = posting.sent(campaign)
    send_again(wave)
    waves.send_waiting()
    assert len(mail.outbox) == 5


def test_a_second_wave_reaches_who_came_later_and_nobody_twice() -> None:
    campaign = posting.campaign()
    posting.shoppers(3)
    posting.shoppers(1, first=3, channels=[])
    first = posting.sent(campaign)
    posting.shoppers(2, first=4)
    Shopper.objects.update(channels=["email"])
    second = posting.sent(campaign)
    assert first.counts == {"sent": 3, "no_consent": 1}
    assert second.counts == {"sent": 3}
    assert len(set(recipients())) == len(mail.outbox) == 6


def test_two_workers_at_once_share_the_messages() -> None:
    campaign = posting.campaign()
    posting.shoppers(8)
    wave = posting.wave(campaign)
    Wave.objects.update(state="sending")
    waves.enrol(wave, lambda _made: None)
    mine, other = (sending.reserve(wave, campaign, most=5) for _ in range(2))
    assert (mine.seen, other.seen) == (5, 3)
    handing.hand_over(campaign, other.ready)
    handing.hand_over(campaign, mine.ready)
    handing.hand_over(campaign, mine.ready)
    assert len(mail.outbox) == 8


def test_only_one_wave_of_a_campaign_is_open() -> None:
    campaign = posting.campaign()
    posting.shoppers(1)
    posting.wave(campaign)
    with pytest.raises(errors.Conflict) as refused:
        posting.wave(campaign)
    assert refused.value.code == "wave_open"
    assert (Wave.objects.count(), Job.objects.filter(task_name=waves.WAVE_TASK).count()) == (1, 1)


def test_a_pulled_circuit_breaker_stops_the_very_next_message(monkeypatch: pytest.MonkeyPatch) -> None:
    alice = people.alice()
    campaign = posting.campaign(alice)
    posting.shoppers(6)
    wave = posting.wave(campaign)
    plain = EmailMultiAlternatives.send

    def pull(self: EmailMultiAlternatives, *arguments: Any, **named: Any) -> int:
        if len(mail.outbox) == 2:
            services.trip_campaign(campaign, reason="Wrong price.", actor=None)
        return plain(self, *arguments, **named)

    monkeypatch.setattr(EmailMultiAlternatives, "send", pull)
    send_again(wave)
    wave.refresh_from_db()
    assert (wave.state, posting.job_state(wave), len(mail.outbox)) == ("failed", "failed", 3)
    assert posting.states(wave) == {"sent": 3}
    monkeypatch.undo()
    services.reset_campaign(campaign, reason="Corrected.", actor=alice)
    assert posting.sent(campaign).counts == {"sent": 3}
    assert len(set(recipients())) == 6


def test_a_test_that_rests_stops_the_wave() -> None:
    campaign = posting.campaign()
    posting.shoppers(2)
    from experiments.services import pause_experiment

    pause_experiment(queries.links_of(campaign)[0].experiment, actor=None)
    with pytest.raises(errors.Conflict, match="rests"):
        posting.wave(campaign)
    assert (Wave.objects.count(), len(mail.outbox)) == (0, 0)


def test_without_a_sender_and_a_postal_address_nothing_is_sent() -> None:
    campaign = posting.campaign()
    posting.shoppers(1)
    for field in ("sender_email", "postal_address"):
        Brand.objects.update(**{**posting.SENDER, field: ""})
        with pytest.raises(errors.Conflict) as refused:
            posting.wave(campaign)
        assert refused.value.code == "not_sendable"
    assert (Wave.objects.count(), Message.objects.count()) == (0, 0)


def test_a_cancelled_wave_stops_and_a_later_one_reaches_the_rest() -> None:
    alice = people.alice()
    campaign = posting.campaign(alice)
    posting.shoppers(4)
    wave = posting.wave(campaign)
    Wave.objects.update(state="sending")
    waves.enrol(wave, lambda _made: None)
    part = sending.reserve(wave, campaign, most=2)
    assert services.cancel_wave(Wave.objects.select_related("job").get(), actor=alice)
    handing.hand_over(campaign, part.ready)
    assert (mail.outbox, posting.job_state(wave)) == ([], "cancelled")
    assert Wave.objects.get().state == "cancelled"
    assert not services.cancel_wave(Wave.objects.get(), actor=alice)
    assert posting.sent(campaign).counts == {"sent": 4}
    assert AuditEntry.objects.filter(action="wave.cancelled", actor_id=alice.pk).count() == 1


def test_an_analyst_starts_no_wave() -> None:
    campaign = posting.campaign()
    with pytest.raises(errors.Forbidden):
        posting.wave(campaign, people.ana())
    assert Wave.objects.count() == 0


def test_those_outside_the_test_get_what_is_shown_today_and_are_not_counted() -> None:
    campaign = posting.campaign()
    posting.shoppers(20)
    Experiment.objects.update(coverage=0.000001, version=99)
    posting.sent(campaign)
    assert {one.subject for one in mail.outbox} == {"Shop our bags"}
    assert set(Message.objects.values_list("experiment_key", "arm_key")) == {("", "control")}
    assert Event.objects.count() == 0
    assert experiments.decide(Experiment.objects.order_by("pk")[0].key, ["u-1"])[0].in_experiment is False


@pytest.mark.parametrize(
    ("problem", "state", "error"),
    [
        (smtplib.SMTPRecipientsRefused({"u0@example.test": (550, b"no such user")}), "failed", "refused:550"),
        (smtplib.SMTPRecipientsRefused({"u0@example.test": (451, b"greylisted")}), "waiting", "later:451"),
        (smtplib.SMTPDataError(554, b"spam"), "failed", "refused:554"),
        (smtplib.SMTPServerDisconnected("gone"), "failed", "lost"),
        (TimeoutError(), "failed", "lost"),
    ],
    ids=["no-such-user", "greylisted", "spam", "disconnected", "timeout"],
)
def test_what_the_mail_server_says_decides_whether_it_is_tried_again(
    monkeypatch: pytest.MonkeyPatch, problem: Exception, state: str, error: str
) -> None:
    campaign = posting.campaign()
    posting.shoppers(1)

    def refuse(*_: Any, **__: Any) -> int:
        raise problem

    with monkeypatch.context() as patch:
        patch.setattr(EmailMultiAlternatives, "send", refuse)
        wave = posting.sent(campaign)
    message = Message.objects.get()
    assert (message.state, message.error, message.attempts) == (state, error, 1)
    assert wave.state == ("sending" if state == "waiting" else "done")
    Message.objects.update(not_before=timezone.now() - timedelta(seconds=1))
    waves.send_waiting()
    assert len(mail.outbox) == (1 if state == "waiting" else 0)


def test_a_mail_server_that_is_away_costs_no_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    from django.core.mail.backends.locmem import EmailBackend

    campaign = posting.campaign()
    posting.shoppers(3)

    def away(_self: EmailBackend) -> None:
        raise ConnectionRefusedError

    with monkeypatch.context() as patch:
        patch.setattr(EmailBackend, "open", away)
        wave = posting.sent(campaign)
    assert (wave.state, posting.states(wave)) == ("sending", {"waiting": 3})
    assert set(Message.objects.values_list("attempts", "error")) == {(0, "unreachable")}
    Message.objects.update(not_before=timezone.now() - timedelta(seconds=1))
    waves.send_waiting()
    wave.refresh_from_db()
    assert (wave.state, len(mail.outbox)) == ("done", 3)


def test_who_fits_no_audience_any_more_gets_nothing_and_no_row() -> None:
    campaign = posting.campaign(audiences=None)
    posting.shoppers(2)
    wave = posting.wave(campaign)
    Wave.objects.update(state="sending")
    waves.enrol(wave, lambda _made: None)
    rule = [{"attribute": "student", "operator": "is", "value": True}]
    campaign.experiment_links.update(rule=rule)
    part = sending.reserve(wave, campaign, most=9)
    assert [one.message.shopper.unit for one in part.ready] == ["u-0"]
    assert Message.objects.count() == 1


def test_the_reach_before_is_what_the_wave_comes_to() -> None:
    campaign = posting.campaign()
    posting.shoppers(5)
    posting.shoppers(2, first=5, channels=[])
    posting.shoppers(1, first=7, email="")
    Suppression.objects.create(channel="email", value="u-0", reason="manual")
    before = queries.delivery.reach(campaign)
    assert (before.audience, before.reached, before.written_to, before.capped) == (8, 4, 0, 0)
    assert before.left_out == {"suppressed": 1, "no_consent": 2, "no_address": 1}
    assert posting.sent(campaign).counts == {"sent": 4, **before.left_out}
    after = queries.delivery.reach(campaign)
    assert (after.reached, after.written_to) == (0, 4)


def test_a_reach_before_knows_who_has_had_enough() -> None:
    first = posting.campaign()
    Brand.objects.update(cap_messages=1)
    posting.shoppers(3)
    posting.sent(first)
    posting.shoppers(2, first=3)
    found = queries.delivery.reach(copy_of(first))
    assert (found.audience, found.reached, found.capped, found.written_to) == (5, 2, 3, 0)


def test_a_claimed_message_survives_the_end_of_its_wave() -> None:
    alice = people.alice()
    campaign = posting.campaign(alice)
    posting.shoppers(2)
    wave = posting.wave(campaign)
    Wave.objects.update(state="sending")
    waves.enrol(wave, lambda _made: None)
    part = sending.reserve(wave, campaign, most=9)
    claimed = part.ready[0].message
    assert sending.claim(claimed)
    services.cancel_wave(Wave.objects.select_related("job").get(), actor=alice)
    assert list(Message.objects.values_list("pk", flat=True)) == [claimed.pk]
    assert not sending.claim(part.ready[1].message)
    assert sending.note(claimed, "sent")


def test_a_shopper_who_is_being_changed_is_looked_at_again_a_little_later() -> None:
    campaign = posting.campaign()
    posting.shoppers(2)
    wave = posting.wave(campaign)
    Wave.objects.update(state="sending")
    waves.enrol(wave, lambda _made: None)
    with another_connection() as cursor:
        cursor.execute("begin; select 1 from campaigns_shopper where unit = 'u-0' for update")
        part = sending.reserve(wave, campaign, most=9)
        cursor.execute("rollback")
    assert [one.message.shopper.unit for one in part.ready] == ["u-1"]
    busy = Message.objects.get(shopper__unit="u-0")
    assert (busy.state, busy.arm_key, busy.attempts) == ("waiting", "", 0)
    assert busy.not_before is not None


@contextmanager
def another_connection() -> Iterator[Any]:
    """What another worker has: a connection of its own."""
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            yield cursor
    finally:
        other.close()
