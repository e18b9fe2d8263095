"""Forms of a brand: the brand, its required texts as rows that work without JavaScript, the box to try a text."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from django import forms
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django_stubs_ext import StrPromise

from campaigns.models import Brand
from campaigns.models.campaign import Tone
from campaigns.models.shop import Language
from core import errors
from core.models import User
from models_ml.channels import CHANNELS

PLACES: dict[str, StrPromise] = {
    "CN": gettext_lazy("China"),
    "EU": gettext_lazy("European Union"),
    "US": gettext_lazy("United States"),
    "KR": gettext_lazy("Republic of Korea"),
}
# The names stand in the catalogue because the wizard says them too.
CHANNEL_NAMES: dict[str, StrPromise] = {channel.key: gettext_lazy(channel.name) for channel in CHANNELS.values()}
MOST_WORDS, LONGEST_WORD = 300, 60
MOST_TEXTS = 12
_BETWEEN = re.compile(r"[\n,，、;；]+")
EDITED = (
    "name", "voice", "tone", "default_language", "banned_words", "preferred_words", "jurisdictions", "sender_name",
    "sender_email", "postal_address", "quiet_from", "quiet_until", "cap_messages", "cap_days", "second_approver_from",
    "members",
)  # fmt: skip


class WordsField(forms.CharField):
    """Words, one a line or with commas; each once, in the order they were typed."""

    widget = forms.Textarea({"rows": 4})

    def prepare_value(self, value: Any) -> Any:
        """A stored list as lines."""
        return "\n".join(value) if isinstance(value, list) else value

    def clean(self, value: Any) -> Any:
        """The list. Refuses a word that is too long and a list that is."""
        words = [word.strip() for word in _BETWEEN.split(super().clean(value))]
        found = list(dict.fromkeys(word for word in words if word))
        for word in found:
            if len(word) > LONGEST_WORD:
                text = _("“%(word)s” is longer than %(most)d characters.")
                raise forms.ValidationError(text % {"word": f"{word[:20]}…", "most": LONGEST_WORD})
        if len(found) > MOST_WORDS:
            raise forms.ValidationError(_("At most %(most)d words.") % {"most": MOST_WORDS})
        return found


def places_with(codes: Iterable[str]) -> list[tuple[str, str]]:
    """The places to choose from: those with rules, and whatever codes are stored already."""
    return [(code, str(PLACES.get(code, code))) for code in dict.fromkeys([*PLACES, *codes])]


class BrandForm(forms.ModelForm[Brand]):
    """One brand. `values` is what the service takes; the form itself stores nothing."""

    banned_words = WordsField(
        label=gettext_lazy("Banned words"),
        required=False,
        help_text=gettext_lazy("One a line. Copy with one of them is blocked."),
    )
    preferred_words = WordsField(
        label=gettext_lazy("Preferred words"),
        required=False,
        help_text=gettext_lazy(
            "One a line. “bag > tote” means: say tote rather than bag; then the check points to it."
        ),
    )
    tone = forms.ChoiceField(label=gettext_lazy("Usual tone"), choices=Tone.choices)
    jurisdictions = forms.MultipleChoiceField(
        label=gettext_lazy("Sells in"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy("The rule packs of these places count for every copy of the brand."),
    )

    class Meta:
        model = Brand
        fields = EDITED
        widgets = {
            "voice": forms.Textarea({"rows": 2}),
            "postal_address": forms.Textarea({"rows": 2}),
            "quiet_from": forms.TimeInput({"type": "time"}, format="%H:%M"),
            "quiet_until": forms.TimeInput({"type": "time"}, format="%H:%M"),
            "members": forms.CheckboxSelectMultiple,
        }
        help_texts = {
            "postal_address": gettext_lazy("Shown in every e-mail; the law of several places asks for it."),
            "quiet_from": gettext_lazy("In the shopper's own time zone, where it is known."),
        }

    def __init__(self, *args: Any, team: QuerySet[User], may_set_approvers: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        places, members = self.fields["jurisdictions"], self.fields["members"]
        assert isinstance(places, forms.MultipleChoiceField)  # noqa: S101 - laid down above
        assert isinstance(members, forms.ModelMultipleChoiceField)  # noqa: S101 - laid down above
        places.choices = places_with(self.instance.jurisdictions or ())
        members.queryset = team
        self.fields["second_approver_from"].disabled = not may_set_approvers
        if not may_set_approvers:
            self.fields["second_approver_from"].help_text = gettext_lazy("An administrator sets this.")

    def clean(self) -> dict[str, Any]:
        """Quiet hours have both ends."""
        values: dict[str, Any] = super().clean() or {}
        if (values.get("quiet_from") is None) != (values.get("quiet_until") is None):
            self.add_error("quiet_until", _("Quiet hours need both their beginning and their end."))
        elif values.get("quiet_from") is not None and values["quiet_from"] == values.get("quiet_until"):
            self.add_error("quiet_until", _("Quiet hours cannot end when they begin: no message would ever go out."))
        return values

    def _post_clean(self) -> None:
        """Leave the row as it is stored: the service compares and writes."""

    def values(self) -> dict[str, Any]:
        """What is to be stored."""
        return {name: self.cleaned_data[name] for name in EDITED if name != "members"}

    def members(self) -> list[User]:
        """Who may see the brand."""
        return list(self.cleaned_data["members"])

    def take(self, problem: errors.CopyliftError) -> None:
        """Show what the service refused, at its field."""
        for one in problem.problems:
            self.add_error(one.field if one.field in self.fields else None, one.message)
        if not problem.problems:
            self.add_error(None, problem.message)


class DisclaimerForm(forms.Form):
    """One required text; an empty one is left out."""

    text = forms.CharField(label=gettext_lazy("Text"), max_length=200, required=False)
    language = forms.ChoiceField(
        label=gettext_lazy("In copy in"),
        required=False,
        choices=[("", gettext_lazy("both languages")), *Language.choices],
    )
    channels = forms.MultipleChoiceField(
        label=gettext_lazy("On these channels (none: all)"),
        required=False,
        choices=list(CHANNEL_NAMES.items()),
        widget=forms.CheckboxSelectMultiple,
    )
    jurisdictions = forms.MultipleChoiceField(
        label=gettext_lazy("In these places (none: all)"), required=False, widget=forms.CheckboxSelectMultiple
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        places = self.fields["jurisdictions"]
        assert isinstance(places, forms.MultipleChoiceField)  # noqa: S101 - laid down above
        places.choices = places_with(self.initial.get("jurisdictions", ()))


DisclaimerRows = forms.formset_factory(
    DisclaimerForm, extra=1, max_num=MOST_TEXTS, validate_max=True, absolute_max=MOST_TEXTS
)


def disclaimers(rows: Any) -> list[dict[str, Any]]:
    """The rows as the brand keeps them."""
    names = ("text", "language", "channels", "jurisdictions")
    return [{name: one[name] for name in names} for one in rows.cleaned_data if one.get("text", "").strip()]


class TryForm(forms.Form):
    """A text to try. Nothing of it is stored."""

    headline = forms.CharField(label=gettext_lazy("Headline"), max_length=300, required=False)
    body = forms.CharField(
        label=gettext_lazy("Text"), max_length=1000, required=False, widget=forms.Textarea({"rows": 4})
    )
    channel = forms.ChoiceField(
        label=gettext_lazy("Channel"), choices=list(CHANNEL_NAMES.items()), initial="product_page"
    )
    language = forms.ChoiceField(label=gettext_lazy("Language"), choices=Language.choices)
    day = forms.DateField(
        label=gettext_lazy("Shown on"),
        widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d"),
        help_text=gettext_lazy("Rules have days on which they begin and end."),
    )

    @classmethod
    def empty(cls, brand: Brand) -> TryForm:
        """For a brand, as of today."""
        return cls(initial={"language": brand.default_language, "day": timezone.localdate()})

    def texts(self) -> dict[str, str]:
        """The parts of a copy."""
        return {"headline": self.cleaned_data["headline"], "body": self.cleaned_data["body"], "call_to_action": ""}
