"""The form of a placement. Only brands and campaigns that the member may see are offered."""

from __future__ import annotations

import re
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from campaigns.models import Brand, Campaign, Placement
from campaigns.models.campaign import CampaignStatus
from campaigns.services.placements import WEB_CHANNELS
from core import access
from core.models import User


class PlacementForm(forms.Form):
    """A spot on the shop's pages. The brand is chosen once; of an existing placement it stays."""

    name = forms.CharField(
        label=_("Name"), max_length=120, help_text=_("Where it stands, such as “home page, below the slider”.")
    )
    brand: forms.ModelChoiceField[Brand] = forms.ModelChoiceField(label=_("Brand"), queryset=Brand.objects.none())
    campaign: forms.ModelChoiceField[Campaign] = forms.ModelChoiceField(
        label=_("Campaign"),
        queryset=Campaign.objects.none(),
        required=False,
        empty_label=_("none: pages keep their own content"),
        help_text=_("A campaign of the same brand for web banners or product pages. It is shown once it runs."),
    )
    origins = forms.CharField(
        label=_("Pages of"),
        max_length=4000,
        widget=forms.Textarea(attrs={"rows": 3, "placeholder": "https://shop.example"}),
        help_text=_("One origin a line, such as https://shop.example. Pages of no other site may ask."),
    )
    is_active = forms.BooleanField(
        label=_("Active"), required=False, help_text=_("Off: pages that bear the code keep their own content.")
    )

    def __init__(self, data: Any = None, *, member: User, placement: Placement | None = None) -> None:
        super().__init__(data, initial=_initial(placement) if placement else None)
        self._offer("brand", access.visible(member, Brand.objects.order_by("name")))
        campaigns = access.visible(member, Campaign.objects.select_related("brand").filter(channel__in=WEB_CHANNELS))
        campaigns = campaigns.exclude(status=CampaignStatus.ARCHIVED).order_by("brand__name", "name")
        if placement is None:
            del self.fields["is_active"]
        else:
            del self.fields["brand"]
            # The one that is there stays on offer, archived or not, so that saving changes nothing else.
            kept = Campaign.objects.select_related("brand").filter(placements=placement)
            campaigns = (campaigns.filter(brand=placement.brand) | kept).distinct()
        self._offer("campaign", campaigns)

    def clean_origins(self) -> list[str]:
        """The lines; a comma parts them as well."""
        return [one.strip() for one in re.split(r"[\n,]", self.cleaned_data["origins"]) if one.strip()]

    def _offer(self, name: str, rows: Any) -> None:
        choice = self.fields[name]
        if isinstance(choice, forms.ModelChoiceField):
            choice.queryset = rows


def _initial(placement: Placement) -> dict[str, Any]:
    return {
        "name": placement.name,
        "campaign": placement.campaign_id,
        "origins": "\n".join(placement.origins),
        "is_active": placement.is_active,
    }
