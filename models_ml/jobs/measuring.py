"""The measurements of a check, from models_ml.nn, under the names that the gate and the page know.

Peculiar: what does not apply to a version is said and passes (whole weights have nothing to merge, what was not tuned
forgot nothing); what applies and could not be measured is left out, and fails at the gate.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from itertools import islice
from pathlib import Path
from typing import Any

from django.utils.translation import gettext as _

from core import errors
from models_ml.brief import Brief, Candidate, parse
from models_ml.data import open_dataset
from models_ml.jobs.checking import Measure, Measured, Subject
from models_ml.lifecycle import Kind
from models_ml.nn.answer_loss import AnswerLoss, Chat, answer_loss
from models_ml.nn.checks import adapter_parity, forgetting, robustness, safety
from models_ml.nn.checks.drawing import draw, passes
from models_ml.nn.checks.rates import CheckError, Rate
from models_ml.nn.checks.safety import findings
from models_ml.nn.grammar.corpus import examples, unseen_briefs
from models_ml.nn.loading import LoadedModel, is_adapter, load, open_network
from models_ml.nn.progress import ShouldStop
from models_ml.providers.protocol import ProviderError
from models_ml.services.guards import sentence

CLAIMS = ("unsupported figures", "superlatives", "guarantees")


@dataclass(frozen=True)
class Sizes:
    """How much is drawn and read. With 40 briefs a share is known to about 10 points; a check takes minutes on a CPU.

    `draws` texts a brief for brief-following and robustness, `safe_draws` for safety, `rows` for the two losses.
    """

    briefs: int = 40
    draws: int = 4
    safe_draws: int = 2
    rows: int = 200


def measures_of(sizes: Sizes | None = None) -> Mapping[Kind, Mapping[str, Measure]]:
    """The measurements by kind of version, in their order."""
    chosen = sizes or Sizes()
    writer: dict[str, Measure] = {
        "brief": partial(_brief, chosen),
        "forgetting": partial(_forgetting, chosen),
        "robustness": partial(_robustness, chosen),
        "safety": partial(_safety, chosen),
        "parity": _parity,
        "loss": partial(_loss, chosen),
    }
    return {
        Kind.WRITER: {name: partial(_said, measure) for name, measure in writer.items()},
        Kind.SCORER: {"pairs": partial(_said, _pairs)},
    }


def _said(measure: Measure, subject: Subject, should_stop: ShouldStop) -> Measured:
    """The measurement, with what it cannot use as a sentence on the job."""
    try:
        return measure(subject, should_stop)
    except (CheckError, ProviderError) as problem:
        raise errors.Conflict(
            sentence(_("The version cannot be measured: %(problem)s") % {"problem": problem}), code="unmeasurable"
        ) from problem


def _brief(sizes: Sizes, subject: Subject, should_stop: ShouldStop) -> Measured:
    """Share of unseen briefs with a usable text among the draws, and of usable texts whose facts hold."""
    briefs = unseen_briefs(sizes.briefs, subject.seed)
    texts = draw(_opened(subject.location), briefs, n=sizes.draws, seed=subject.seed, should_stop=should_stop)
    usable = [[text for text in drawn if passes(brief, text)] for brief, drawn in zip(briefs, texts, strict=True)]
    follows = Rate.of(bool(kept) for kept in usable)
    hold = Rate.of(_holds(brief, text) for brief, kept in zip(briefs, usable, strict=True) for text in kept)
    single = Rate(sum(map(len, usable)), sizes.briefs * sizes.draws)
    return Measured(
        {"follows_brief": follows.share, "fact_check": hold.share},
        {
            "briefs": sizes.briefs,
            "draws a brief": sizes.draws,
            "with a usable text": _told(follows),
            "of single draws": _told(single),
            "facts hold": _told(hold),
        },
    )


def _holds(brief: Brief, text: str) -> bool:
    candidate = parse(text)
    if not isinstance(candidate, Candidate):
        return False
    found = findings(brief, candidate)
    return not any(found[name] for name in CLAIMS)


def _forgetting(sizes: Sizes, subject: Subject, should_stop: ShouldStop) -> Measured:
    """Rise of perplexity on unseen texts of this platform's own shop language, against the base."""
    if not subject.method or subject.base is None:
        return Measured({"forgetting": 0.0}, {"not tuned": True})
    texts = [item.answer for item in examples(sizes.rows, subject.seed, unseen=True)]
    base, tuned = _opened(subject.base), _opened(subject.location)
    found = forgetting(base, tuned, texts, should_stop=should_stop)
    return Measured(
        {"forgetting": found["forgetting"]},
        {"perplexity before": found["before"], "perplexity after": found["after"], "texts": len(texts)},
    )


def _robustness(sizes: Sizes, subject: Subject, should_stop: ShouldStop) -> Measured:
    briefs = unseen_briefs(sizes.briefs, subject.seed + 1)
    found = robustness(_opened(subject.location), briefs, n=sizes.draws, seed=subject.seed, should_stop=should_stop)
    shares = {name.replace("_", " "): _told(rate) for name, rate in found.perturbed.items()}
    return Measured({"robustness_drop": found.drop}, {"undisturbed": _told(found.plain), **shares})


def _safety(sizes: Sizes, subject: Subject, should_stop: ShouldStop) -> Measured:
    briefs = unseen_briefs(sizes.briefs, subject.seed + 2)
    found = safety(_opened(subject.location), briefs, n=sizes.safe_draws, seed=subject.seed, should_stop=should_stop)
    rates = {name: _told(rate) for name, rate in found.candidates.items()}
    details = {"of what reaches a reviewer": rates, "orders in the catalogue obeyed": _told(found.injection)}
    return Measured({"unsafe": found.worst}, details)


def _parity(subject: Subject, should_stop: ShouldStop) -> Measured:
    folder = Path(subject.location)
    if should_stop() or subject.base is None or not is_adapter(folder):
        return Measured({"parity": True}, {"whole weights": True})
    found = adapter_parity(partial(open_network, subject.base), folder)
    shown = {name: value for name, value in found.to_json().items() if name not in ("kind", "dtype")}
    return Measured({"parity": found.same}, shown)


def _loss(sizes: Sizes, subject: Subject, should_stop: ShouldStop) -> Measured:
    """Nats a byte on held-out answers of the version's own data: its own and that of production, on the same rows."""
    rows = list(islice(_held_out(subject), sizes.rows))
    own = answer_loss(_opened(subject.location), rows, should_stop=should_stop)
    details = {"nats a byte": own.a_byte, **_counted(own)}
    if subject.production is None:
        return Measured({}, details)
    other = answer_loss(_opened(subject.production), rows, should_stop=should_stop)
    details["nats a byte, production"] = other.a_byte
    return Measured({"loss_over_production": _beyond(own, other)}, details)


def _beyond(own: AnswerLoss, other: AnswerLoss) -> float | None:
    """How much worse a byte is known; None where not both have measured the same answers."""
    if own.a_byte is None or other.a_byte is None or own.answers != other.answers:
        return None
    return own.a_byte - other.a_byte


def _counted(loss: AnswerLoss) -> dict[str, int]:
    return {"answers": loss.answers, "too long": loss.cut}


def _held_out(subject: Subject) -> Iterable[tuple[Chat, str]]:
    """Validation rows, else test rows, as prompt and answer; for what has no data, unseen texts of our own."""
    if subject.dataset is None:
        return ((item.chat()[:-1], item.answer) for item in examples(200, subject.seed, unseen=True))
    stored = open_dataset(subject.dataset)
    split = "validation" if stored.count("validation") else "test"
    return (_asked_and_answered(row) for row in stored.rows(split))


def _asked_and_answered(row: Mapping[str, Any]) -> tuple[Chat, str]:
    if "chosen" in row:
        return row["messages"], row["chosen"]
    if "messages" in row:
        return row["messages"][:-1], row["messages"][-1]["content"]
    return (), row["text"]


def _pairs(subject: Subject, should_stop: ShouldStop) -> Measured:
    """What a scorer's own training measured on tests it left out; loading it compares its files with their hashes."""
    from models_ml.jobs.scoring import measures_of as kept_of  # noqa: PLC0415 - only scorers need it
    from models_ml.nn.scoring import Scorer  # noqa: PLC0415

    del should_stop  # nothing is measured anew
    own = kept_of(Scorer.load(Path(subject.location)).measured)
    figures = {name: own.get(name) for name in ("pair_accuracy", "log_loss", "calibration_error")}
    if subject.production is not None:
        other = kept_of(Scorer.load(Path(subject.production)).measured)
        both = own.get("log_loss") is not None and other.get("log_loss") is not None
        figures["loss_over_production"] = own["log_loss"] - other["log_loss"] if both else None
    return Measured(figures, {name: value for name, value in figures.items() if value is not None})


@cache
def _opened(location: str) -> LoadedModel:
    """A model, loaded once for all measurements of a check."""
    return load(location)


def forget_models() -> None:
    """Let the models of a check go: the worker has others to load."""
    _opened.cache_clear()


def _told(rate: Rate) -> float | None:
    return rate.share


MEASURES: Mapping[Kind, Mapping[str, Measure]] = measures_of()
