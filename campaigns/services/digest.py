"""The weekly digest by e-mail: on Monday morning, to members who chose it, in their language, never twice a week.

The row that says "sent" is written before the letter goes, so that two workers, or one that is killed, never send a
second one; where the mail server refuses, the row goes again and the next run tries anew.
"""

from __future__ import annotations

import logging
from datetime import date, datetime, timedelta
from smtplib import SMTPException

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.db.models import QuerySet
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from campaigns.models import Digest
from campaigns.queries.digest import Contents, contents
from core.answers import whole_address
from core.models import NoticeKind, User

log = logging.getLogger(__name__)
MONDAY, MORNING = 0, 7
WEEK = timedelta(days=7)


def week_of(now: datetime) -> date:
    """The Monday of the week, in the shop's time zone."""
    today = timezone.localtime(now).date()
    return today - timedelta(days=today.weekday())


def is_due(now: datetime) -> bool:
    """Monday, from seven in the morning on: a clock that stood still then catches up during the day."""
    local = timezone.localtime(now)
    return local.weekday() == MONDAY and local.hour >= MORNING


def send_digests(now: datetime | None = None, *, whenever: bool = False) -> int:
    """Send what is due to whoever has not had it this week; how many letters went. `whenever`: also on other days."""
    now = now or timezone.now()
    if not (whenever or is_due(now)):
        return 0
    week = week_of(now)
    served = Digest.objects.filter(week=week).values("user")
    return sum(_send(member, week, now) for member in readers().exclude(pk__in=served))


def readers() -> QuerySet[User]:
    """Active members who chose the digest."""
    chosen = {"notice_choices__kind": NoticeKind.DIGEST, "notice_choices__by_email": True}
    return User.objects.filter(is_active=True, **chosen).order_by("pk")


def letter(member: User, now: datetime) -> EmailMultiAlternatives | None:
    """The letter as text and HTML; None where there is nothing to say."""
    with translation.override(member.language or settings.LANGUAGE_CODE):
        told = contents(member, since=now - WEEK)
        return None if told.is_empty else _written(member, told, week_of(now))


def _written(member: User, told: Contents, week: date) -> EmailMultiAlternatives:
    root = whole_address("")
    context = {
        "member": member,
        "sections": told.sections,
        "week": week,
        "root": root,
        "choices": root + reverse("core:notifications"),
    }
    made = EmailMultiAlternatives(
        subject=_("Your week with Copylift"),
        body=render_to_string("campaigns/mail/digest.txt", context),
        to=[member.email],
    )
    made.attach_alternative(render_to_string("campaigns/mail/digest.html", context), "text/html")
    return made


def _send(member: User, week: date, now: datetime) -> bool:
    made = letter(member, now)
    if made is None:
        return False
    row, is_new = Digest.objects.get_or_create(user=member, week=week)
    if not is_new:
        return False
    try:
        made.send()
    except (SMTPException, OSError) as problem:
        row.delete()
        log.warning("the digest for member %s was not sent: %s", member.pk, type(problem).__name__)
        return False
    return True
