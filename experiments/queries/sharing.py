"""Links to a report: the address of each, and from an address back to its link.

The address is the row's number and a signature over number and nonce, so that who has one cannot make another, and a
copy of the table without the secret key opens nothing.
"""

from __future__ import annotations

from django.core.signing import BadSignature, Signer
from django.db.models import QuerySet

from experiments.models import Experiment, ReportLink

SALT = "experiments.report_link"
_LONGEST_NUMBER = 18


def links_of(experiment: Experiment) -> QuerySet[ReportLink]:
    """The links of a report, the newest first, with who made them."""
    return ReportLink.objects.filter(experiment=experiment).select_related("created_by").order_by("-id")


def token_of(link: ReportLink) -> str:
    """What stands in the address."""
    return f"{link.pk}-{Signer(salt=SALT).signature(_signed(link))}"


def link_by_token(token: str) -> ReportLink | None:
    """The link, whether it still opens or not; None for what nobody signed."""
    number, _, signature = token.partition("-")
    if not (number.isascii() and number.isdecimal() and len(number) <= _LONGEST_NUMBER):
        return None
    link = ReportLink.objects.filter(pk=int(number)).select_related("experiment", "created_by").first()
    if link is None:
        return None
    try:
        # Not compared by hand: this takes signatures of the keys before the present one, too.
        Signer(salt=SALT).unsign(f"{_signed(link)}:{signature}")
    except BadSignature:
        return None
    return link


def _signed(link: ReportLink) -> str:
    return f"{link.pk}:{link.nonce}"
