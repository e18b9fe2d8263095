"""Long work of campaigns: writing copy, on the queue of the machine that has the model; and the sweep after it."""

from __future__ import annotations

from functools import partial

from celery import shared_task

from campaigns import queries, services
from campaigns.models import Campaign, ProductImport, Wave
from campaigns.services import digest, forgetting, importing, shopper_imports, waves
from core.jobs import run_job
from core.queries import job_by_id
from models_ml.lifecycle import Kind
from models_ml.queries import production_model


@shared_task(name=queries.GENERATE_TASK, ignore_result=True)
def generate_copy(job_id: str) -> None:
    """Write copy for a campaign, then bring its state in line, however the job ended."""
    # Imported here and not above: this module is read by the web process, which never loads torch.
    from models_ml.jobs.writing import generate_candidates, write_themes  # noqa: PLC0415

    run_job(job_id, partial(services.write_copy, writer=generate_candidates, themer=write_themes))
    campaign = Campaign.objects.filter(pk=job_by_id(job_id).arguments["campaign"]).first()
    if campaign is not None:
        services.settle_campaign(campaign)


@shared_task(name=services.SCORER_TASK, ignore_result=True)
def train_scorer(job_id: str) -> None:
    """Train a scorer on the finished tests."""
    from models_ml.jobs import scoring  # noqa: PLC0415 - brings torch

    run_job(job_id, partial(services.train_scorer, trainer=scoring.train_scorer))


@shared_task(name="campaigns.score_waiting_copy", ignore_result=True)
def score_waiting_copy() -> int:
    """Score open copy by the scorer in production. For the beat: one query where there is none, or nothing is due."""
    version = production_model(Kind.SCORER)
    if version is None or not services.due_for(version).exists():
        return 0
    from models_ml.jobs import scoring  # noqa: PLC0415 - brings torch

    return services.score_waiting(version, scoring.text_scorer(version))


@shared_task(name="campaigns.settle_campaigns", ignore_result=True)
def settle_campaigns() -> int:
    """Bring in line every campaign whose job ended without its task. For the beat; cheap where there is none."""
    return services.settle_generating()


@shared_task(name="campaigns.trip_breached", ignore_result=True)
def trip_breached() -> int:
    """Pull the circuit breaker of campaigns in which a guardrail was broken. For the beat; one query where none is."""
    return services.trip_breached()


@shared_task(name=importing.IMPORT_TASK, ignore_result=True)
def import_products(job_id: str) -> None:
    """Store a product feed, then bring its row in line, however the job ended."""
    run_job(job_id, importing.run_import)
    one = ProductImport.objects.filter(job_id=job_id).first()
    if one is not None:
        importing.settle_import(one)


@shared_task(name=shopper_imports.IMPORT_TASK, ignore_result=True)
def import_shoppers(job_id: str) -> None:
    """Store a list of shoppers from a file."""
    run_job(job_id, shopper_imports.import_shoppers)


@shared_task(name="campaigns.launch_due_campaigns", ignore_result=True)
def launch_due_campaigns() -> int:
    """Launch every scheduled campaign whose hour has come. For the beat; one query where there is none."""
    return services.launch_due_campaigns()


@shared_task(name=waves.WAVE_TASK, ignore_result=True)
def send_wave(job_id: str) -> None:
    """Send a wave of messages, then bring its state in line, however the job ended."""
    run_job(job_id, waves.run_wave)
    wave = Wave.objects.filter(job_id=job_id).first()
    if wave is not None:
        waves.settle_wave(wave)


@shared_task(name="campaigns.send_waiting_messages", ignore_result=True)
def send_waiting_messages() -> int:
    """Send what has fallen due in waves whose job is over. For the beat; two queries where nothing waits."""
    return waves.send_waiting()


@shared_task(name="campaigns.forget_old_messages", ignore_result=True)
def forget_old_messages() -> int:
    """Forget addresses of messages older than the shop keeps them. For the beat; one query where nothing is to go."""
    return forgetting.forget_old_messages()


@shared_task(name="campaigns.send_digests", ignore_result=True)
def send_digests() -> int:
    """Send the weekly digest on Monday morning. For the beat, which asks often; nothing is read on other days."""
    return digest.send_digests()
