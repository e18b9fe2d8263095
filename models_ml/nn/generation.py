"""Briefs in, candidates out, with any causal model on this machine: batched with a KV cache, seeded.

A text depends on the model, the brief, the seed and the sampling alone, not on the other rows of its batch: each draw
has its own seed (`sampling`). What happens to a draft (judging, redrawing, keeping apart) is `models_ml.drafting`'s and
the same for every provider; here is only how a local network writes, as the provider `LocalModel`.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from transformers import GenerationConfig, StoppingCriteria, StoppingCriteriaList

from models_ml.brief import Brief
from models_ml.drafting import (
    GenerationError,
    OnBatch,
    OnReject,
    Provenance,
    RawCandidate,
    Rejection,
    Wishes,
    draft,
)
from models_ml.examples import Winner
from models_ml.judging import judge, similarity, untidy
from models_ml.nn.loading import LoadedModel
from models_ml.nn.progress import ShouldStop, never
from models_ml.nn.prompting import Prompt, prompt_ids, prompt_of
from models_ml.nn.sampling import Sampling, SeededSampler
from models_ml.pacing import Pace
from models_ml.providers.protocol import Draft, Prepared, ProviderError, TooLarge, Usage, WriteRequest, row_seed

__all__ = [
    "GenerationError",
    "LocalModel",
    "Provenance",
    "RawCandidate",
    "Rejection",
    "continue_prompts",
    "generate",
    "is_out_of_memory",
    "judge",
    "row_seed_of",
    "similarity",
    "untidy",
]  # fmt: skip

_LEAST_ROOM = 64  # tokens an answer needs
_AT_ONCE = {"cpu": 32, "cuda": 128}


class LocalModel:
    """A loaded network as a provider. Prompts are made once a brief and kept for its later draws."""

    name = "local"

    def __init__(self, loaded: LoadedModel, *, most_at_once: int | None = None) -> None:
        self.loaded = loaded
        self.id, self.hash = loaded.base_id or loaded.id, loaded.base_hash if loaded.base_id else loaded.hash
        self.adapter = f"{loaded.id} {loaded.hash}" if loaded.base_id else ""
        self.most_at_once = most_at_once or _AT_ONCE.get(loaded.model.device.type, 32)
        self._prompts: dict[tuple[str, tuple[str, ...]], Prompt] = {}

    def prepare(self, brief: Brief, examples: Sequence[Winner]) -> Prepared:
        """Raises ProviderError where the prompt leaves the model no room to answer."""
        prompt = self._prompt(brief, examples)
        tokens = len(prompt_ids(self.loaded, prompt))
        if tokens + _LEAST_ROOM > self.loaded.context:
            raise ProviderError(f"its prompt takes {tokens} tokens, the model holds {self.loaded.context}")
        theme_by = "opening" if prompt.opening else ""
        return Prepared(prompt.hash, tokens, prompt.examples, prompt.left_out, theme_by)  # type: ignore[arg-type]

    def write(self, request: WriteRequest) -> Iterator[Sequence[Draft]]:
        """All drafts at once. Raises TooLarge, before any of them, where the device has no memory for so many."""
        started = time.monotonic()
        prompts = [self._prompt(draw.brief, draw.examples) for draw in request.draws]
        outputs = self._outputs(request, prompts)
        each = (time.monotonic() - started) / max(1, len(prompts))
        drafts = []
        for place, (prompt, (text, tokens)) in enumerate(zip(prompts, outputs, strict=True)):
            length, key = len(prompt_ids(self.loaded, prompt)), f"{prompt.hash}/{request.draws[place].seed}"
            drafts.append(Draft(place, text, Usage(self.name, self.loaded.id, length, tokens, each, key=key)))
        for one in drafts:
            request.record(one.usage)
        yield drafts

    def _outputs(self, request: WriteRequest, prompts: Sequence[Prompt]) -> list[tuple[str, int]]:
        seeds = [draw.seed for draw in request.draws]
        try:
            return continue_prompts(self.loaded, prompts, seeds, request.sampling, request.should_stop)
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise ProviderError(f"the model stopped: {_first_line(error)}") from error
        # Outside of the clause above, where the traceback would still hold the tensors.
        _free(self.loaded)
        raise TooLarge(len(prompts))

    def _prompt(self, brief: Brief, examples: Sequence[Winner]) -> Prompt:
        key = (repr(brief), tuple(one.id for one in examples))
        if key not in self._prompts:
            self._prompts[key] = prompt_of(self.loaded, brief, examples)
        return self._prompts[key]


def generate(
    loaded: LoadedModel,
    briefs: Sequence[Brief],
    n: int,
    seed: int,
    *,
    values: Sequence[Mapping[str, str]] | None = None,
    sampling: Sampling | None = None,
    batch_size: int | None = None,
    on_batch: OnBatch | None = None,
    on_reject: OnReject | None = None,
    should_stop: ShouldStop = never,
) -> list[RawCandidate]:
    """Up to `n` distinct candidates for each brief, in the order of the briefs; fewer where the bound on draws is met.

    `values` are the facts by slot for each brief, with which lengths are judged (default: those the brief holds).
    Batches grow while the device keeps up, or have `batch_size` texts, and shrink where memory runs out.
    `on_batch(done, wanted, new)` is called after each batch, `on_reject` for each refused draw. When `should_stop`
    turns true the batch under way is given up and what was accepted so far is returned. Raises GenerationError, and
    ProviderError where the device fails. For all wishes (examples, labels, embeddings) see `drafting.draft`.
    """
    wishes = Wishes(
        values=values, sampling=sampling or Sampling(), on_batch=on_batch, on_reject=on_reject, should_stop=should_stop
    )
    pace = Pace.steady(batch_size) if batch_size is not None else None
    return draft(LocalModel(loaded), briefs, n, seed, wishes=wishes, pace=pace)


def row_seed_of(seed: int, prompt: Prompt, draw: int) -> int:
    """The seed of one draw: 48 bits, so exact in JSON consumers that read numbers as doubles."""
    return row_seed(seed, prompt.hash, draw)


@torch.inference_mode()
def continue_prompts(
    loaded: LoadedModel, prompts: Sequence[Prompt], seeds: Sequence[int], sampling: Sampling, should_stop: ShouldStop
) -> list[tuple[str, int]]:
    """The answer to each prompt, from its opening on, and the number of tokens that were written."""
    rows = [_Row(prompt, prompt_ids(loaded, prompt), seed) for prompt, seed in zip(prompts, seeds, strict=True)]
    if not loaded.equal_lengths:
        return _continue(loaded, rows, sampling=sampling, should_stop=should_stop)
    answers: dict[int, tuple[str, int]] = {}
    for length in sorted({len(row.ids) for row in rows}):
        places = [place for place, row in enumerate(rows) if len(row.ids) == length]
        found = _continue(loaded, [rows[place] for place in places], sampling=sampling, should_stop=should_stop)
        answers |= zip(places, found, strict=True)
    return [answers[place] for place in range(len(rows))]


class _Row(NamedTuple):
    prompt: Prompt
    ids: list[int]
    seed: int


def _continue(
    loaded: LoadedModel, rows: Sequence[_Row], *, sampling: Sampling, should_stop: ShouldStop
) -> list[tuple[str, int]]:
    network: Any = loaded.model  # generate is mixed in, which the types do not tell
    inputs = loaded.tokenizer.pad({"input_ids": [row.ids for row in rows]}, padding=True, return_tensors="pt")
    seeds, banned = [row.seed for row in rows], [row.prompt.banned for row in rows]
    length = int(inputs["input_ids"].shape[1])
    with warnings.catch_warnings():
        # PEFT's, of prompt tuning: they count from the start of the row, which is right where nothing is padded
        warnings.filterwarnings("ignore", message="Position ids are not supported")
        output = network.generate(
            input_ids=inputs["input_ids"].to(network.device),
            attention_mask=inputs["attention_mask"].to(network.device),
            generation_config=_config(loaded, network, min(sampling.max_new_tokens, loaded.context - length)),
            logits_processor=[SeededSampler(sampling, seeds, length, banned)],
            stopping_criteria=StoppingCriteriaList([_StopWhen(should_stop)]),
        )
    answers = output[:, length:].cpu()
    counts = (answers != int(loaded.tokenizer.pad_token_id)).sum(dim=1).tolist()
    texts = loaded.tokenizer.batch_decode(answers, skip_special_tokens=True)
    return [(row.prompt.opening + text, count) for row, text, count in zip(rows, texts, counts, strict=True)]


class _StopWhen(StoppingCriteria):
    def __init__(self, should_stop: ShouldStop) -> None:
        self.should_stop = should_stop

    def __call__(self, input_ids: torch.Tensor, _scores: object, **_: object) -> torch.Tensor:
        return torch.full((len(input_ids),), self.should_stop(), device=input_ids.device)


def _config(loaded: LoadedModel, network: Any, room: int) -> GenerationConfig:
    """Greedy to transformers, since our processor draws; both end tokens, the model's and the tokenizer's."""
    own = getattr(network.generation_config, "eos_token_id", None)
    ends = {*(own if isinstance(own, list) else [own]), loaded.tokenizer.eos_token_id} - {None}
    return GenerationConfig(  # type: ignore[no-untyped-call]
        do_sample=False,
        num_beams=1,
        use_cache=True,
        max_new_tokens=max(1, room),
        eos_token_id=sorted(ends),
        pad_token_id=loaded.tokenizer.pad_token_id,
    )


def is_out_of_memory(error: BaseException) -> bool:
    """Whether the device (or, on a CPU, the allocator) said that memory ran out."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    said = str(error).lower()
    return "out of memory" in said or "can't allocate memory" in said or "not enough memory" in said


def _free(loaded: LoadedModel) -> None:
    if loaded.model.device.type == "cuda":
        torch.cuda.empty_cache()


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
