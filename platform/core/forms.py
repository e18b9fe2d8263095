"""Forms of the ground."""

from __future__ import annotations

from datetime import datetime, time, timedelta

from django import forms
from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from core.models import User, WebhookEvent
from core.models.access import Scope


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

    name = forms.CharField(label=_("Name"), max_length=100, help_text=_("Whose it is, such as “SMS gateway”."))
    url = forms.CharField(
        label=_("Address"),
        max_length=500,
        widget=forms.URLInput(attrs={"placeholder": "https://"}),
        help_text=_("It is called from here by POST and must be open to the internet."),
    )
    events = forms.MultipleChoiceField(
        label=_("Is told of"),
        # A ping goes to one webhook whatever it is told of.
        choices=[choice for choice in WebhookEvent.choices if choice[0] != WebhookEvent.PING],
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
