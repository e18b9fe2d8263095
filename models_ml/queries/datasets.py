"""Reads of dataset versions and of the files they were built from."""

from __future__ import annotations

from django.db.models import Count, QuerySet
from django.utils.translation import gettext as _

from core import errors
from models_ml.models import BuildStatus, DatasetVersion, SourceFile


def dataset_versions() -> QuerySet[DatasetVersion]:
    """All versions, the newest first, each with its job and how many runs learned from it."""
    return (
        DatasetVersion.objects.select_related("job", "same_as", "created_by")
        .annotate(run_count=Count("runs"))
        .order_by("-created_at", "-id")
    )


def dataset_version(dataset_id: int) -> DatasetVersion:
    """One version. Raises NotFound."""
    found = dataset_versions().filter(pk=dataset_id).first()
    if found is None:
        raise errors.NotFound(_("There is no such dataset."))
    return found


def ready_datasets() -> QuerySet[DatasetVersion]:
    """What a run can learn from, the newest first."""
    return DatasetVersion.objects.filter(status=BuildStatus.READY).order_by("-created_at", "-id")


def file_of(file_id: int) -> SourceFile:
    """One kept file. Raises NotFound."""
    found = SourceFile.objects.filter(pk=file_id).first()
    if found is None:
        raise errors.NotFound(_("There is no such file."))
    return found


def source_files(dataset: DatasetVersion) -> list[SourceFile]:
    """The files of a version's plan."""
    paths = [source["path"] for source in dataset.plan.get("sources", [])]
    return list(SourceFile.objects.filter(path__in=paths).order_by("pk"))
