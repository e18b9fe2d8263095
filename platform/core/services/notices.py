"""Telling members: one row a member, kept until it is read; by e-mail too where the member has chosen so."""

from __future__ import annotations

from collections.abc import Iterable

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
