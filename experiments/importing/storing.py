"""Storing an import: all its experiments with arms, moments and one final analysis each, in one transaction or none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from django.db import IntegrityError, transaction

from core import audit, errors
from core.models import User
from experiments.importing.analysing import arms_of, results_of, settings_of
from experiments.importing.build import ImportedExperiment
from experiments.importing.reading import Import
from experiments.lifecycle import Status
from experiments.models import Analysis, Arm, ArmMoments, Experiment, Source
from experiments.services.analyses import digest

BATCH = 2000
KEYS_NAMED = 3


def store(
    found: Import, *, results: Sequence[dict[str, Any]] | None = None, replace: bool = False, actor: audit.Actor
) -> list[Analysis]:
    """Store every experiment of an import, in the order of `found.experiments`; `results` spares a second analysis.

    Raises Conflict where a key is taken: by another import unless `replace`, by a live experiment always.
    """
    settings = settings_of(found.request, found.metrics)
    results = results or results_of(found.experiments, settings)
    try:
        with transaction.atomic():
            _make_room([experiment.key for experiment in found.experiments], replace=replace, actor=actor)
            rows = _experiments(found, actor)
            _arms(found.experiments, rows)
            analyses = Analysis.objects.bulk_create(
                [
                    Analysis(
                        experiment=row,
                        is_final=True,
                        inputs_hash=digest(settings, arms_of(experiment)),
                        settings=settings.to_dict(),
                        results=result,
                        verdict=result["verdict"]["code"],
                        sentence=result["verdict"]["sentence"],
                    )
                    for row, experiment, result in zip(rows, found.experiments, results, strict=True)
                ],
                batch_size=BATCH,
            )
            for row in rows:
                audit.record("experiment.imported", row, actor=actor, file=found.file_name)
    except IntegrityError:
        raise errors.Conflict("Another import of the same keys ran at the same time; nothing was written.") from None
    return analyses


def _make_room(keys: Sequence[str], *, replace: bool, actor: audit.Actor) -> None:
    taken = Experiment.objects.filter(key__in=keys).select_for_update()
    live = [row.key for row in taken if row.source != Source.IMPORTED]
    if live:
        raise errors.Conflict(f"{_named(live)} is a live experiment and is never replaced by an import. Use --key.")
    if taken and not replace:
        raise errors.Conflict(
            f"{_named([row.key for row in taken])} is imported already. Use --replace to replace it, or another --key."
        )
    for row in taken:
        audit.record("experiment.replaced", row, actor=actor)
    taken.delete()


def _experiments(found: Import, actor: audit.Actor) -> list[Experiment]:
    rows = [
        Experiment(
            key=experiment.key,
            name=experiment.name,
            status=Status.STOPPED.value,
            source=Source.IMPORTED,
            seed=experiment.key,
            currency=found.request.currency,
            goal_metric=found.request.goal_metric,
            created_by=actor if isinstance(actor, User) else None,
            origin=origin_of(found, experiment),
        )
        for experiment in found.experiments
    ]
    return Experiment.objects.bulk_create(rows, batch_size=BATCH)


def origin_of(found: Import, experiment: ImportedExperiment) -> dict[str, Any]:
    """Where an experiment comes from and what was left out of it: what its page tells and its analysis needs."""
    request = found.request
    examples = {reason.sentence: reason.examples for reason in found.rows.ledger.reasons}
    return {
        "file": found.file_name,
        "sha256": found.digest,
        **found.about,
        "experiment": experiment.value,
        "rows": experiment.rows,
        "rows_refused": sum(experiment.refused.values()),
        "refused": [
            {"reason": sentence, "rows": count, "examples": [] if request.experiment else examples[sentence]}
            for sentence, count in experiment.refused.items()
        ],
        "rows_of_wrong_width": len(found.rows.misshapen),
        "columns": request.columns(),
        "rules": [str(rule) for rule in request.rules],
        "control": "named" if request.control else "first arm of the file",
        "group": {"column": request.group, "value": experiment.group} if request.group else None,
        "request": {name: value for name, value in asdict(request).items() if value not in (None, ())},
        "metrics": found.metrics,
    }


def _arms(experiments: Sequence[ImportedExperiment], rows: Sequence[Experiment]) -> None:
    imported = [
        (row, place, arm) for row, one in zip(rows, experiments, strict=True) for place, arm in enumerate(one.arms)
    ]
    arms = Arm.objects.bulk_create(
        [
            Arm(
                experiment=row,
                position=place,
                key=arm.key,
                name=arm.name,
                is_control=arm.is_control,
                weight=arm.weight,
                content={"label": arm.label},
            )
            for row, place, arm in imported
        ],
        batch_size=BATCH,
    )
    moments = [ArmMoments.of(arm, one.moments) for arm, (_, _, one) in zip(arms, imported, strict=True)]
    ArmMoments.objects.bulk_create(moments, batch_size=BATCH)


def _named(keys: Sequence[str]) -> str:
    more = f" and {len(keys) - KEYS_NAMED:,} more" if len(keys) > KEYS_NAMED else ""
    return ", ".join(repr(key) for key in keys[:KEYS_NAMED]) + more
