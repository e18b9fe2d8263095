"""What is wrong with an offer value, for the member who typed it."""

from __future__ import annotations

from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django_stubs_ext import StrPromise

from campaigns.facts import LARGEST_AMOUNT, OfferError

_SENTENCES: dict[str, StrPromise] = {
    "not_empty": gettext_lazy("must be empty where there is no offer."),
    "missing": gettext_lazy("says what the offer gives; it is missing."),
    "decimals": gettext_lazy("must be a number with at most two decimals."),
    "percent": gettext_lazy("must be over 0 and under 100 percent."),
}


def explain(problem: OfferError) -> str:
    """The sentence, which follows the name of the field."""
    if problem.code == "number":
        return _("must be a number for this offer, such as 20; got %(value)s.") % {"value": problem.value}
    if problem.code == "amount":
        return _("must be over 0 and at most %(most)s.") % {"most": number_format(LARGEST_AMOUNT, force_grouping=True)}
    return str(_SENTENCES[problem.code])
