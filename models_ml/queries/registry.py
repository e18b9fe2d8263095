"""Reads of the registry: which versions there are, which is in production, and what a worker shall load."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings
from django.db.models import Case, IntegerField, Model, QuerySet, When
from django.utils.translation import gettext as _

from core import audit, errors
from core.models import AuditEntry
from models_ml.models import Kind, ModelVersion, Stage

STARTER = Path(__file__).resolve().parent.parent / "starter"
_RANK = Case(
    When(stage=Stage.PRODUCTION, then=0),
    When(stage=Stage.STAGED, then=1),
    When(stage=Stage.CANDIDATE, then=2),
    default=3,
    output_field=IntegerField(),
)


def model_versions() -> QuerySet[ModelVersion]:
    """All versions, the one in production first, then the newest."""
    return ModelVersion.objects.select_related("dataset").order_by(_RANK, "-created_at", "-id")


def model_version(version_id: int) -> ModelVersion:
    """One version with what it came from. Raises NotFound."""
    related = ("dataset", "run", "check_job", "replaced", "created_by")
    found = ModelVersion.objects.select_related(*related).filter(pk=version_id).first()
    if found is None:
        raise errors.NotFound(_("There is no such model version."))
    return found


def production_model(kind: Kind = Kind.WRITER) -> ModelVersion | None:
    """The version of a kind that is in production."""
    return ModelVersion.objects.filter(stage=Stage.PRODUCTION, kind=kind).first()


def model_to_load() -> str:
    """What transformers is given: COPYLIFT_MODEL where it names no starter, else what is in production."""
    chosen = str(settings.COPYLIFT_MODEL)
    if Path(chosen) != STARTER:
        return chosen
    production = production_model()
    return absolute(production.location) if production is not None else chosen


def absolute(location: str) -> str:
    """A registered place as it can be opened: a folder of the repository in full, anything else as it is."""
    inside = Path(settings.ROOT) / location
    return str(inside) if inside.is_dir() else location


def trainable_versions() -> QuerySet[ModelVersion]:
    """What a run can start from: all that is not put away, production first."""
    return model_versions().exclude(stage=Stage.RETIRED)


def history(target: Model, limit: int = 20) -> list[AuditEntry]:
    """What was recorded about a version, dataset or run, newest first."""
    return list(audit.history(target)[:limit])
