"""The first tour: from products to a result. Each step is checked off by what is there, not by a click on it.

Only the last, reading a result, leaves nothing behind; that one is kept with the member. The whole tour costs one
query.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from django.db.models import Exists, Subquery

from campaigns.demo import data
from campaigns.models import Campaign, Copy, Product, Review
from campaigns.models.copies import CopyStatus
from core import access
from core.models import User
from experiments.models import Analysis

# In their order; a step is asked only of who may take it.
NEEDS = {
    "products": "campaigns.add_productimport",
    "campaign": "campaigns.add_campaign",
    "copy": "campaigns.generate_copy",
    "approval": "campaigns.generate_copy",
    "review": "campaigns.review_copy",
    "launch": "experiments.launch_experiment",
    "result": "experiments.view_experiment",
}


@dataclass(frozen=True)
class Progress:
    """What is done of the steps that are asked; `own` is the newest campaign, `is_demo` whether the demo is there."""

    steps: dict[str, bool]
    own: str
    is_demo: bool

    @property
    def next(self) -> str:
        """The first step that is not done; empty where all are."""
        return next((step for step, done in self.steps.items() if not done), "")


def progress_of(user: User) -> Progress | None:
    """How far the member is; None for who may take no step."""
    asked = list(_asked(user))
    if not asked:
        return None
    # What the demo did in the name of its members is not what they have tried themselves.
    own = Campaign.objects.filter(created_by=user).exclude(key__in=demo_keys())
    copies = Copy.objects.exclude(campaign__key__in=demo_keys())
    row = (
        User.objects.filter(pk=user.pk)
        .annotate(
            products=Exists(access.visible(user, Product.objects.all())),
            campaign=Exists(own),
            copy=Exists(copies.filter(requested_by=user)),
            approval=Exists(copies.filter(campaign__created_by=user, status=CopyStatus.APPROVED)),
            review=Exists(Review.objects.filter(reviewer=user).exclude(copy__campaign__key__in=demo_keys())),
            launch=Exists(own.filter(experiment_links__isnull=False)),
            own=Subquery(own.order_by("-created_at", "-id").values("key")[:1]),
            is_demo=Exists(Campaign.objects.filter(key__in=demo_keys())),
        )
        .values(*(step for step in NEEDS if step != "result"), "own", "is_demo")
        .get()
    )
    done = row | {"result": bool(user.tour.get("result"))}
    return Progress({step: bool(done[step]) for step in asked}, row["own"] or "", row["is_demo"])


def newest_result(user: User) -> str:
    """The key of the experiment with the newest analysis that the member may see; empty where there is none."""
    rows = access.visible(user, Analysis.objects.all()).order_by("-created_at", "-id")
    return rows.values_list("experiment__key", flat=True).first() or ""


@cache
def demo_keys() -> tuple[str, ...]:
    """The campaigns of the demo, read once a process."""
    return tuple(one.key for one in data.load().campaigns)


def _asked(user: User) -> Iterator[str]:
    for step, permission in NEEDS.items():
        # Who reviews is asked to review, not to wait for somebody else's review.
        if user.has_perm(permission) and not (step == "approval" and user.has_perm(NEEDS["review"])):
            yield step
