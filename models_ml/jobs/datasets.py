"""Builds a dataset version. Needs no torch: it runs on the default queue, beside the writing of copy.

A build that is cut off begins anew: its folder is written whole or not at all, and cleaning costs minutes, not hours.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from django.conf import settings

from core.jobs import JobContext
from models_ml import data
from models_ml.data import DatasetPlan, DatasetRecord, Source, StoredDataset
from models_ml.jobs.failures import reporter, sentences
from models_ml.models import DatasetVersion
from models_ml.nn.progress import OnProgress, ShouldStop
from models_ml.services.datasets import SAMPLE_ROWS, Built, begin, folder_of, keep_built


class Build(Protocol):
    """`models_ml.data.build`, or a fake."""

    def __call__(
        self,
        sources: Sequence[Source],
        plan: DatasetPlan,
        folder: Path,
        *,
        on_progress: OnProgress,
        should_stop: ShouldStop,
    ) -> DatasetRecord:
        """Write the dataset into `folder` and return its record."""


def build_dataset(job: JobContext, *, build: Build = data.build) -> dict[str, Any]:
    """The work of one job. Answers the version, its hash and its counts.

    Raises InvalidInput naming the field of the plan or the file and line, Conflict where the same was built meanwhile.
    """
    dataset = begin(DatasetVersion.objects.get(pk=job.arguments["dataset"]))
    plan, folder = opened(dataset.plan), folder_of(dataset)
    with sentences(job):
        shutil.rmtree(folder, ignore_errors=True)
        folder.parent.mkdir(parents=True, exist_ok=True)
        build(plan.sources, plan, folder, on_progress=reporter(job), should_stop=job.should_stop)
        job.check()
        kept = keep_built(dataset, look_at(data.open_dataset(folder)))
    return {"dataset": (kept.same_as or kept).pk, "content_hash": kept.content_hash, "rows": kept.counts}


def opened(stored: dict[str, Any]) -> DatasetPlan:
    """The stored plan with its paths as they can be opened."""
    plan = DatasetPlan.from_json(stored)
    places = (replace(source, path=str(Path(settings.VAR) / source.path)) for source in plan.sources)
    return replace(plan, sources=tuple(places))


def look_at(stored: StoredDataset) -> Built:
    """What the registry keeps of a stored dataset."""
    record = stored.record
    return Built(
        content_hash=record.hash,
        counts={split: dict(counted) for split, counted in record.counts.items()},
        report={**record.report, "leak_check": dict(record.leak_check), "labels": list(record.labels)},
        sample=stored.sample(SAMPLE_ROWS),
    )
