"""Whose brand it is decides who sees it: one with members is theirs and the administrators', one without everyone's.

`install` lays these rules down in `core.access`, so that every door narrows its reads by `access.visible(user, rows)`,
the experiments' too, which know nothing of brands. No rule costs a query of its own.
"""

from __future__ import annotations

from typing import Any

from django.db.models import Q, QuerySet

from campaigns.models import Brand
from core import access
from core.models import User
from core.roles import Role

# From a table to the brand its rows belong to.
PATHS = {
    "campaigns.Brand": "pk",
    "campaigns.Product": "brand",
    "campaigns.ProductImport": "brand",
    "campaigns.Campaign": "brand",
    "campaigns.Copy": "campaign__brand",
    "campaigns.Review": "copy__campaign__brand",
    "campaigns.Finding": "copy__campaign__brand",
    "campaigns.CampaignExperiment": "campaign__brand",
    "campaigns.Placement": "brand",
    "campaigns.Wave": "campaign__brand",
    "campaigns.Message": "campaign__brand",
    "experiments.Experiment": "campaign_link__campaign__brand",
    "experiments.Analysis": "experiment__campaign_link__campaign__brand",
    "experiments.ReportLink": "experiment__campaign_link__campaign__brand",
}


def hidden_brands(user: User) -> QuerySet[Brand]:
    """The brands a member may not see; none for an administrator."""
    if user.has_role(Role.ADMINISTRATOR):
        return Brand.objects.none()
    return Brand.objects.filter(members__isnull=False).exclude(members=user)


def may_see(user: User, brand: Brand) -> bool:
    """Whether the member may see what belongs to the brand."""
    return access.visible(user, Brand.objects.filter(pk=brand.pk)).exists()


def install() -> None:
    """Lay down a rule for each table."""
    for table, path in PATHS.items():
        access.register(table, _rule(path))


def _rule(path: str) -> access.Rule:
    def narrow(user: User, rows: Any) -> Any:
        # An administrator sees all, and nothing is asked of the database for it.
        if user.has_role(Role.ADMINISTRATOR):
            return rows
        # As a positive condition: rows without a brand (an imported experiment) stay in.
        belongs = Q(**{f"{path}__in": hidden_brands(user).values("pk")})
        return rows.exclude(belongs)

    return narrow
