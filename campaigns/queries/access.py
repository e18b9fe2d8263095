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
    """The brands that are kept to members of whom this one is not; an administrator sees them all the same."""
    return Brand.objects.filter(members__isnull=False).exclude(members=user)


def may_see(user: User, brand: Brand) -> bool:
    """Whether the member may see what belongs to the brand."""
    return access.visible(user, Brand.objects.filter(pk=brand.pk)).exists()


def team_of(brand: Brand) -> QuerySet[User]:
    """The active members with a role who may see the brand: `may_see` for all of them at once."""
    team = User.objects.filter(is_active=True, groups__isnull=False).distinct()
    if not brand.members.exists():
        return team
    return team.filter(Q(brands=brand) | Q(groups__name=Role.ADMINISTRATOR) | Q(is_superuser=True))


def install() -> None:
    """Lay down a rule for each table."""
    for table, path in PATHS.items():
        access.register(table, _rule(path))


def _rule(path: str) -> access.Rule:
    def narrow(user: User, rows: Any) -> Any:
        # An administrator sees all, and nothing is asked of the database for it.
        if user.has_role(Role.ADMINISTRATOR):
            return rows
        # Said as what is left out: rows without a brand (an imported experiment) stay in.
        belongs = Q(**{f"{path}__in": hidden_brands(user).values("pk")})
        return rows.exclude(belongs)

    return narrow
