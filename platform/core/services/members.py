"""The team: inviting, roles, leaving. There is always an active administrator."""

from __future__ import annotations

from collections.abc import Iterable

from django.conf import settings
from django.contrib.auth.models import Group
from django.contrib.auth.tokens import default_token_generator
from django.core.mail import send_mail
from django.db import transaction
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import translation
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode
from django.utils.translation import gettext as _

from core import audit, errors
from core.answers import whole_address
from core.models import User
from core.roles import Role


@transaction.atomic
def invite_member(*, email: str, name: str, roles: Iterable[str], language: str, actor: User) -> User:
    """A member without a password yet; the door mails the link (`mail_invitation`). Conflict where the address is."""
    email = email.strip().lower()
    if User.objects.filter(email=email).exists():
        raise errors.Conflict(_("%(email)s is a member already.") % {"email": email}, code="member_exists")
    member = User.objects.create_user(email, None, name=name.strip(), language=language)
    member.groups.set(Group.objects.filter(name__in=checked(roles)))
    audit.record("member.invited", member, actor=actor, roles=sorted(roles))
    return member


@transaction.atomic
def change_member(member: User, *, name: str, roles: Iterable[str], is_active: bool, actor: User) -> User:
    """Name, roles and whether the member may sign in. Conflict where no administrator would be left."""
    wanted = checked(roles)
    # One lock for all: of two administrators who put each other out, the second is refused.
    administrators = set(
        User.objects.select_for_update()
        .filter(groups__name=Role.ADMINISTRATOR, is_active=True)
        .values_list("pk", flat=True)
    )
    stays = is_active and Role.ADMINISTRATOR.value in wanted
    if member.pk in administrators and not stays and len(administrators) == 1:
        raise errors.Conflict(
            _("%(member)s is the only administrator. Make somebody else one first.") % {"member": str(member)},
            code="last_administrator",
        )
    before = sorted(member.groups.values_list("name", flat=True))
    User.objects.filter(pk=member.pk).update(name=name.strip(), is_active=is_active)
    member.groups.set(Group.objects.filter(name__in=wanted))
    changes = {"roles_before": before, "roles": sorted(wanted), "active": is_active}
    audit.record("member.changed", member, actor=actor, **changes)
    return User.objects.get(pk=member.pk)


def checked(roles: Iterable[str]) -> set[str]:
    """The roles, all of them known. Raises InvalidInput."""
    wanted = set(roles)
    if wanted - {role.value for role in Role}:
        raise errors.InvalidInput.field("roles", _("this role is not known."))
    return wanted


def mail_invitation(member: User, *, invited_by: User) -> None:
    """The link by which a new member sets a password; it ends as a password reset's does."""
    link = reverse(
        "password_reset_confirm",
        args=[urlsafe_base64_encode(force_bytes(member.pk)), default_token_generator.make_token(member)],
    )
    values = {"link": whole_address(link), "invited_by": str(invited_by), "member": member}
    with translation.override(member.language or settings.LANGUAGE_CODE):
        subject = _("Your invitation to Copylift")
        body = render_to_string("core/mail/invitation.txt", values)
    send_mail(subject, body, None, [member.email])
