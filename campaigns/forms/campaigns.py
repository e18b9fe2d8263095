"""Forms of the campaign pages. They check what one field can say; what fields say together is the service's part."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms
from django.db.models import Q
from django.forms.boundfield import BoundField
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrPromise

from campaigns.models import Audience, Brand, Campaign, Product
from core import access, errors
from core.forms import show_refusal
from core.languages import page_language
from core.models import User

# More boxes than this nobody reads; a larger catalogue is entered through the product page's links.
MOST_PRODUCTS_LISTED = 200
MOST_COPIES_AN_AUDIENCE = 20

GROUPS: tuple[tuple[StrPromise, StrPromise | str, tuple[str, ...]], ...] = (
    (_("What it is"), "", ("name", "brand", "language", "channel", "goal", "tone")),
    (
        _("What the shopper gets"),
        _("Leave the value empty where there is no offer."),
        ("offer_kind", "offer_value", "code", "deadline", "landing_url"),
    ),
    (_("What is sold, and to whom"), "", ("products", "audiences")),
    (
        _("What the shop shows today"),
        _("The control: without it nobody could say what the new copy changes."),
        ("control_headline", "control_call_to_action", "control_body"),
    ),
)


class ProductChoice(forms.ModelMultipleChoiceField[Product]):
    """Products with their SKU, in the reader's language."""

    def label_from_instance(self, obj: Any) -> str:
        """Name and SKU."""
        return f"{obj.name(page_language())} · {obj.sku}"


class AudienceChoice(forms.ModelMultipleChoiceField[Audience]):
    """Audiences with what they are."""

    def label_from_instance(self, obj: Any) -> str:
        """Name and description."""
        language = page_language()
        described = obj.description(language)
        return f"{obj.name(language)}: {described}" if described else str(obj.name(language))


class ChosenBrand(forms.ModelChoiceField[Brand]):
    """A brand that the member may see."""

    def __init__(self, member: User) -> None:
        super().__init__(access.visible(member, Brand.objects.all()), label=_("Brand"))


def landing_page() -> forms.URLField:
    """Where a click leads; an address without a scheme is taken as https."""
    return forms.URLField(
        label=_("Landing page"),
        max_length=500,
        required=False,
        assume_scheme="https",
        help_text=_("Where a click leads."),
    )


class CampaignForm(forms.ModelForm[Campaign]):
    """A new campaign's whole brief."""

    products = ProductChoice(Product.objects.all(), label=_("Products"), widget=forms.CheckboxSelectMultiple)
    audiences = AudienceChoice(
        Audience.objects.filter(is_archived=False),
        label=_("Audiences"),
        widget=forms.CheckboxSelectMultiple,
        help_text=_("Each gets copy of its own and an experiment of its own."),
    )

    landing_url = landing_page()

    class Meta:
        model = Campaign
        fields = [name for _title, _about, names in GROUPS for name in names]
        widgets = {
            "deadline": forms.DateInput(attrs={"type": "date"}),
            "control_headline": forms.TextInput,
            "control_body": forms.Textarea(attrs={"rows": 3}),
            "control_call_to_action": forms.TextInput,
        }

    def __init__(self, *args: Any, member: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.member = member
        self.fields["brand"], field = ChosenBrand(member), self.fields["products"]
        assert isinstance(field, ProductChoice)  # noqa: S101 - declared above
        field.queryset = access.visible(member, Product.objects.all())
        field.widget.choices = [(product.pk, field.label_from_instance(product)) for product in self._listed()]

    def _listed(self) -> list[Product]:
        """The first products of the catalogue, and always those that are chosen."""
        chosen = [pk for pk in self._chosen() if str(pk).isdecimal()]
        open_to = access.visible(self.member, Product.objects.all())
        first = open_to.order_by("sku").values("pk")[:MOST_PRODUCTS_LISTED]
        return list(open_to.filter(Q(pk__in=first) | Q(pk__in=chosen)).order_by("sku"))

    def _chosen(self) -> Iterable[Any]:
        if isinstance(self.data, QueryDict) and self.is_bound:
            return self.data.getlist("products")
        return [getattr(one, "pk", one) for one in self.initial.get("products", ())]

    @property
    def groups(self) -> list[dict[str, Any]]:
        """The fields in the order of the page."""
        return [{"title": title, "about": about, "fields": self._bound(names)} for title, about, names in GROUPS]

    def _bound(self, names: Iterable[str]) -> list[BoundField]:
        return [self[name] for name in names]

    def take(self, problem: errors.CopyliftError) -> None:
        """Show what the service refused beside the fields it names."""
        show_refusal(self, problem)


class DuplicateForm(forms.ModelForm[Campaign]):
    """What may be another in a copy of a campaign's brief."""

    class Meta:
        model = Campaign
        fields = ("name", "channel", "language")


class ControlForm(forms.ModelForm[Campaign]):
    """What the shop shows today; the launch needs a headline and a text."""

    class Meta:
        model = Campaign
        fields = ("control_headline", "control_body", "control_call_to_action")
        widgets = {
            "control_headline": forms.TextInput,
            "control_body": forms.Textarea(attrs={"rows": 3}),
            "control_call_to_action": forms.TextInput,
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("control_headline", "control_body"):
            self.fields[name].required = True


class ScheduleForm(forms.Form):
    """When to launch, in the shop's time zone."""

    starts_at = forms.DateTimeField(
        label=_("Launch at"), input_formats=["%Y-%m-%dT%H:%M"], widget=forms.DateTimeInput({"type": "datetime-local"})
    )


class GenerateForm(forms.Form):
    """How much copy to write."""

    per_audience = forms.IntegerField(
        label=_("Copies for each audience"), min_value=1, max_value=MOST_COPIES_AN_AUDIENCE, initial=4
    )
