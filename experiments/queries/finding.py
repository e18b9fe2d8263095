"""Lists, one by key, its arms and its newest analysis."""

from __future__ import annotations

from typing import Any

from django.db.models import Case, IntegerField, OuterRef, Q, QuerySet, Subquery, When
from django.db.models.fields.json import KT
from django.db.models.functions import Cast, Lower
from django.utils.translation import gettext as _

from core import access, errors
from core.models import User
from experiments.lifecycle import Status
from experiments.models import Analysis, Arm, Experiment

OPEN_FIRST = Case(
    When(status=Status.RUNNING, then=0),
    When(status=Status.PAUSED, then=1),
    default=2,
    output_field=IntegerField(),
)


# How a list may be ordered; the first is the usual way.
ORDERS: dict[str, tuple[Any, ...]] = {
    "running": (OPEN_FIRST, "-created_at", "-id"),
    "newest": ("-created_at", "-id"),
    "name": (Lower("name"), "id"),
}


def experiment_list(words: str = "", *, seen_by: User | None = None) -> QuerySet[Experiment]:
    """All experiments whose key or name holds `words`: running ones first, then the newest. Each brings its arms.

    `seen_by` leaves out what the member may not see; None stands for the platform and for keys of the API.
    `latest_units` and `latest_sentence` come from the newest analysis and are None where there is none.
    """
    newest = Analysis.objects.filter(experiment=OuterRef("pk"))
    found = _seen(seen_by).prefetch_related("arms").order_by(OPEN_FIRST, "-created_at", "-id")
    found = found.annotate(
        latest_units=Subquery(newest.annotate(seen=Cast(KT("results__units"), IntegerField())).values("seen")[:1]),
        latest_sentence=Subquery(newest.values("sentence")[:1]),
    )
    return found.filter(Q(key__icontains=words) | Q(name__icontains=words)) if words else found


def experiment_by_key(key: str, *, seen_by: User | None = None) -> Experiment:
    """One experiment with its arms. Raises NotFound, also where the member may not see it."""
    found = _seen(seen_by).prefetch_related("arms").filter(key=key).first()
    if found is None:
        raise errors.NotFound(_("There is no experiment %(key)s.") % {"key": repr(key)})
    return found


def _seen(member: User | None) -> QuerySet[Experiment]:
    return Experiment.objects.all() if member is None else access.visible(member, Experiment.objects.all())


def arms_of(experiment: Experiment) -> list[Arm]:
    """The arms in their order, each with its moments where it has any."""
    return list(Arm.objects.filter(experiment=experiment).select_related("moments").order_by("position"))


def latest_analysis(experiment: Experiment) -> Analysis | None:
    """The newest analysis, or None where none was made yet."""
    return Analysis.objects.filter(experiment=experiment).first()
