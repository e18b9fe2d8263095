"""Long work of models: building a dataset, training, checking. Each is a job that survives a killed worker.

What they need is imported inside the bodies and not above: this module is read by the web process, which never loads
torch, and a dataset is built by a worker that has none either.
"""

from __future__ import annotations

import logging
from functools import partial

from celery import shared_task

from core.errors import CopyliftError
from core.jobs import run_job
from core.queries import job_by_id
from models_ml import queries
from models_ml.models import DatasetVersion
from models_ml.services.datasets import settle

logger = logging.getLogger(__name__)


@shared_task(name=queries.BUILD_TASK, ignore_result=True)
def build_dataset(job_id: str) -> None:
    """Build a dataset version, then bring its state in line, however the job ended."""
    from models_ml.jobs import datasets  # noqa: PLC0415

    run_job(job_id, datasets.build_dataset)
    dataset = DatasetVersion.objects.filter(pk=job_by_id(job_id).arguments["dataset"]).first()
    if dataset is not None:
        settle(dataset)


@shared_task(name=queries.TRAIN_TASK, ignore_result=True)
def train_model(job_id: str) -> None:
    """Train the model of a run and register it."""
    from models_ml.jobs import tuning  # noqa: PLC0415
    from models_ml.nn.tuning.training import tune  # noqa: PLC0415

    run_job(job_id, partial(tuning.train_model, tune=tune))


@shared_task(name=queries.CHECK_TASK, ignore_result=True)
def check_model(job_id: str) -> None:
    """Measure a model version for the gate."""
    from models_ml.jobs import checking, measuring  # noqa: PLC0415

    try:
        run_job(job_id, partial(checking.check_model, measures=measuring.MEASURES))
    finally:
        measuring.forget_models()


@shared_task(name=queries.WARM_UP_TASK, ignore_result=True)
def warm_up() -> str:
    """Load what writes, so that the first request does not wait for torch. Returns its name, or "" where it cannot."""
    from models_ml.jobs import writing  # noqa: PLC0415

    try:
        provider, _version = writing.writer()
    except CopyliftError:
        # Whoever asks for copy is told the reason; here nobody asked.
        logger.warning("what writes cannot be loaded yet", exc_info=True)
        return ""
    return provider.id
