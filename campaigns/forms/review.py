"""The filters of the review queue. What cannot be used is left out: a filter is no input to be refused."""

from __future__ import annotations

from typing import Any

from django import forms
from django.db.models import Count, Q, QuerySet
from django.utils.translation import gettext_lazy as _

from campaigns.models import Audience, Brand, Campaign, Copy
from campaigns.models.campaign import CHANNEL_CHOICES
from campaigns.models.copies import CopyStatus
from campaigns.models.shop import Language
from core import access
from core.languages import page_language
from core.models import User

ALL = [("", _("all"))]
FINDINGS = [("clean", _("nothing found")), ("warn", _("to look at")), ("block", _("blocked"))]
# A candidate of the studio is no matter of a reviewer before it is handed in.
IN_STUDIO = frozenset({CopyStatus.DRAFT, CopyStatus.DISCARDED})
HANDED_IN = [(state.value, state.label) for state in CopyStatus if state not in IN_STUDIO]
FIELDS = {
    "campaign": "campaign__key",
    "brand": "campaign__brand__key",
    "audience": "audience__key",
    "channel": "campaign__channel",
    "language": "campaign__language",
}
CHECKS = {
    "clean": Q(blocking=0, warning=0),
    "warn": Q(blocking=0, warning__gt=0),
    "block": Q(blocking__gt=0),
}


class QueueForm(forms.Form):
    """Which copy to list; nothing chosen is what waits."""

    campaign = forms.ChoiceField(label=_("Campaign"), required=False)
    brand = forms.ChoiceField(label=_("Brand"), required=False)
    audience = forms.ChoiceField(label=_("Audience"), required=False)
    channel = forms.ChoiceField(label=_("Channel"), required=False, choices=[*ALL, *CHANNEL_CHOICES])
    language = forms.ChoiceField(label=_("Language"), required=False, choices=[*ALL, *Language.choices])
    state = forms.ChoiceField(
        label=_("State"),
        required=False,
        choices=[("", _("waiting for review")), ("all", _("all")), *HANDED_IN],
    )
    findings = forms.ChoiceField(label=_("Checks"), required=False, choices=[*ALL, *FINDINGS])

    def __init__(self, data: Any, *, member: User) -> None:
        super().__init__(data)
        campaigns = access.visible(member, Campaign.objects.order_by("name")).values_list("key", "name")
        brands = access.visible(member, Brand.objects.order_by("name")).values_list("key", "name")
        audiences = [(one.key, one.name(page_language())) for one in Audience.objects.order_by("name_en")]
        for name, rows in (("campaign", campaigns), ("brand", brands), ("audience", audiences)):
            field = self.fields[name]
            assert isinstance(field, forms.ChoiceField)  # noqa: S101 - declared above
            field.choices = [*ALL, *rows]
        self.is_valid()

    def narrow(self, rows: QuerySet[Copy]) -> QuerySet[Copy]:
        """The copies that were asked for, with their findings counted."""
        asked = self.cleaned_data
        found = rows.annotate(
            blocking=Count("findings", filter=Q(findings__severity="block")),
            warning=Count("findings", filter=Q(findings__severity="warn")),
        )
        for name, path in FIELDS.items():
            if asked.get(name):
                found = found.filter(**{path: asked[name]})
        state = asked.get("state") or CopyStatus.PENDING
        found = found.exclude(status__in=IN_STUDIO) if state == "all" else found.filter(status=state)
        return found.filter(CHECKS[asked["findings"]]) if asked.get("findings") else found
