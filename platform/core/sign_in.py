"""The forms of signing in, of the pages and of the admin: both slow down who guesses."""

from __future__ import annotations

from typing import Any

from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth.forms import AuthenticationForm
from django.core.exceptions import ValidationError
from django.utils.translation import ngettext

from core import audit, throttle
from core.models import User


class SignInForm(AuthenticationForm):
    """Address and password, with waits after wrong ones."""

    def clean(self) -> dict[str, Any]:
        """Turn away who must wait before the password is looked at, so that a guess tells nothing meanwhile."""
        if self.request is None:
            return super().clean()
        account = str(self.cleaned_data.get("username", "")).strip().lower()
        address = throttle.address_of(self.request)
        self.turn_away(throttle.seconds_to_wait(account, address))
        wait = throttle.count_try(account, address)
        try:
            cleaned = super().clean()
        except ValidationError:
            if wait:
                note_wait(account, address, wait)
            raise
        throttle.forget_tries(account, address)
        return cleaned

    def turn_away(self, seconds: int) -> None:
        """Raise with how long to wait."""
        if seconds:
            sentence = ngettext(
                "Too many tries. Wait %(seconds)d second, then try again.",
                "Too many tries. Wait %(seconds)d seconds, then try again.",
                seconds,
            )
            raise ValidationError(sentence % {"seconds": seconds}, code="too_many_tries")


class AdminSignInForm(SignInForm, AdminAuthenticationForm):
    """The admin's form, which asks for staff as well."""


def note_wait(account: str, address: str, seconds: int) -> None:
    """One entry of the trail where the account exists; the trail keeps no addresses that name nobody here."""
    user = User.objects.filter(email=account).first()
    if user is not None:
        audit.record("sign_in.slowed_down", user, actor=None, address=address, seconds=seconds)
