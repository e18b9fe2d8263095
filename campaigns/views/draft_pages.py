"""What the pages of the wizard show, in words: where each step stands, audiences with counts, channels with limits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django_stubs_ext import StrPromise

from campaigns.forms.drafts import STEPS, touched
from campaigns.models import Audience, CampaignDraft
from campaigns.queries.drafts import shoppers_in
from campaigns.views import reads
from core.languages import page_language
from models_ml.channels import CHANNELS, PREHEADER, SMS_TEXT

CHANNEL_WORDS: Mapping[str, tuple[StrPromise, StrPromise]] = {
    "search_ad": (gettext_lazy("Search ad"), gettext_lazy("Shown above search results to who looks for it.")),
    "push": (gettext_lazy("Push notification"), gettext_lazy("On the phone of who has your app and agreed.")),
    "sms": (gettext_lazy("SMS"), gettext_lazy("A text message to who agreed; each one costs.")),
    "email": (gettext_lazy("E-mail"), gettext_lazy("Subject, preheader and text, to who agreed.")),
    "banner": (gettext_lazy("Web banner"), gettext_lazy("A picture's words on your own or other sites.")),
    "product_page": (gettext_lazy("Product page"), gettext_lazy("The words beside the product in your shop.")),
}
PART_WORDS: Mapping[str, StrPromise] = {
    "Headline": gettext_lazy("Headline"),
    "Description": gettext_lazy("Description"),
    "Sitelink": gettext_lazy("Sitelink"),
    "Title": gettext_lazy("Title"),
    "Text": gettext_lazy("Text"),
    "Action": gettext_lazy("Action"),
    "Whole message": gettext_lazy("Whole message"),
    "Subject": gettext_lazy("Subject"),
    "Preheader": gettext_lazy("Preheader"),
    "Opening and text": gettext_lazy("Opening and text"),
    "Button": gettext_lazy("Button"),
    "Line below": gettext_lazy("Line below"),
}


def line(draft: CampaignDraft) -> dict[str, Any]:
    """A brief in the list of unfinished ones."""
    step = draft.step if draft.step in STEPS else "brief"
    return {"draft": draft, "step": step, "label": STEPS[step].label}


def step_lines(draft: CampaignDraft, forms: Mapping[str, Any], now: str) -> list[dict[str, Any]]:
    """Every step with its place: `done`, `wrong` where something must be put right, or empty: nothing entered."""
    return [
        {"key": key, "label": step.label, "place": _place(draft, forms, key), "now": key == now}
        for key, step in STEPS.items()
    ]


def _place(draft: CampaignDraft, forms: Mapping[str, Any], key: str) -> str:
    if key not in forms or not touched(draft, key):
        return ""
    return "done" if forms[key].is_valid() else "wrong"


def dress(products: Iterable[Any]) -> None:
    """Each product with its name and price as the reader sees them."""
    reads.dress(products, page_language())


def audience_lines(draft: CampaignDraft) -> dict[str, Any]:
    """The audiences with what they are and how many shoppers fit it now."""
    found = list(Audience.objects.filter(is_archived=False).order_by("key"))
    total, counts = shoppers_in(found)
    chosen, language = {str(one) for one in draft.data.get("audiences", [])}, page_language()
    lines = [
        {
            "pk": one.pk,
            "name": one.name(language),
            "description": one.description(language),
            "shoppers": counts[one.pk],
            "share": counts[one.pk] / total if total else None,
            "checked": str(one.pk) in chosen,
        }
        for one in found
    ]
    return {"lines": lines, "total": total}


def channel_cards(chosen: str) -> list[dict[str, Any]]:
    """Each channel with its limits."""
    return [
        {"key": key, "name": name, "about": about, "limits": limits_of(key), "checked": key == chosen}
        for key, (name, about) in CHANNEL_WORDS.items()
    ]


def limits_of(key: str) -> list[tuple[str, str]]:
    """Parts of a channel with how long each may be; empty for an unknown channel."""
    channel = CHANNELS.get(key)
    if channel is None:
        return []
    return [(_part(channel.labels[part]), _limit(part, size)) for part, size in channel.limits.items()]


def _part(label: str) -> str:
    return str(PART_WORDS.get(label, label))


def _limit(part: str, size: int) -> str:
    if part == SMS_TEXT:
        return _("160 letters, or 70 with Chinese or emoji in it")
    words = ngettext("%(size)d letter, half as many in Chinese", "%(size)d letters, half as many in Chinese", size)
    found = words % {"size": size}
    return _("%(limit)s; the first sentence of the text") % {"limit": found} if part == PREHEADER else found


def overview(draft: CampaignDraft, forms: Mapping[str, Any]) -> dict[str, Any]:
    """Everything that was entered, and what is still missing, by step."""
    parts = [_part_of(draft, forms, key) for key in forms]
    return {"parts": parts, "complete": all(not part["problems"] for part in parts)}


def _part_of(draft: CampaignDraft, forms: Mapping[str, Any], key: str) -> dict[str, Any]:
    return {
        "key": key,
        "label": STEPS[key].label,
        "values": _entered(forms, key) if touched(draft, key) else [],
        "problems": _problems(forms[key]) if touched(draft, key) else [_("Nothing is entered here yet.")],
    }


def _problems(form: Any) -> list[str]:
    return [
        f"{form.fields[name].label if name in form.fields else ''}: {message}".removeprefix(": ")
        for name, found in form.errors.items()
        for message in found
    ]


def _entered(forms: Mapping[str, Any], key: str) -> list[tuple[str, str]]:
    form = forms[key]
    if key == "products":
        dress(form.chosen)
        return [(one.sku, f"{one.shown_name}, {one.shown_price}") for one in form.chosen]
    form.is_valid()
    if key == "audiences":
        language = page_language()
        found = form.cleaned_data.get("audiences", [])
        return [(one.name(language), one.description(language)) for one in found]
    values = [(str(form.fields[name].label), _shown(form, name)) for name in STEPS[key].fields]
    return [(label, value) for label, value in values if value]


def _shown(form: Any, name: str) -> str:
    """A value as a person reads it: the label of a choice; what was typed where it cannot be used."""
    if name == "brand":
        return str(form.cleaned_data.get("brand") or "")
    if name == "channel":
        return str(CHANNEL_WORDS.get(form.data.get("channel", ""), ("",))[0])
    value = form.data.get(name, "")
    choices = dict(getattr(form.fields[name], "choices", ()))
    return str(choices.get(value, value))
