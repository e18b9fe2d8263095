"""Forms of shoppers and suppressions, and sentences for the codes of lines that cannot be used."""

from __future__ import annotations

from collections.abc import Sequence

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrPromise

from campaigns import people_files
from campaigns.models import Channel, Suppression
from campaigns.people_files import Mapped

PLACE_NAMES: dict[str, StrPromise] = {
    "unit": _("unit (the shop's own id)"),
    "email": _("e-mail address"),
    "phone": _("telephone"),
    "push_token": _("push token"),
    "language": _("language"),
    "country": _("country"),
    "time_zone": _("time zone"),
    "consent_email": _("agreed to e-mail (yes or no)"),
    "consent_sms": _("agreed to text messages (yes or no)"),
    "consent_push": _("agreed to push (yes or no)"),
    "consent_source": _("where they agreed"),
    "consent_at": _("when they agreed"),
    people_files.ATTRIBUTE: _("an attribute of this name"),
    people_files.IGNORED: _("leave out"),
}
REASONS: dict[str, StrPromise] = {
    "unit": _("A unit of 1 to 200 characters is needed."),
    "email": _("This is no e-mail address."),
    "phone": _("A telephone number begins with + and the country code."),
    "language": _("A language is written like en or zh-CN."),
    "country": _("A country is written with two letters, such as DE."),
    "time_zone": _("A time zone is written like Europe/Berlin."),
    "push_token": _("A push token has 1 to 300 characters and no spaces."),
    "text": _("A text is needed."),
    "attributes": _("Attributes are an object of at most 100 values."),
    "attribute_name": _("The name of an attribute has 1 to 60 characters."),
    "attribute_value": _("The attributes cannot be stored or are too long."),
    "channel": _("The channel is email, sms or push."),
    "given": _("Say yes or no."),
    "source": _("Say in 1 to 80 characters where the shopper agreed."),
    "at": _("A day or time is needed, such as 2026-03-31."),
    "ahead": _("This moment lies ahead."),
    "cells": _("The line has more or fewer cells than the heading."),
    "csv": _("The line is no proper CSV: look at its quotation marks."),
    "json": _("The line is no JSON object."),
    "no_object": _("A JSON object is needed."),
    "no_list": _("A list is needed."),
    "unknown_field": _("This field is not known."),
    "headings": _("The first line must name the columns, 100 at most."),
    "heading_twice": _("Each column needs a name of its own."),
    "no_unit_column": _("Say which column is the unit."),
    "place_twice": _("Two columns are the same field."),
    "encoding": _("The file is not written in UTF-8."),
}


def reason_of(code: str) -> str:
    """The sentence for a code."""
    return str(REASONS.get(code, _("This cannot be used.")))


class UploadForm(forms.Form):
    """A file of shoppers."""

    file = forms.FileField(
        label=_("File"), help_text=_("CSV with a heading line, or one JSON object a line, in UTF-8.")
    )


class MappingForm(forms.Form):
    """What each column is, and what is said of consents where no column says it."""

    consent_source = forms.CharField(
        label=_("Where they agreed"),
        max_length=80,
        required=False,
        help_text=_("Where no column says so; such as “checkout” or “paper form”."),
    )
    consent_at = forms.DateField(
        label=_("When they agreed"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}),
        help_text=_("Where no column says so. An older consent never overrides a newer withdrawal."),
    )

    def __init__(self, data: QueryDict | None, *, columns: Sequence[str]) -> None:
        guesses = people_files.guessed(columns)
        super().__init__(data)
        self.columns = list(columns)
        for number, column in enumerate(columns):
            self.fields[f"column_{number}"] = forms.ChoiceField(
                label=column, choices=list(PLACE_NAMES.items()), required=False, initial=guesses[column]
            )

    def column_fields(self) -> list[forms.BoundField]:
        """The choices of the columns, in their order."""
        return [self[f"column_{number}"] for number in range(len(self.columns))]

    def mapped(self) -> Mapped:
        """The answer, once the form is valid."""
        places = {column: self.cleaned_data[f"column_{number}"] for number, column in enumerate(self.columns)}
        day = self.cleaned_data["consent_at"]
        return Mapped(places, self.cleaned_data["consent_source"], day.isoformat() if day else "")


class ConsentForm(forms.Form):
    """What a shopper said to a member of the team."""

    channel = forms.ChoiceField(label=_("Channel"), choices=Channel.choices)
    given = forms.ChoiceField(label=_("The shopper"), choices=[("yes", _("agrees")), ("no", _("takes it back"))])
    source = forms.CharField(label=_("Where they said so"), max_length=80)


class EraseForm(forms.Form):
    """The confirmation of an erasure."""

    confirm = forms.BooleanField(label=_("I have checked that this is the right shopper; this cannot be undone."))
    objected = forms.BooleanField(
        label=_("The shopper objects to marketing: keep the addresses as suppressed."), required=False
    )


class SuppressionForm(forms.Form):
    """One address or unit by hand."""

    value = forms.CharField(label=_("Address or unit"), max_length=254)
    channel = forms.ChoiceField(
        label=_("Channel"), required=False, choices=[("", _("every channel")), *Channel.choices]
    )
    reason = forms.ChoiceField(
        label=_("Why"), choices=Suppression.Reason.choices, initial=Suppression.Reason.MANUAL.value
    )


class SuppressionFileForm(forms.Form):
    """A list of addresses or units, one a line, in the first column."""

    file = forms.FileField(
        label=_("File"), help_text=_("CSV or plain text in UTF-8; the first cell of each line is the address or unit.")
    )
    channel = forms.ChoiceField(
        label=_("Channel"), required=False, choices=[("", _("every channel")), *Channel.choices]
    )
    reason = forms.ChoiceField(
        label=_("Why"), choices=Suppression.Reason.choices, initial=Suppression.Reason.UNSUBSCRIBED.value
    )
