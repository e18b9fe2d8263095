"""The steps of the campaign wizard, each a form of its own over what the author has entered so far.

Peculiar: a step is bound to the draft's data, not to a request, so that what is wrong stands beside its field also when
the author comes back another day. A step of which nothing was entered yet is unbound and says nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django_stubs_ext import StrPromise

from campaigns import facts
from campaigns.forms.campaigns import AudienceChoice, ChosenBrand, ControlForm, landing_page
from campaigns.models import Audience, Campaign, CampaignDraft, Product
from campaigns.models.campaign import OfferKind
from campaigns.offer_words import explain
from campaigns.queries import drafts as queries
from core.models import User

BRIEF = (
    *("name", "brand", "language", "goal", "tone"),
    *("offer_kind", "offer_value", "code", "deadline", "landing_url"),
)
CONTROL = ("control_headline", "control_body", "control_call_to_action")


@dataclass(frozen=True)
class Step:
    """One page of the wizard: `fields` are the names it writes into the draft's data."""

    key: str
    label: StrPromise
    fields: tuple[str, ...]


STEPS: Mapping[str, Step] = {
    one.key: one
    for one in (
        Step("brief", gettext_lazy("Brief"), BRIEF),
        Step("products", gettext_lazy("Products"), ("products",)),
        Step("audiences", gettext_lazy("Audiences"), ("audiences",)),
        Step("channel", gettext_lazy("Channel"), ("channel",)),
        Step("control", gettext_lazy("Shown today"), CONTROL),
        Step("overview", gettext_lazy("Overview"), ()),
    )
}


class BriefStep(forms.ModelForm[Campaign]):
    """What the campaign is and what the shopper gets."""

    landing_url = landing_page()

    class Meta:
        model = Campaign
        fields = BRIEF
        widgets = {"deadline": forms.DateInput(attrs={"type": "date"})}

    def __init__(self, *args: Any, member: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["brand"] = ChosenBrand(member)

    def clean(self) -> dict[str, Any]:
        """What fields say together: the offer and its value, the code and the offer, the last day and today."""
        data = super().clean() or {}
        kind = data.get("offer_kind", OfferKind.NONE)
        try:
            facts.checked_offer(kind, data.get("offer_value", ""))
        except facts.OfferError as problem:
            self.add_error("offer_value", explain(problem))
        if data.get("code") and kind == OfferKind.NONE:
            self.add_error("code", _("needs an offer that it unlocks."))
        if data.get("deadline") and data["deadline"] < timezone.localdate():
            self.add_error("deadline", _("lies in the past."))
        return data


class ProductsStep(forms.Form):
    """The products in the order they were chosen; they must be of the brand, and the first bears the offer."""

    products = forms.Field(label=gettext_lazy("Products"), required=False)

    def __init__(self, *args: Any, member: User, entered: Mapping[str, Any], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.entered = entered
        self.chosen: list[Product] = queries.chosen_products(member, entered.get("products", []))

    def clean(self) -> dict[str, Any]:
        """The products themselves."""
        if not self.chosen:
            self.add_error("products", _("Choose at least one product."))
            return {"products": []}
        brand = str(self.entered.get("brand", ""))
        for one in self.chosen:
            if brand and str(one.brand_id) != brand:
                self.add_error("products", _("%(sku)s is not of the brand you chose. Remove it.") % {"sku": one.sku})
        if self._amount() >= self.chosen[0].price:
            self.add_error("products", _("The offer takes off as much as the first product costs, or more."))
        return {"products": self.chosen}

    def _amount(self) -> Decimal:
        if self.entered.get("offer_kind") != OfferKind.AMOUNT:
            return Decimal(-1)
        try:
            return Decimal(facts.checked_offer(OfferKind.AMOUNT, str(self.entered.get("offer_value", ""))))
        except facts.OfferError:
            return Decimal(-1)


class AudiencesStep(forms.Form):
    """Who the copy is for."""

    audiences = AudienceChoice(
        Audience.objects.filter(is_archived=False),
        label=gettext_lazy("Audiences"),
        error_messages={"required": gettext_lazy("Choose at least one audience.")},
    )


class ChannelStep(forms.ModelForm[Campaign]):
    """How the copy reaches the shopper."""

    class Meta:
        model = Campaign
        fields = ("channel",)
        error_messages = {"channel": {"required": gettext_lazy("Choose a channel.")}}


def steps_of(draft: CampaignDraft, member: User, *, first: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The form of each step that writes; `first` are the values of a brief in which nothing was entered yet."""
    data = draft.data
    bound = {key: data if touched(draft, key) else None for key in STEPS}
    return {
        "brief": BriefStep(bound["brief"], member=member, initial=dict(first or {})),
        "products": ProductsStep(bound["products"], member=member, entered=data),
        "audiences": AudiencesStep(bound["audiences"]),
        "channel": ChannelStep(bound["channel"]),
        "control": ControlForm(bound["control"]),
    }


def touched(draft: CampaignDraft, step: str) -> bool:
    """Whether anything of a step was entered, if only an empty page that was sent."""
    return any(name in draft.data for name in STEPS[step].fields)
