"""Lets a registered model write. Imported inside task bodies only, since it brings torch.

The model stays loaded in the worker process: loading it for each audience would take longer than the writing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.conf import settings

from core import errors
from models_ml import queries, services
from models_ml.brief import Brief
from models_ml.nn.artifacts import ModelFolderError
from models_ml.nn.generation import GenerationError, RawCandidate, generate
from models_ml.nn.loading import LoadedModel, load, set_threads

# Small, so that the page moves candidate by candidate on a CPU and a cancel is noticed soon.
BATCH = 4

# By place and registered hash: a folder whose files were exchanged is loaded anew.
_loaded: dict[tuple[str, str], LoadedModel] = {}

OnBatch = Callable[[Sequence[Mapping[str, Any]]], None]


def generate_candidates(
    briefs: Sequence[Brief],
    *,
    values: Sequence[Mapping[str, str]] | None = None,
    per_brief: int,
    seed: int,
    should_stop: Callable[[], bool],
    on_batch: OnBatch,
) -> list[dict[str, Any]]:
    """Up to `per_brief` candidates for each brief: {brief_index, theme, headline, body, call_to_action, provenance}.

    `values` are the facts by slot for each brief, with which lengths are judged. `on_batch` gets the new candidates
    after each batch, in the order in which they are accepted. Raises Unavailable where the model cannot be loaded,
    InvalidInput where a brief does not fit it.
    """
    loaded, version = model()

    def describe(candidate: RawCandidate) -> dict[str, Any]:
        provenance = {**candidate.provenance.to_json(), "model_version": version}
        brief = briefs[candidate.brief_index].to_json()
        return {
            "brief_index": candidate.brief_index,
            "theme": candidate.candidate.theme,
            **candidate.candidate.parts(),
            "provenance": {"source": "model", **provenance, "brief": brief, "text": candidate.text},
        }

    try:
        found = generate(
            loaded,
            briefs,
            per_brief,
            seed,
            values=values,
            batch_size=BATCH,
            on_batch=lambda _done, _wanted, new: on_batch([describe(one) for one in new]),
            should_stop=should_stop,
        )
    except GenerationError as problem:
        raise errors.InvalidInput.field("brief", f"{problem}.") from problem
    return [describe(one) for one in found]


def model() -> tuple[LoadedModel, int]:
    """The model in use and the id of its registered version. Raises Unavailable with the loader's sentence."""
    services.ensure_starter_registered()
    location, production = queries.model_to_load(), queries.production_model()
    key = (location, production.content_hash if production else "")
    if key not in _loaded:
        loaded = _load(location)
        _loaded.clear()
        _loaded[key] = loaded
    loaded = _loaded[key]
    version = services.register_in_use(location=location, content_hash=loaded.hash, name=loaded.id)
    return loaded, version.pk


def _load(location: str) -> LoadedModel:
    set_threads(settings.COPYLIFT_TORCH_THREADS)
    try:
        return load(location)
    except ModelFolderError as problem:
        raise errors.Unavailable(f"The model cannot be loaded: {problem}.", code="model_unavailable") from problem
