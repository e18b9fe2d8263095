"""Lets whatever is set up write: a server where COPYLIFT_PROVIDER_URL names one, else the model in production.

Imported inside task bodies only, since a local model brings torch. It stays loaded in the worker process: loading it
for each audience would take longer than the writing. What a server used is kept by its key, once a call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from core import errors
from models_ml import drafting, queries, services
from models_ml.brief import Brief
from models_ml.drafting import Context, GenerationError, RawCandidate, Wishes
from models_ml.examples import choose
from models_ml.models import ModelVersion
from models_ml.nn.artifacts import ModelFolderError
from models_ml.providers.local import local_model
from models_ml.providers.openai_compatible import OpenAICompatible, ServerSettings
from models_ml.providers.protocol import Provider, ProviderError, Usage

MOST_EXAMPLES = 3

OnBatch = Callable[[Sequence[Mapping[str, Any]]], None]


def generate_candidates(
    briefs: Sequence[Brief],
    *,
    values: Sequence[Mapping[str, str]] | None = None,
    per_brief: int,
    seed: int,
    should_stop: Callable[[], bool],
    on_batch: OnBatch,
    context: Context | None = None,
) -> list[dict[str, Any]]:
    """Up to `per_brief` candidates for each brief: {brief_index, theme, headline, body, call_to_action, provenance}.

    `values` are the facts by slot for each brief, with which lengths are judged. `on_batch` gets the new candidates
    after each batch, in the order in which they are accepted. Raises Unavailable where the model cannot be loaded or
    the provider gives up (what it wrote before has gone to `on_batch`), InvalidInput where a brief does not fit it.
    """
    context = context or Context()
    provider, version = writer()

    def describe(candidate: RawCandidate) -> dict[str, Any]:
        return _described(candidate, briefs[candidate.brief_index], version)

    wishes = Wishes(
        values=values,
        examples=[choose(brief, context.winners, MOST_EXAMPLES, campaign=context.campaign) for brief in briefs],
        taken=context.taken,
        label=context.label,
        on_batch=lambda _done, _wanted, new: on_batch([describe(one) for one in new]),
        on_usage=_recorder("copy", context.job_id),
        should_stop=should_stop,
    )
    with _sentences():
        return [describe(one) for one in drafting.draft(provider, briefs, per_brief, seed, wishes=wishes)]


def write_themes(
    briefs: Sequence[Brief],
    *,
    count: int,
    seed: int,
    should_stop: Callable[[], bool],
    job_id: str | None = None,
) -> list[dict[str, Any]]:
    """Up to `count` distinct themes for a campaign, from the briefs of its audiences: {text, support, audiences,
    provenance}. Each copy is then asked for with its theme in the brief. Raises as `generate_candidates`.
    """
    provider, version = writer()
    wishes = Wishes(on_usage=_recorder("theme", job_id), should_stop=should_stop)
    with _sentences():
        found = drafting.write_themes(provider, briefs, count, seed, wishes=wishes)
    provenance = {"source": "model", "model_version": version, "provider": provider.name, "model_id": provider.id}
    provenance |= {"model_hash": provider.hash, "adapter": provider.adapter, "run_seed": seed}
    return [
        {"text": theme.text, "support": theme.support, "audiences": list(theme.audiences), "provenance": provenance}
        for theme in found
    ]


def writer() -> tuple[Provider, int]:
    """What writes, and the id of its registered version. Raises Unavailable with a sentence."""
    return _server() if getattr(settings, "COPYLIFT_PROVIDER_URL", "") else _local()


def _server() -> tuple[Provider, int]:
    try:
        chosen = ServerSettings(
            base_url=settings.COPYLIFT_PROVIDER_URL,
            model=settings.COPYLIFT_PROVIDER_MODEL,
            key=settings.COPYLIFT_PROVIDER_KEY,
            timeout=float(settings.COPYLIFT_PROVIDER_TIMEOUT),
            price_in=settings.COPYLIFT_PROVIDER_PRICE_IN,
            price_out=settings.COPYLIFT_PROVIDER_PRICE_OUT,
            currency=settings.COPYLIFT_PROVIDER_CURRENCY,
        )
    except ValueError as problem:
        raise errors.Unavailable(
            _("The provider's settings cannot be used: %(problem)s.") % {"problem": problem}, code="provider_set_up"
        ) from None
    provider = _client(chosen)
    name = chosen.model.rstrip("/").rsplit("/", 1)[-1]
    location = f"{chosen.base_url.rstrip('/')}#{chosen.model}"[-500:]
    version = services.register_model_version(
        name=name[:120], location=location, base="served by a provider", actor="worker"
    )
    return provider, version.pk


@cache
def _client(chosen: ServerSettings) -> OpenAICompatible:
    """One a process, so that what a server refuses is learned once."""
    return OpenAICompatible(chosen)


def _local() -> tuple[Provider, int]:
    services.ensure_starter_registered()
    location, production = queries.model_to_load(), queries.production_model()
    try:
        provider = local_model(
            location,
            known_hash=production.content_hash if production else "",
            threads=settings.COPYLIFT_TORCH_THREADS,
        )
    except ModelFolderError as problem:
        sentence = _("The model cannot be loaded: %(problem)s.") % {"problem": problem}
        raise errors.Unavailable(sentence, code="model_unavailable") from problem
    loaded = provider.loaded
    version: ModelVersion = services.register_in_use(location=location, content_hash=loaded.hash, name=loaded.id)
    return provider, version.pk


@contextmanager
def _sentences() -> Iterator[None]:
    """Turn what generation raises into the platform's errors, each a sentence for the job's page."""
    try:
        yield
    except GenerationError as problem:
        raise errors.InvalidInput.field("brief", f"{problem}.") from problem
    except ProviderError as problem:
        sentence = _("The provider stopped writing: %(problem)s.") % {"problem": problem}
        raise errors.Unavailable(sentence, code="provider_failed") from problem


def _recorder(purpose: str, job_id: str | None) -> Callable[[Usage], None]:
    """Keeps what calls to servers used. A local draw costs nothing anybody bills, and is in its copy's provenance."""

    def record(usage: Usage) -> None:
        if usage.provider == "local":
            return
        services.record_usage(
            provider=usage.provider,
            model=usage.model[:500],
            purpose=purpose,
            prompt_tokens=usage.prompt_tokens,
            completion_tokens=usage.completion_tokens,
            seconds=usage.seconds,
            cost=usage.cost,
            currency=usage.currency,
            attempts=usage.attempts,
            outcome=usage.outcome,
            key=usage.key,
            job_id=job_id,
        )

    return record


def _described(candidate: RawCandidate, brief: Brief, version: int) -> dict[str, Any]:
    provenance = {"source": "model", **candidate.provenance.to_json(), "model_version": version}
    if candidate.usage is not None and candidate.usage.provider != "local":
        provenance["usage"] = candidate.usage.to_json()
    return {
        "brief_index": candidate.brief_index,
        "theme": candidate.candidate.theme,
        **candidate.candidate.parts(),
        "provenance": {**provenance, "brief": brief.to_json(), "text": candidate.text},
    }
