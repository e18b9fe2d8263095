"""Reads of the registry."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings
from django.db.models import Case, IntegerField, QuerySet, When

from core import errors
from models_ml.models import Kind, ModelVersion, Stage

STARTER = Path(__file__).resolve().parent / "starter"
_RANK = Case(
    When(stage=Stage.PRODUCTION, then=0),
    When(stage=Stage.STAGED, then=1),
    When(stage=Stage.CANDIDATE, then=2),
    default=3,
    output_field=IntegerField(),
)


def model_versions() -> QuerySet[ModelVersion]:
    """All versions, the one in production first, then the newest."""
    return ModelVersion.objects.order_by(_RANK, "-created_at", "-id")


def model_version(version_id: int) -> ModelVersion:
    """One version. Raises NotFound."""
    found = ModelVersion.objects.filter(pk=version_id).first()
    if found is None:
        raise errors.NotFound("There is no such model version.")
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
