"""From results to what learns from them: datasets of past copy for writers, and a scorer from past tests.

The rows come from `queries.outcomes`; what is done with them is models_ml's. The scorer is trained by a job whose work
is given its trainer, so that nothing here knows torch.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from campaigns import queries
from campaigns.services.guards import require
from core import audit, errors
from core.jobs import JobContext
from core.models import Job, User
from core.models.job import Status
from core.services.jobs import create_job
from models_ml import services as models_ml
from models_ml.data.plan import COPY_PARTS
from models_ml.models import DatasetVersion
from models_ml.scores import ScorerTrainer

SCORER_TASK = "campaigns.train_scorer"
COPY, PAIRS = "copy", "pairs"
_COLUMNS: Mapping[str, tuple[str, ...]] = {
    COPY: ("brief", *COPY_PARTS, "group"),
    PAIRS: ("brief", "chosen", "rejected", "weight", "group"),
}


@dataclass(frozen=True)
class Material:
    """How much there is to learn from: finished tests with their arms, examples to show, answers and pairs.

    `edits` and `rejections` are the pairs that come from people; the others come from tests.
    """

    tests: int
    arms: int
    winners: int
    answers: int
    pairs: int
    edits: int = 0
    rejections: int = 0


def material() -> Material:
    """What is there now."""
    arms = queries.past_arms()
    sources = Counter(row["source"] for row in queries.pair_rows(arms))
    return Material(
        tests=len({arm.test for arm in arms}),
        arms=len(arms),
        winners=len(queries.past_winners(arms)),
        answers=sum(1 for _row in queries.answer_rows()),
        pairs=sources.total(),
        edits=sources[queries.EDITED],
        rejections=sources[queries.REJECTED],
    )


def make_dataset(*, task: str, name: str, actor: User) -> DatasetVersion:
    """A dataset version from past copy, being built by its job; the door sends it.

    `task` "copy" takes approved answers, "pairs" weighted preferences. Raises Conflict where there are none, and what
    `models_ml.services.create_dataset` raises.
    """
    if task not in _COLUMNS:
        raise errors.InvalidInput.field("task", _("must be one of %(choices)s.") % {"choices": ", ".join(_COLUMNS)})
    rows = list(queries.answer_rows() if task == COPY else queries.pair_rows())
    if not rows:
        raise errors.Conflict(_nothing(task), code="nothing_to_learn")
    file = models_ml.store_rows(name=f"past-{task}", rows=rows, actor=actor)
    chosen = models_ml.ChosenSource(file, kind=task, columns={column: column for column in _COLUMNS[task]})
    return models_ml.create_dataset(name=name, task=task, sources=[chosen], actor=actor)


@transaction.atomic
def request_scorer(*, actor: User, seed: int = 1) -> Job:
    """A waiting job that trains a scorer on the finished tests; the door sends it.

    Raises Conflict where one is being trained, or no test is finished; Forbidden without the role.
    """
    require(actor, "models_ml.add_trainingrun", _("train models"))
    if Job.objects.filter(task_name=SCORER_TASK, status__in=[Status.QUEUED, Status.RUNNING]).exists():
        raise errors.Conflict(_("A scorer is being trained already."), code="already_training")
    if not queries.past_arms():
        raise errors.Conflict(
            _("No test with texts is finished yet. A scorer learns from finished tests, live or imported."),
            code="nothing_to_learn",
        )
    job = create_job(
        task_name=SCORER_TASK,
        queue="gpu",
        title=gettext_noop("Train a scorer on past tests"),
        arguments={"seed": seed},
        created_by=actor,
    )
    audit.record("scorer.asked", job, actor=actor)
    return job


def train_scorer(job: JobContext, *, trainer: ScorerTrainer) -> dict[str, Any]:
    """The work of one job: train on what is finished now. Answers the version and a sentence."""

    def tell(fraction: float, stage: str, message: str, metrics: Mapping[str, float]) -> None:  # noqa: ARG001
        job.progress(100 * fraction, stage, message)

    seed = int(job.arguments.get("seed", 1))
    made = dict(
        trainer([arm.tested() for arm in queries.past_arms()], seed=seed, on_progress=tell, should_stop=job.should_stop)
    )
    job.check()
    job.log(str(made["sentence"]))
    return made


def _nothing(task: str) -> str:
    if task == COPY:
        return _("No copy is approved yet, so there is no answer to learn from.")
    return _("No finished test tells two copies apart, and no edit was approved: there is no preference to learn from.")
