"""Forms of the ground."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from core import errors
from core.models import ShopSettings, User
from core.models.access import Scope
from core.models.outbound import TOLD_EVENTS
from core.roles import Role


def show_refusal(form: forms.BaseForm, problem: errors.CopyliftError, names: Mapping[str, str] | None = None) -> None:
    """Show what a service refused beside the fields it names; `names` are those that the form calls otherwise."""
    for one in problem.problems:
        field = (names or {}).get(one.field, one.field)
        form.add_error(field if field in form.fields else None, one.message)
    if not problem.problems:
        form.add_error(None, problem.message)


class ApiKeyForm(forms.Form):
    """A new API key."""

    name = forms.CharField(label=_("Name"), max_length=100, help_text=_("Where it will be used, such as “web shop”."))
    scopes = forms.MultipleChoiceField(
        label=_("May"), choices=Scope.choices, widget=forms.CheckboxSelectMultiple, initial=[Scope.DECIDE, Scope.EVENTS]
    )
    ends_on = forms.DateField(
        label=_("Ends on"), required=False, widget=forms.DateInput(attrs={"type": "date"}), help_text=_("Empty: never.")
    )

    def expires_at(self) -> datetime | None:
        """The end of the chosen day."""
        day = self.cleaned_data["ends_on"]
        if day is None:
            return None
        return timezone.make_aware(datetime.combine(day, time.min)) + timedelta(days=1)


class WebhookForm(forms.Form):
    """A new webhook."""

    name = forms.CharField(label=_("Name"), max_length=100, help_text=_("Whose it is, such as “team chat”."))
    url = forms.CharField(
        label=_("Address"),
        max_length=500,
        widget=forms.URLInput(attrs={"placeholder": "https://"}),
        help_text=_("It is called from here by POST and must be open to the internet."),
    )
    events = forms.MultipleChoiceField(
        label=_("Is told of"),
        # A ping goes to one webhook whatever it is told of.
        choices=[(event.value, event.label) for event in TOLD_EVENTS],
        widget=forms.CheckboxSelectMultiple,
    )


class AccountForm(forms.ModelForm[User]):
    """What a member may change of their own account."""

    language = forms.ChoiceField(
        label=_("Language"), required=False, choices=[("", _("as the browser asks")), *settings.LANGUAGES]
    )

    class Meta:
        model = User
        fields = ("name", "language")


class RetentionForm(forms.ModelForm[ShopSettings]):
    """How long events and messages are kept."""

    class Meta:
        model = ShopSettings
        fields = ("event_retention_days", "message_retention_days")


# Said here and not in roles.py, which the first migration reads.
ROLES = [
    (Role.MARKETER.value, _("marketer: makes campaigns and copy, launches")),
    (Role.APPROVER.value, _("approver: approves, edits and rejects copy")),
    (Role.ANALYST.value, _("analyst: reads results, imports tests, trains models")),
    (Role.ADMINISTRATOR.value, _("administrator: everything, and who is on the team")),
]


class InvitationForm(forms.Form):
    """Somebody new on the team."""

    email = forms.EmailField(label=_("E-mail address"), max_length=254)
    name = forms.CharField(label=_("Name"), max_length=120, required=False)
    roles = forms.MultipleChoiceField(label=_("Roles"), choices=ROLES, widget=forms.CheckboxSelectMultiple)
    language = forms.ChoiceField(label=_("Language of the e-mail"), choices=settings.LANGUAGES)


class MemberForm(forms.Form):
    """What an administrator changes of a member."""

    name = forms.CharField(label=_("Name"), max_length=120, required=False)
    roles = forms.MultipleChoiceField(
        label=_("Roles"), choices=ROLES, widget=forms.CheckboxSelectMultiple, required=False
    )
    is_active = forms.BooleanField(label=_("May sign in"), required=False)


class TrailForm(forms.Form):
    """What is looked for in the audit trail; a field that cannot be used finds everything."""

    who = forms.CharField(label=_("Who"), max_length=254, required=False)
    action = forms.CharField(label=_("Action"), max_length=80, required=False)
    what = forms.CharField(label=_("What"), max_length=200, required=False)
    since = forms.DateField(label=_("From"), required=False, widget=forms.DateInput(attrs={"type": "date"}))
    until = forms.DateField(label=_("To"), required=False, widget=forms.DateInput(attrs={"type": "date"}))

    def filters(self) -> dict[str, Any]:
        """The usable values by field."""
        if not self.is_bound:
            return {}
        self.is_valid()
        return {name: value for name, value in self.cleaned_data.items() if value not in ("", None)}

    def as_query(self) -> str:
        """The same, for the address of the next page."""
        return urlencode(self.filters())
