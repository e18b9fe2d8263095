"""Telling members: one row a member, kept until it is read; by e-mail too where the member has chosen so."""

from __future__ import annotations

from collections.abc import Iterable

from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction
from django.template.loader import render_to_string
from django.utils import timezone, translation

from core.answers import whole_address
from core.models import Notice, NoticeChoice, NoticeKind, User


def notify(users: Iterable[User], kind: NoticeKind, *, key: str, subject: str, body: str = "", url: str = "") -> int:
    """Tell each of the members once (`key` makes a repeat harmless); how many rows were meant."""
    wanted = {user.pk: user for user in users if user.is_active}
    choices = {one.user_id: one for one in NoticeChoice.objects.filter(user__in=wanted, kind=kind)}
    rows = []
    for pk, user in wanted.items():
        choice = choices.get(pk, NoticeChoice(user=user, kind=kind))
        if choice.on_page or choice.by_email:
            rows.append(
                Notice(
                    user=user,
                    kind=kind,
                    key=key,
                    subject=subject[:200],
                    body=body,
                    url=url[:300],
                    wants_email=choice.by_email,
                )
            )
    Notice.objects.bulk_create(rows, ignore_conflicts=True)
    return len(rows)


def mark_read(user: User, *, newest: int) -> int:
    """Put away what the member was told up to the newest that a page showed; how many. What came meanwhile stays."""
    return Notice.objects.filter(user=user, read_at=None, pk__lte=newest).update(read_at=timezone.now())


@transaction.atomic
def choose(user: User, kind: NoticeKind, *, on_page: bool, by_email: bool) -> None:
    """How the member wants to be told of one kind from now on."""
    NoticeChoice.objects.update_or_create(user=user, kind=kind, defaults={"on_page": on_page, "by_email": by_email})


def mail_due(limit: int = 50) -> int:
    """Mail the notices that wait for it, each in its own transaction under a lock; how many were sent.

    Two workers never send the same one. A worker killed between the server's yes and the commit sends it twice: the
    other order would lose it.
    """
    waiting = Notice.objects.filter(wants_email=True, emailed_at=None, user__is_active=True).order_by("id")
    return sum(_mail(pk) for pk in list(waiting.values_list("pk", flat=True)[:limit]))


@transaction.atomic
def _mail(pk: int) -> bool:
    free = Notice.objects.select_for_update(skip_locked=True, of=("self",)).select_related("user")
    notice = free.filter(pk=pk, emailed_at=None).first()
    if notice is None:
        return False
    link = whole_address(notice.url) if notice.url else settings.PUBLIC_URL
    with translation.override(notice.user.language or settings.LANGUAGE_CODE):
        body = render_to_string("core/mail/notice.txt", {"notice": notice, "link": link})
    # A subject with a line break would be a second header; Django refuses it, so it is taken out here.
    send_mail(" ".join(notice.subject.split()), body, None, [notice.user.email])
    Notice.objects.filter(pk=pk).update(emailed_at=timezone.now())
    return True
