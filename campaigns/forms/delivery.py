"""Forms of delivery: a test message to oneself, and what is looked for among the messages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.utils.translation import gettext_lazy as _

from campaigns.models import Campaign, Channel, Copy, Message
from campaigns.services.trying import CONTROL

ADDRESS_LABELS = {Channel.SMS.value: _("Your telephone number"), Channel.PUSH.value: _("The push token of your phone")}


class TryForm(forms.Form):
    """Which text, and for push and text messages whereto; an e-mail goes to the member's own address."""

    text = forms.ChoiceField(label=_("Text"))
    address = forms.CharField(max_length=300, required=False)

    def __init__(self, *args: Any, campaign: Campaign, copies: Sequence[Copy], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [(str(one.pk), str(one)) for one in copies]
        control = [(CONTROL, _("what is shown today (the control)"))] if campaign.control_headline else []
        self.fields["text"] = forms.ChoiceField(label=_("Text"), choices=[*choices, *control])
        if campaign.channel == Channel.EMAIL:
            del self.fields["address"]
        else:
            self.fields["address"].label = ADDRESS_LABELS.get(campaign.channel, _("Address"))
            self.fields["address"].required = True


class MessagesForm(forms.Form):
    """What is looked for; a value that cannot be used finds everything."""

    state = forms.ChoiceField(label=_("State"), required=False, choices=[("", _("all")), *Message.State.choices])
    arm = forms.ChoiceField(label=_("Arm"), required=False)
    wave = forms.IntegerField(label=_("Wave"), required=False, min_value=1, widget=forms.HiddenInput)

    def __init__(self, *args: Any, arms: Sequence[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["arm"] = forms.ChoiceField(label=_("Arm"), required=False, choices=[("", _("all")), *arms])

    def filters(self) -> dict[str, Any]:
        """The usable values by field."""
        self.is_valid()
        return {name: value for name, value in self.cleaned_data.items() if value}

    def as_query(self) -> str:
        """The same, for the address of the next page."""
        return urlencode(self.filters())
