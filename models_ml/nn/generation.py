"""Briefs in, candidates out, with any causal model: batched, seeded, checked, with provenance.

A brief's texts depend on the model, the brief, the seed and the sampling alone, not on the other briefs of the call:
each draw has its own seed (`sampling`), and draws are accepted in their order. A draw is refused when it does not
parse, departs from its brief, is too long for the channel once filled, or is a twin of an accepted one; then the brief
gets another draw, up to a bound.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import torch
from transformers import GenerationConfig, StoppingCriteria, StoppingCriteriaList

from models_ml.brief import SLOT_PATTERN, Brief, Candidate, ParseFailure, clean, facts, fill, parse, problems, slots
from models_ml.channels import violations
from models_ml.nn.loading import LoadedModel
from models_ml.nn.progress import ShouldStop, never
from models_ml.nn.prompting import Prompt, prompt_of
from models_ml.nn.sampling import Sampling, SeededSampler

_SPARE_DRAWS = 8
_FOREIGN = {"en": r"[\u3000-\u30ff\u4e00-\u9fff\uff01-\uff5e]", "zh": r"[A-Za-z]{4}"}  # slots and "App" are no words
_LEAST_ROOM = 64  # tokens an answer needs


class GenerationError(Exception):
    """Generation cannot start for a brief; says which and why."""


@dataclass(frozen=True)
class Provenance:
    """How a text came to be: enough to make it again. `seed` is the row's own, `draw` its number for this brief."""

    model_id: str
    model_hash: str
    prompt_hash: str
    run_seed: int
    seed: int
    draw: int
    sampling: Sampling
    slots: tuple[str, ...]
    prompt_tokens: int
    new_tokens: int

    def to_json(self) -> dict[str, object]:
        """As a JSON-ready dict."""
        return {**asdict(self), "slots": list(self.slots)}


@dataclass(frozen=True)
class RawCandidate:
    """An accepted text for `briefs[brief_index]`: parsed, slots unfilled, and as the model wrote it."""

    brief_index: int
    candidate: Candidate
    text: str
    provenance: Provenance


@dataclass(frozen=True)
class Rejection:
    """A refused draw and the reasons, in sentences."""

    brief_index: int
    text: str
    reasons: tuple[str, ...]


OnBatch = Callable[[int, int, Sequence[RawCandidate]], None]
OnReject = Callable[[Rejection], None]


@dataclass
class _Job:
    """One brief on its way: what is accepted, what was drawn."""

    index: int
    brief: Brief
    prompt: Prompt
    prompt_tokens: int
    values: Mapping[str, str]
    wanted: int
    most_draws: int
    drawn: int = 0
    accepted: list[RawCandidate] = field(default_factory=list)

    def next_draws(self) -> Iterator[int]:
        """The numbers of the draws to make now: as many as candidates are missing."""
        missing = min(self.wanted - len(self.accepted), self.most_draws - self.drawn)
        numbers = range(self.drawn, self.drawn + missing)
        self.drawn += max(0, missing)
        return iter(numbers)


def generate(
    loaded: LoadedModel,
    briefs: Sequence[Brief],
    n: int,
    seed: int,
    *,
    values: Sequence[Mapping[str, str]] | None = None,
    sampling: Sampling | None = None,
    batch_size: int = 32,
    on_batch: OnBatch | None = None,
    on_reject: OnReject | None = None,
    should_stop: ShouldStop = never,
) -> list[RawCandidate]:
    """Up to `n` distinct candidates for each brief, in the order of the briefs; fewer where the bound on draws is met.

    `values` are the facts by slot for each brief, with which lengths are judged (default: those the brief holds).
    `on_batch(done, wanted, new)` is called after each batch, `on_reject` for each refused draw. When `should_stop`
    turns true the batch under way is given up and what was accepted so far is returned. Raises GenerationError.
    """
    if n < 1:
        raise GenerationError("n must be at least 1")
    if values is not None and len(values) != len(briefs):
        raise GenerationError("values must be one mapping for each brief")
    settings = sampling or Sampling()
    jobs = [
        _job(loaded, (index, brief), values[index] if values else None, wanted=n, sampling=settings)
        for index, brief in enumerate(briefs)
    ]
    while not should_stop() and (draws := [(job, number) for job in jobs for number in job.next_draws()]):
        for start in range(0, len(draws), batch_size):
            new = _batch(
                loaded,
                draws[start : start + batch_size],
                seed=seed,
                sampling=settings,
                on_reject=on_reject,
                should_stop=should_stop,
            )
            if should_stop():
                break
            if on_batch is not None:
                on_batch(sum(len(job.accepted) for job in jobs), n * len(jobs), new)
    return [candidate for job in jobs for candidate in job.accepted]


def _job(
    loaded: LoadedModel,
    numbered: tuple[int, Brief],
    values: Mapping[str, str] | None,
    *,
    wanted: int,
    sampling: Sampling,
) -> _Job:
    index, brief = numbered
    prompt = prompt_of(loaded, brief)
    tokens = len(loaded.tokenizer(prompt.text, add_special_tokens=not loaded.has_chat_template)["input_ids"])
    if tokens + _LEAST_ROOM > loaded.context:
        raise GenerationError(f"brief {index + 1}: its prompt takes {tokens} tokens, the model holds {loaded.context}")
    own = values if values is not None else facts(brief)
    if lacking := [slot for slot in slots(brief) if slot not in own]:
        raise GenerationError(f"brief {index + 1}: its values lack {{{lacking[0]}}}")
    most = 1 if sampling.temperature == 0 else 4 * wanted + _SPARE_DRAWS  # greedy has one answer only
    return _Job(index, brief, prompt, tokens, own, wanted, most)


def row_seed_of(seed: int, prompt: Prompt, draw: int) -> int:
    """The seed of one draw: 48 bits, so exact in JSON consumers that read numbers as doubles."""
    digest = hashlib.sha256(f"{seed}/{prompt.hash}/{draw}".encode()).digest()
    return int.from_bytes(digest[:6], "big")


def _batch(
    loaded: LoadedModel,
    draws: Sequence[tuple[_Job, int]],
    *,
    seed: int,
    sampling: Sampling,
    on_reject: OnReject | None,
    should_stop: ShouldStop,
) -> list[RawCandidate]:
    """Draw one batch and judge it. Returns the accepted, which are also on their jobs."""
    seeds = [row_seed_of(seed, job.prompt, draw) for job, draw in draws]
    outputs = continue_prompts(loaded, [job.prompt for job, _ in draws], seeds, sampling, should_stop)
    new: list[RawCandidate] = []
    for (job, draw), row_seed, (text, new_tokens) in zip(
        draws, seeds, outputs if not should_stop() else (), strict=False
    ):
        verdict = judge(job.brief, text, job.values)
        if isinstance(verdict, Candidate) and _is_twin(job, verdict, sampling):
            verdict = ("is a twin of another candidate",)
        if isinstance(verdict, Candidate):
            provenance = Provenance(
                loaded.id, loaded.hash, job.prompt.hash, seed, row_seed, draw, sampling, slots(job.brief),
                job.prompt_tokens, new_tokens,
            )  # fmt: skip
            job.accepted.append(RawCandidate(job.index, verdict, text, provenance))
            new.append(job.accepted[-1])
        elif on_reject is not None:
            on_reject(Rejection(job.index, text, verdict))
    return new


@torch.inference_mode()
def continue_prompts(
    loaded: LoadedModel, prompts: Sequence[Prompt], seeds: Sequence[int], sampling: Sampling, should_stop: ShouldStop
) -> list[tuple[str, int]]:
    """The continuation of each prompt and its number of tokens."""
    inputs = loaded.tokenizer(
        [prompt.text for prompt in prompts],
        return_tensors="pt",
        padding=True,
        add_special_tokens=not loaded.has_chat_template,
    )
    length = int(inputs["input_ids"].shape[1])
    network: Any = loaded.model  # generate is mixed in, which the types do not tell
    output = network.generate(
        input_ids=inputs["input_ids"].to(loaded.model.device),
        attention_mask=inputs["attention_mask"].to(loaded.model.device),
        generation_config=_config(loaded, min(sampling.max_new_tokens, loaded.context - length)),
        logits_processor=[SeededSampler(sampling, seeds, length, [prompt.banned for prompt in prompts])],
        stopping_criteria=StoppingCriteriaList([_StopWhen(should_stop)]),
    )
    answers = output[:, length:].cpu()
    counts = (answers != int(loaded.tokenizer.pad_token_id)).sum(dim=1).tolist()
    texts = loaded.tokenizer.batch_decode(answers, skip_special_tokens=True)
    return list(zip(texts, counts, strict=True))


class _StopWhen(StoppingCriteria):
    def __init__(self, should_stop: ShouldStop) -> None:
        self.should_stop = should_stop

    def __call__(self, input_ids: torch.Tensor, _scores: object, **_: object) -> torch.Tensor:
        return torch.full((len(input_ids),), self.should_stop(), device=input_ids.device)


def _config(loaded: LoadedModel, room: int) -> GenerationConfig:
    """Greedy to transformers, since our processor draws; both end tokens, the model's and the tokenizer's."""
    own = getattr(loaded.model.generation_config, "eos_token_id", None)
    ends = {*(own if isinstance(own, list) else [own]), loaded.tokenizer.eos_token_id} - {None}
    return GenerationConfig(  # type: ignore[no-untyped-call]
        do_sample=False,
        num_beams=1,
        use_cache=True,
        max_new_tokens=max(1, room),
        eos_token_id=sorted(ends),
        pad_token_id=loaded.tokenizer.pad_token_id,
    )


def judge(brief: Brief, text: str, values: Mapping[str, str]) -> Candidate | tuple[str, ...]:
    """The candidate in `text`, under the brief's theme where it fixes one, or the reasons to refuse it."""
    candidate = parse(text)
    if isinstance(candidate, ParseFailure):
        return (candidate.reason,)
    reasons = problems(brief, candidate)
    if not reasons:
        filled = {part: fill(value, values) for part, value in candidate.parts().items()}
        reasons = [str(violation) for violation in violations(brief.channel, filled)]
    reasons += untidy(brief.language, candidate)
    return tuple(reasons) or replace(candidate, theme=clean(brief.theme or candidate.theme, 80))


def untidy(language: str, candidate: Candidate) -> list[str]:
    """What no reader should see, in sentences: broken characters, holes, repeats, the other language."""
    text = SLOT_PATTERN.sub("x", "\n".join([candidate.theme, *candidate.parts().values()]))
    found = ["holds a broken character"] if "\ufffd" in text else []
    if re.search(r" {2}| [.,!?]|[:,](\n|$)", text):
        found.append("has a hole in a sentence")
    if re.search(_FOREIGN[language], text):
        found.append("mixes the languages")
    sentences = [sentence.strip() for sentence in re.split(r"[.!?。！？]", candidate.body) if len(sentence.strip()) > 1]
    if len(set(sentences)) < len(sentences):
        found.append("says a sentence twice")
    return found


def _is_twin(job: _Job, candidate: Candidate, sampling: Sampling) -> bool:
    return any(similarity(candidate, other.candidate) >= sampling.max_similarity for other in job.accepted)


def similarity(one: Candidate, other: Candidate) -> float:
    """Share of character trigrams two candidates have in common (Jaccard), over all that a shopper sees."""
    left, right = _trigrams(one), _trigrams(other)
    return len(left & right) / max(1, len(left | right))


def _trigrams(candidate: Candidate) -> set[str]:
    text = " ".join(candidate.parts().values()).lower()
    return {text[start : start + 3] for start in range(max(1, len(text) - 2))}
