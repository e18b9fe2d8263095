"""Who may write: asked by the services themselves, so that every door gives the same answer."""

from __future__ import annotations

from django.utils.translation import gettext as _

from core import errors
from core.audit import Actor
from core.models import User


def require(actor: Actor, permission: str, what: str) -> None:
    """Raise Forbidden where a member's roles lack `permission`; `what`, translated, completes “You may not …”.

    A process of the platform may: it works for somebody who was asked already.
    """
    if isinstance(actor, User) and not actor.has_perm(permission):
        sentence = _("You may not %(what)s: your roles do not include it.") % {"what": what}
        raise errors.Forbidden(sentence, code="role_missing")


def require_name(name: str, longest: int = 120) -> str:
    """The name without blanks around it. Raises InvalidInput where it is empty, too long or holds a zero byte."""
    name = name.strip()
    if not name or len(name) > longest or "\x00" in name:
        raise errors.InvalidInput.field("name", characters_needed(longest))
    return name


def characters_needed(most: int) -> str:
    """What is wrong with a text that is empty or too long."""
    return _("1 to %(most)s characters are needed.") % {"most": most}


def sentence(words: str) -> str:
    """The words with a full stop, where they do not end in a mark of their own."""
    return words if words.endswith((".", "?", "!")) else f"{words}."


def member(actor: Actor) -> User | None:
    """The member to note as the one who asked."""
    return actor if isinstance(actor, User) else None
