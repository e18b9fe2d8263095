"""The form of a campaign's plan: shares are typed in percent; what is left empty comes from past experiments."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from core import errors
from core.forms import show_refusal
from experiments.planning.inputs import MOST_ARMS, MOST_DAYS

_FIELDS = {"baseline": "baseline_percent", "variance": "baseline_percent", "share": "share_percent"}


class CampaignPlanForm(forms.Form):
    """What a length is chosen by."""

    days = forms.IntegerField(
        label=_("Days of the campaign"),
        min_value=7,
        max_value=MOST_DAYS,
        help_text=_("The test and the days after it on which everyone gets the text that was found best."),
    )
    arms = forms.IntegerField(
        label=_("Texts in each test"),
        min_value=2,
        max_value=MOST_ARMS,
        help_text=_("With the one shown today. Fewer texts find the best one sooner."),
    )
    share_percent = forms.FloatField(
        label=_("Share of shoppers in the test, %"),
        min_value=0.1,
        max_value=100,
        help_text=_("The others go on seeing what is shown today."),
    )
    daily_units = forms.FloatField(
        label=_("New shoppers a day in one audience"),
        min_value=1,
        max_value=100_000_000,
        required=False,
        help_text=_("Empty: as in your last experiment."),
    )
    baseline_percent = forms.FloatField(
        label=_("Shoppers who buy today, %"),
        min_value=0.001,
        max_value=99.9,
        required=False,
        help_text=_("Of a hundred who see the text, how many buy. Empty: as in your last experiment."),
    )

    def arguments(self) -> dict[str, Any]:
        """The checked values as `services.planning.compare_lengths` takes them."""
        data = self.cleaned_data
        baseline = data["baseline_percent"]
        return {
            "days": data["days"],
            "arms": data["arms"],
            "share": data["share_percent"] / 100,
            "daily_units": data["daily_units"],
            "baseline": None if baseline is None else baseline / 100,
        }

    def take(self, problem: errors.InvalidInput) -> None:
        """Show what the service refused at the field that it names."""
        show_refusal(self, problem, _FIELDS)
