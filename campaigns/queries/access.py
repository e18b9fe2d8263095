"""Whose brand it is decides who sees it: one with members is theirs and the administrators', one without everyone's.

Jobs and the audit trail name what they are about by kind and number: they follow the brand of that thing.
`install` lays these rules down in `core.access`, so that every door narrows its reads by `access.visible(user, rows)`,
the experiments' too, which know nothing of brands. No rule costs a query of its own.
"""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.db.models import CharField, Q, QuerySet
from django.db.models.functions import Cast

from campaigns.models import Brand
from core import access
from core.models import Job, User
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
# The kinds of things that jobs and entries of the trail are about and that belong to a brand.
KINDS = (
    "campaigns.Brand",
    "campaigns.Product",
    "campaigns.ProductImport",
    "campaigns.Campaign",
    "campaigns.Copy",
    "campaigns.Placement",
    "campaigns.Wave",
    "experiments.Experiment",
)


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
    access.register("core.Job", _jobs)
    access.register("core.AuditEntry", _trail)


def _rule(path: str) -> access.Rule:
    def narrow(user: User, rows: Any) -> Any:
        # An administrator sees all, and nothing is asked of the database for it.
        if user.has_role(Role.ADMINISTRATOR):
            return rows
        # Said as what is left out: rows without a brand (an imported experiment) stay in.
        belongs = Q(**{f"{path}__in": hidden_brands(user).values("pk")})
        return rows.exclude(belongs)

    return narrow


def _jobs(user: User, rows: Any) -> Any:
    """Jobs about nothing of a brand that is hidden, in one query."""
    return rows if user.has_role(Role.ADMINISTRATOR) else rows.exclude(_about_hidden(user))


def _trail(user: User, rows: Any) -> Any:
    """Entries about nothing of a brand that is hidden, nor about a job for it, in one query."""
    if user.has_role(Role.ADMINISTRATOR):
        return rows
    jobs = _numbers(Job.objects.filter(_about_hidden(user)))
    return rows.exclude(_about_hidden(user) | Q(object_type=Job._meta.label, object_id__in=jobs))


def _about_hidden(user: User) -> Q:
    brands = hidden_brands(user).values("pk")
    found = Q()
    for kind in KINDS:
        things = apps.get_model(kind).objects.filter(**{f"{PATHS[kind]}__in": brands})
        found |= Q(object_type=kind, object_id__in=_numbers(things))
    return found


def _numbers(rows: QuerySet[Any]) -> QuerySet[Any]:
    """The primary keys as jobs and entries hold them: as text."""
    numbers: QuerySet[Any] = rows.order_by().annotate(number=Cast("pk", CharField())).values("number")
    return numbers
