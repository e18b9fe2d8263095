"""Forms of products: the upload of a feed, its columns, and the edit of one product."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django import forms
from django.conf import settings
from django.db.models import QuerySet
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from campaigns.feeds import mapping as maps
from campaigns.models import Brand, Product
from campaigns.models.shop import Language, currency_code
from campaigns.product_words import field_name
from models_ml.brief import ATTRIBUTES

EDITED = ("category", "name_en", "name_zh", "description_en", "description_zh", "price", "list_price", "currency",
          "stock", "image_url", "url", "is_active")  # fmt: skip


class FeedForm(forms.Form):
    """A feed and what it does not say itself."""

    brand: forms.ModelChoiceField[Brand] = forms.ModelChoiceField(label=_("Brand"), queryset=Brand.objects.none())
    file = forms.FileField(
        label=_("File"),
        help_text=_("CSV, JSON, JSON lines, a Shopify export (CSV or JSON) or a Google Merchant feed (XML or TSV)."),
    )
    language = forms.ChoiceField(label=_("Language of the texts"), choices=Language.choices)
    currency = forms.CharField(
        label=_("Currency"),
        max_length=3,
        initial="USD",
        validators=[currency_code],
        help_text=_("For prices that name none: three letters, such as USD."),
    )

    def __init__(self, *args: Any, brands: QuerySet[Brand], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choice = self.fields["brand"]
        if isinstance(choice, forms.ModelChoiceField):
            choice.queryset = brands

    def clean_file(self) -> Any:
        """The file, if it is not above the limit."""
        file = self.cleaned_data["file"]
        most = settings.COPYLIFT_FEED_MAX_BYTES
        if (file.size or 0) > most:
            raise forms.ValidationError(gettext("The file is larger than %(most)d MB.") % {"most": most // 1024**2})
        return file


def field_choices() -> list[tuple[str, str]]:
    """What a column can be."""
    return [
        (maps.IGNORED, gettext("leave out")),
        *((name, field_name(name)) for name in (*maps.FIELDS, maps.ATTRIBUTE)),
    ]


def posted_mapping(data: Mapping[str, str], columns: list[str]) -> dict[str, str]:
    """The chosen fields: selects are named by the place of their column, since a column may bear any name."""
    known = {name for name, _label in field_choices()}
    chosen = {column: str(data.get(f"column-{place}", "")) for place, column in enumerate(columns)}
    return {column: field if field in known else maps.IGNORED for column, field in chosen.items()}


class ProductForm(forms.ModelForm[Product]):
    """One product. The facts that copy may state stand in both languages."""

    class Meta:
        model = Product
        fields = EDITED
        widgets = {
            "description_en": forms.Textarea({"rows": 4}),
            "description_zh": forms.Textarea({"rows": 4}),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for language, label in Language.choices:
            kept = self.instance.attributes.get(language) or {}
            for name in ATTRIBUTES:
                self.fields[f"{language}_{name}"] = forms.CharField(
                    label=f"{field_name(name)} ({label})", max_length=200, required=False, initial=kept.get(name, "")
                )

    def clean(self) -> dict[str, Any]:
        """One name is needed, and a list price is above the price."""
        values: dict[str, Any] = super().clean() or {}
        if not values.get("name_en") and not values.get("name_zh"):
            self.add_error("name_en", gettext("A name in one of the languages is needed."))
        before, price = values.get("list_price"), values.get("price")
        if isinstance(before, Decimal) and isinstance(price, Decimal) and before < price:
            self.add_error("list_price", gettext("The list price cannot be below the price."))
        return values

    def _post_clean(self) -> None:
        """Leave the row as it is stored: the service compares and writes."""

    def values(self) -> dict[str, Any]:
        """What is to be stored; attributes that are not edited here stay."""
        attributes = {language: dict(values) for language, values in self.instance.attributes.items()}
        for language, _label in Language.choices:
            own = attributes.setdefault(language, {})
            for name in ATTRIBUTES:
                own.pop(name, None)
                if text := self.cleaned_data[f"{language}_{name}"]:
                    own[name] = text
        return {name: self.cleaned_data[name] for name in EDITED} | {
            "attributes": {language: values for language, values in attributes.items() if values}
        }
