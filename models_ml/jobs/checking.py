"""Checks a model version: one measurement after the other, each kept as it comes, and what the gate reads of them.

The measurements are handed in (`models_ml.jobs.measuring` has the real ones), so that this file knows no torch. A
worker that is killed between two of them goes on with the next.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from core import errors
from core.jobs import JobContext
from models_ml import gate, queries
from models_ml.jobs.failures import sentences
from models_ml.lifecycle import Kind
from models_ml.models import ModelVersion
from models_ml.nn.progress import ShouldStop
from models_ml.services import datasets
from models_ml.services.stages import is_intact, keep_check, report_of


@dataclass(frozen=True)
class Subject:
    """What is measured: the version, what it was made from, and what writes today. Places are as they can be opened.

    `dataset` is the folder of the rows it learned from, `base` and `production` are models; each None where there is
    none. `method` is how it was tuned, "" for a model that is no tuning.
    """

    location: str
    kind: Kind
    method: str = ""
    base: str | None = None
    dataset: Path | None = None
    production: str | None = None
    seed: int = 11


@dataclass(frozen=True)
class Measured:
    """What one measurement found: figures for the gate by their names there, and the details for the page."""

    figures: Mapping[str, gate.Value] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)


Measure = Callable[[Subject, ShouldStop], Measured]


def check_model(job: JobContext, *, measures: Mapping[Kind, Mapping[str, Measure]]) -> dict[str, Any]:
    """The work of one job. Answers the version, whether the gate passes, and each line's sentence.

    Raises Conflict where the files are not those that were registered: they are not even opened.
    """
    version = queries.model_version(job.arguments["version"])
    _refuse_changed(version)
    production = queries.production_model(Kind(version.kind))
    compared = production if production is not None and production.pk != version.pk else None
    with sentences(job):
        found = _measure(job, subject_of(version, compared), measures[Kind(version.kind)])
    figures = {name: value for one in found.values() for name, value in one["figures"].items()}
    details = {name: one["details"] for name, one in found.items()}
    figures["hashes_verified"] = True
    kept = keep_check(version, figures=figures, details=details, compared_with=compared)
    lines = report_of(kept)
    return {"version": kept.pk, "passes": gate.passes(lines), "lines": [line.sentence for line in lines]}


def subject_of(version: ModelVersion, production: ModelVersion | None) -> Subject:
    """The version with its places opened."""
    return Subject(
        location=queries.absolute(version.location),
        kind=Kind(version.kind),
        method=version.method,
        base=queries.absolute(version.base) if version.run_id else None,
        dataset=datasets.folder_of(version.dataset) if version.dataset else None,
        production=queries.absolute(production.location) if production else None,
    )


def _measure(job: JobContext, subject: Subject, measures: Mapping[str, Measure]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = dict(job.checkpoint.get("found", {}))
    for place, (name, measure) in enumerate(measures.items()):
        if name in found:
            continue
        job.progress(
            100 * place / len(measures), name, gettext_noop("measuring: %(what)s") % {"what": name.replace("_", " ")}
        )
        one = measure(subject, job.should_stop)
        job.check()
        found[name] = {"figures": dict(one.figures), "details": dict(one.details)}
        job.save_checkpoint({"found": found})
    return found


def _refuse_changed(version: ModelVersion) -> None:
    if not is_intact(version):
        sentence = _(
            "The files of “%(name)s” in %(place)s are not those that were registered, so it is not checked. "
            "Restore them, or train anew."
        )
        raise errors.Conflict(sentence % {"name": version.name, "place": version.location}, code="artifact_changed")
