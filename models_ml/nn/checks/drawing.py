"""Texts of a model for briefs, unjudged: exactly n draws a brief, seeded as `generate` seeds them."""

from __future__ import annotations

from collections.abc import Sequence

from models_ml.brief import Brief, Candidate, facts
from models_ml.judging import judge
from models_ml.nn.checks.rates import CheckError
from models_ml.nn.generation import LocalModel, continue_prompts, row_seed_of
from models_ml.nn.loading import LoadedModel
from models_ml.nn.progress import Cancelled, ShouldStop, never
from models_ml.nn.prompting import prompt_of
from models_ml.nn.sampling import Sampling

BATCH = 32


def draw(
    loaded: LoadedModel,
    briefs: Sequence[Brief],
    *,
    n: int,
    seed: int,
    sampling: Sampling | None = None,
    should_stop: ShouldStop = never,
) -> list[list[str]]:
    """`n` texts for each brief. `generate` would draw again what does not pass; here that is what is measured.

    Raises CheckError for no briefs or n below 1, ProviderError where a prompt leaves no room to answer, Cancelled.
    """
    if not briefs or n < 1:
        raise CheckError("at least one brief and one draw a brief are needed")
    provider = LocalModel(loaded)
    for brief in briefs:
        provider.prepare(brief, ())
    prompts = [prompt_of(loaded, brief) for brief in briefs]
    jobs = [(place, number) for place in range(len(briefs)) for number in range(n)]
    texts: list[list[str]] = [[] for _ in briefs]
    for start in range(0, len(jobs), BATCH):
        part = jobs[start : start + BATCH]
        seeds = [row_seed_of(seed, prompts[place], number) for place, number in part]
        shown = [prompts[place] for place, _ in part]
        answers = continue_prompts(loaded, shown, seeds, sampling or Sampling(), should_stop)
        if should_stop():
            raise Cancelled
        for (place, _), (text, _) in zip(part, answers, strict=True):
            texts[place].append(text)
    return texts


def passes(brief: Brief, text: str) -> bool:
    """Whether a text would become a candidate: it parses, follows its brief, fits its channel and reads clean."""
    return isinstance(judge(brief, text, facts(brief)), Candidate)
