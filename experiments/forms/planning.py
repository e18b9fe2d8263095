"""The form of the plan: what is left empty comes from the shop's history, which the service looks up."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from core import errors
from core.forms import show_refusal

# Names that differ between the page and the plan.
_FIELDS = {"share": "share_percent", "lift": "lift_percent", "variance": "deviation", "prior_spread": "metric"}


class PlanForm(forms.Form):
    """Shares and lifts are typed in percent."""

    metric = forms.CharField(
        label=_("Goal metric"),
        max_length=80,
        initial="conversion",
        help_text=_("The key of the metric, as result pages and the API call it."),
    )
    arms = forms.IntegerField(
        label=_("Arms"), min_value=2, max_value=10, initial=3, help_text=_("Versions, the present one included.")
    )
    choose_arms = forms.BooleanField(
        label=_("Fewer arms will do"), required=False, help_text=_("Let the plan choose up to so many.")
    )
    days = forms.IntegerField(
        label=_("Days available"), min_value=1, max_value=366, initial=28, help_text=_("The test and what follows it.")
    )
    daily_units = forms.FloatField(
        label=_("New shoppers a day"), min_value=1, required=False, help_text=_("Empty: as in your last experiment.")
    )
    baseline = forms.FloatField(
        label=_("Value today"),
        min_value=0,
        required=False,
        help_text=_("For a share 0.02 is 2 %. Empty: from history."),
    )
    deviation = forms.FloatField(
        label=_("Standard deviation"),
        min_value=0,
        required=False,
        help_text=_("How much single shoppers differ. Empty: from history, or from the share."),
    )
    share_percent = forms.FloatField(
        label=_("Traffic share, %"),
        min_value=0.1,
        max_value=100,
        initial=100,
        help_text=_("At most so many take part."),
    )
    lift_percent = forms.FloatField(
        label=_("Lift to find, %"),
        min_value=0.01,
        max_value=1000,
        required=False,
        help_text=_("Empty: the lift that half of past changes exceed."),
    )
    alpha = forms.FloatField(
        label=_("Chance of a false call"), min_value=0.0001, max_value=0.5, initial=0.05, help_text=_("Usually 0.05.")
    )
    power = forms.FloatField(
        label=_("Power"),
        min_value=0.5,
        max_value=0.999,
        initial=0.8,
        help_text=_("The chance to find the lift if it is there."),
    )
    guardrails = forms.IntegerField(
        label=_("Guardrails"), min_value=0, max_value=50, initial=0, help_text=_("Metrics that must not get worse.")
    )

    def arguments(self) -> dict[str, Any]:
        """The checked values as `services.planning.plan_experiment` takes them."""
        data = dict(self.cleaned_data)
        share, lift = data.pop("share_percent"), data.pop("lift_percent")
        return data | {"share": share / 100, "lift": None if lift is None else lift / 100}

    def take(self, problem: errors.InvalidInput) -> None:
        """Show what the service refused at the field that it names."""
        show_refusal(self, problem, _FIELDS)

    @classmethod
    def of(cls, query: dict[str, Any]) -> PlanForm:
        """Bound to the query; what it leaves out that must be there takes its first value."""
        first = {name: field.initial for name, field in cls.base_fields.items() if field.initial is not None}
        return cls({**first, **query})
