"""What members change of their own accounts."""

from __future__ import annotations

from core.models import User


def change_account(user: User, *, name: str, language: str) -> None:
    """Name and language; an empty language is the browser's."""
    User.objects.filter(pk=user.pk).update(name=name.strip(), language=language)


def choose_language(user: User, *, language: str) -> None:
    """The language of the pages and e-mails from now on."""
    User.objects.filter(pk=user.pk).update(language=language)
