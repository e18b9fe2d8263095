"""What narrows the list of campaigns. A value that cannot be used is said beside its field and narrows nothing."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from campaigns.models import Brand
from campaigns.models.campaign import CHANNEL_CHOICES, CampaignStatus
from campaigns.queries import listing
from core import access
from core.models import User

SORTS = [
    (listing.NEWEST, _("newest first")),
    ("name", _("name")),
    ("last_day", _("last day, nearest first")),
    ("state", _("state")),
]


class CampaignFilter(forms.Form):
    """Read from the address, so that a list can be kept as a bookmark."""

    q = forms.CharField(label=_("Name or key"), max_length=100, required=False)
    state = forms.ChoiceField(label=_("State"), choices=[("", _("all")), *CampaignStatus.choices], required=False)
    brand = forms.ModelChoiceField(
        label=_("Brand"), queryset=Brand.objects.none(), to_field_name="key", empty_label=_("all"), required=False
    )
    channel = forms.ChoiceField(label=_("Channel"), choices=[("", _("all")), *CHANNEL_CHOICES], required=False)
    since = forms.DateField(
        label=_("Made from"), widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"), required=False
    )
    until = forms.DateField(
        label=_("Made until"), widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"), required=False
    )
    sort = forms.ChoiceField(label=_("Sort by"), choices=SORTS, required=False)

    def __init__(self, *args: Any, member: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.label_suffix = ""
        self.fields["brand"].queryset = access.visible(member, Brand.objects.all())  # type: ignore[attr-defined]

    def wanted(self) -> listing.Wanted:
        """The usable values."""
        self.is_valid()
        values: dict[str, Any] = dict(self.cleaned_data)
        return listing.Wanted(**{**values, "sort": values.get("sort") or listing.NEWEST})  # type: ignore[typeddict-item]

    @property
    def in_front(self) -> list[forms.BoundField]:
        """What is asked most."""
        return [self[name] for name in ("q", "state", "sort")]

    @property
    def further(self) -> list[forms.BoundField]:
        """What is folded away until it is asked."""
        return [self[name] for name in ("brand", "channel", "since", "until")]

    @property
    def goes_further(self) -> bool:
        """Whether anything was entered there."""
        return any(self.data.get(field.name) for field in self.further)

    @property
    def narrows(self) -> bool:
        """Whether anything was asked for besides an order."""
        return any(value for name, value in self.wanted().items() if name != "sort")
