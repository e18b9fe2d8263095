"""The form of a new link to a report."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from experiments.services.sharing import LEAST_DAYS, MOST_DAYS

USUAL_DAYS = 14


class ShareForm(forms.Form):
    """For how long it opens."""

    days = forms.IntegerField(
        label=_("Open for (days)"), min_value=LEAST_DAYS, max_value=MOST_DAYS, initial=USUAL_DAYS, required=True
    )
