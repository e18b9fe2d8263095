"""Entering versions into the registry: once by place and hash. What moves them on is in `stages`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from core import audit, errors
from core.audit import Actor
from models_ml.models import Kind, ModelVersion, Stage
from models_ml.nn.artifacts import EVALUATION, RECORD, file_hashes, model_hash
from models_ml.queries import STARTER
from models_ml.services.guards import characters_needed, member

STARTER_NAME = "Copylift starter"


def register_model_version(
    *,
    name: str,
    location: str,
    content_hash: str = "",
    base: str = "",
    size_bytes: int | None = None,
    card: dict[str, Any] | None = None,
    metrics: dict[str, Any] | None = None,
    kind: Kind = Kind.WRITER,
    method: str = "",
    made_by: str = "",
    actor: Actor = None,
) -> ModelVersion:
    """A candidate version, or the row that is there already for the same place and hash.

    `made_by` is the `fingerprint.code_version` of what trained it, where that was this code. Raises InvalidInput for an
    empty name or location, or one that is too long.
    """
    for field, value, longest in (("name", name, 120), ("location", location, 500), ("base", base, 500)):
        if (not value.strip() and field != "base") or len(value) > longest:
            raise errors.InvalidInput.field(field, characters_needed(longest))
    try:
        with transaction.atomic():
            version, made = ModelVersion.objects.get_or_create(
                location=location,
                content_hash=content_hash,
                defaults={
                    "name": name.strip(),
                    "base": base,
                    "kind": kind,
                    "method": method,
                    "code_version": made_by,
                    "created_by": member(actor),
                    "size_bytes": size_bytes,
                    "card": card or {},
                    "metrics": metrics or {},
                },
            )
            if made:
                audit.record("model.registered", version, actor=actor, location=location, content_hash=content_hash)
    except IntegrityError:
        return ModelVersion.objects.get(location=location, content_hash=content_hash)
    return version


@transaction.atomic
def put_in_production(version: ModelVersion, *, actor: Actor) -> ModelVersion:
    """Make this the version that writes, without a gate: for the starter, which is measured where it is made.

    The one before is retired. Nothing happens where it is already. Learned versions go through `stages.promote`.
    """
    rows = ModelVersion.objects.select_for_update().filter(stage=Stage.PRODUCTION, kind=version.kind)
    before = rows.first()
    if before is not None and before.pk == version.pk:
        return before
    rows.update(stage=Stage.RETIRED)
    ModelVersion.objects.filter(pk=version.pk).update(
        stage=Stage.PRODUCTION, replaced=before, promoted_at=timezone.now()
    )
    promoted = ModelVersion.objects.get(pk=version.pk)
    audit.record("model.production", promoted, actor=actor, before=before.pk if before else None)
    return promoted


def ensure_starter_registered(folder: Path = STARTER) -> ModelVersion | None:
    """Register the starter model that lies in the repository, in production where nothing else is.

    None where the folder holds no weights. Safe to call again: nothing changes until the files do.
    """
    weights = sorted(folder.glob("*.safetensors"))
    if not weights:
        return None
    record = read_json(folder / RECORD)
    version = register_model_version(
        name=STARTER_NAME,
        base="trained from scratch",
        location=location_of(folder),
        content_hash=model_hash(file_hashes(folder)),
        size_bytes=sum(path.stat().st_size for path in weights),
        card={key: value for key, value in record.items() if key != "files"},
        metrics=read_json(folder / EVALUATION),
        actor="starter",
    )
    replaces = ModelVersion.objects.filter(stage=Stage.PRODUCTION, kind=Kind.WRITER).exclude(location=version.location)
    return version if replaces.exists() else put_in_production(version, actor="starter")


def register_in_use(*, location: str, content_hash: str, name: str) -> ModelVersion:
    """The row of a model that was just loaded, made where it is missing. A hub model has no size here."""
    folder = Path(location)
    size = sum(path.stat().st_size for path in folder.glob("*.safetensors")) if folder.is_dir() else None
    kept = location_of(folder) if folder.is_dir() else location
    return register_model_version(
        name=name[:120], location=kept, content_hash=content_hash, size_bytes=size or None, actor="worker"
    )


def location_of(folder: Path) -> str:
    """A folder's place, relative to the repository where it lies inside, so that a moved checkout keeps its rows."""
    try:
        return str(folder.resolve().relative_to(settings.ROOT))
    except ValueError:
        return str(folder.resolve())


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object beside the weights; empty where there is none or it cannot be read."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
