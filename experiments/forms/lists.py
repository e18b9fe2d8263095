"""What narrows the list of experiments. A value that cannot be used narrows nothing."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from experiments.models import Source
from experiments.models.experiment import STATUSES
from experiments.queries import ORDERS

SORTS = [("running", _("running first, then newest")), ("newest", _("newest first")), ("name", _("name"))]


class ExperimentFilter(forms.Form):
    """Read from the address, so that a list can be kept as a bookmark."""

    q = forms.CharField(label=_("Name or key"), max_length=100, required=False)
    state = forms.ChoiceField(label=_("State"), choices=[("", _("all")), *STATUSES], required=False)
    source = forms.ChoiceField(label=_("Source"), choices=[("", _("all")), *Source.choices], required=False)
    sort = forms.ChoiceField(label=_("Sort by"), choices=SORTS, required=False)
    further: tuple[forms.BoundField, ...] = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.label_suffix = ""
        self.is_valid()

    def asked(self, name: str) -> str:
        """One usable value; empty where there is none."""
        return self.cleaned_data.get(name) or ""

    def order(self) -> str:
        """The order asked for, else the usual one."""
        return self.asked("sort") or next(iter(ORDERS))

    @property
    def in_front(self) -> list[forms.BoundField]:
        """All of them: they are few."""
        return list(self)

    @property
    def narrows(self) -> bool:
        """Whether anything was asked for besides an order."""
        return any(self.asked(name) for name in ("q", "state", "source"))
