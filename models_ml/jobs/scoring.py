"""Trains a scorer on past tests and registers it; lets a registered one score. Imported inside task bodies only.

A scorer's folder bears its own hash as name, so a job that ran twice leaves one folder and one row. The loaded scorer
stays in the worker: its encoder takes longer to load than a page of copy to score.
"""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from core import errors
from models_ml import queries, services
from models_ml.fingerprint import code_version
from models_ml.lifecycle import Kind
from models_ml.models import ModelVersion
from models_ml.nn.artifacts import file_hashes, model_hash
from models_ml.nn.loading import set_threads
from models_ml.nn.progress import OnProgress, ShouldStop
from models_ml.nn.scoring import Arm, Scorer, ScorerError, ScorerPlan, explain, train
from models_ml.nn.scoring.training import AUTO
from models_ml.scores import Effect, PastText, Scored, TextScorer

FOLDER = "scorers"


def train_scorer(
    tested: Sequence[PastText], *, seed: int, on_progress: OnProgress, should_stop: ShouldStop
) -> dict[str, Any]:
    """Train, measure on tests left out, register a candidate. Answers {"version", "sentence"}.

    Raises InvalidInput with the scorer's sentence: too few tests, or an encoder that is not at hand.
    """
    set_threads(settings.COPYLIFT_TORCH_THREADS)
    plan = ScorerPlan(base=settings.COPYLIFT_ENCODER or AUTO, seed=seed)
    try:
        scorer = train([_arm(one) for one in tested], plan, on_progress=on_progress, should_stop=should_stop)
    except ScorerError as problem:
        raise _refused(problem) from problem
    version = _register(scorer, tests=len({one.test for one in tested}))
    return {"version": version.pk, "sentence": sentence_of(version)}


def text_scorer(version: ModelVersion) -> TextScorer:
    """What scores by this version: (control, texts, language=) → the chance and the words of each text.

    Raises Unavailable where its files or its encoder cannot be used.
    """
    scorer = _loaded(version)

    def score(control: str, texts: Sequence[str], *, language: str) -> list[Scored]:
        if scorer.languages and language not in scorer.languages:
            return [Scored(0.5, ()) for _ in texts]
        chances = scorer.beats(control, texts)
        return [Scored(chance, _effects(scorer, text)) for chance, text in zip(chances, texts, strict=True)]

    return score


def measures_of(measured: Mapping[str, Any] | None) -> dict[str, Any]:
    """What the registry keeps of a scorer's measurement; `hit_rate` is what a page shows beside each score."""
    if not measured:
        return {"hit_rate": {"estimate": None}}
    accuracy = measured["accuracy"]
    interval = {"estimate": accuracy["value"], "lower": accuracy["low"], "upper": accuracy["high"]}
    return {
        "hit_rate": {**interval, "pairs": accuracy["count"]},
        "pair_accuracy": accuracy["value"],
        "log_loss": measured["log_loss"]["value"],
        "calibration_error": measured["calibration_error"]["value"],
        "measured": dict(measured),
    }


def sentence_of(version: ModelVersion) -> str:
    """What a person reads when the training is done."""
    rate = version.metrics["hit_rate"]
    if rate["estimate"] is None:
        return "The scorer is trained; it was not measured, since too few tests tell two texts apart."
    low, mid, high = (f"{100 * rate[name]:.0f} %" for name in ("lower", "estimate", "upper"))
    return (
        f"On {rate['pairs']} pairs of tests it had not seen, the scorer was right in {mid} ({low} to {high}). "
        "Have it checked and promoted before copy is scored by it."
    )


# --- registering ------------------------------------------------------------------------------------------------------
def _arm(one: PastText) -> Arm:
    return Arm(one.test, f"{one.test}/{one.group}", one.text, one.units, one.successes, one.language, share=one.share)


def _register(scorer: Scorer, *, tests: int) -> ModelVersion:
    folder, hashed = _kept(scorer)
    return services.register_model_version(
        name=f"Scorer of {tests} tests",
        location=services.location_of(folder),
        content_hash=hashed,
        base=scorer.encoder.location if scorer.encoder is not None else "text features",
        kind=Kind.SCORER,
        size_bytes=sum(path.stat().st_size for path in folder.glob("*.safetensors")),
        card=dict(scorer.record),
        metrics=measures_of(scorer.measured),
        made_by=code_version(),
        actor="worker",
    )


def _kept(scorer: Scorer) -> tuple[Path, str]:
    root = Path(settings.VAR) / FOLDER
    draft = root / f".part-{uuid.uuid4().hex}"
    try:
        scorer.save(draft)
        hashed = model_hash(file_hashes(draft))
        folder = root / hashed[:16]
        if not folder.is_dir():
            draft.replace(folder)
        return folder, hashed
    finally:
        shutil.rmtree(draft, ignore_errors=True)


# --- scoring ----------------------------------------------------------------------------------------------------------
_in_use: dict[tuple[int, str], Scorer] = {}


def _loaded(version: ModelVersion) -> Scorer:
    key = (version.pk, version.content_hash)
    if key not in _in_use:
        set_threads(settings.COPYLIFT_TORCH_THREADS)
        try:
            scorer = Scorer.load(Path(queries.absolute(version.location)))
        except ScorerError as problem:
            said = _("The scorer cannot be loaded: %(problem)s.") % {"problem": problem}
            raise errors.Unavailable(said, code="scorer_unavailable") from problem
        _in_use.clear()
        _in_use[key] = scorer
    return _in_use[key]


def _effects(scorer: Scorer, text: str) -> tuple[Effect, ...]:
    return tuple(Effect(one.start, one.end, one.word, one.effect) for one in explain(scorer, text))


def _refused(problem: ScorerError) -> errors.InvalidInput:
    message = problem.message[:1].upper() + problem.message[1:].rstrip(".") + "."
    return errors.InvalidInput.field(problem.field, message)
