"""From briefs to candidates with any provider: draws asked for, drafts judged, refused ones drawn again, in bounds.

Pure. Peculiar: draws are asked in rounds and judged in their order, whatever the size of the requests, and each has a
seed made from run, prompt and number. So a provider that honours seeds gives the same candidates however it batches.
Candidates are kept apart across the whole call (`judging.Accepted`), since its briefs belong to one campaign; so which
drafts of a brief are accepted may depend on its neighbours, but never what is drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from models_ml import themes
from models_ml.brief import Brief, Candidate, facts, slots
from models_ml.examples import Winner
from models_ml.judging import Accepted, Embed, judge
from models_ml.labelling import AiLabel
from models_ml.nn.progress import ShouldStop, never
from models_ml.pacing import Pace
from models_ml.providers.protocol import (
    Draft,
    Draw,
    Prepared,
    Provider,
    ProviderError,
    TooLarge,
    Usage,
    WriteRequest,
    row_seed,
)
from models_ml.sampling import Sampling

_SPARE_DRAWS = 8
_THEME_TOKENS = 40


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
    provider: str = ""
    adapter: str = ""
    examples: tuple[str, ...] = ()
    examples_left_out: str = ""
    theme_by: str = ""

    def to_json(self) -> dict[str, Any]:
        """As a JSON-ready dict."""
        return {**asdict(self), "slots": list(self.slots), "examples": list(self.examples)}


@dataclass(frozen=True)
class RawCandidate:
    """An accepted text for `briefs[brief_index]`: parsed, slots unfilled, and as the model wrote it."""

    brief_index: int
    candidate: Candidate
    text: str
    provenance: Provenance
    usage: Usage | None = None


@dataclass(frozen=True)
class Rejection:
    """A refused draw and the reasons, in sentences."""

    brief_index: int
    text: str
    reasons: tuple[str, ...]


OnBatch = Callable[[int, int, Sequence[RawCandidate]], None]
OnReject = Callable[[Rejection], None]
OnUsage = Callable[[Usage], None]


@dataclass(frozen=True)
class Wishes:
    """What a caller may ask beyond briefs and number, and what it hears on the way.

    `values` are the facts by slot for each brief, with which lengths are judged (default: those the brief holds).
    `taken` are the parts of copies the campaign has already; `embed` turns a text into a vector, for twins by meaning;
    `label` is the AI label the copies will carry, which takes room; `examples` are winners shown to the model.
    `on_batch(done, wanted, new)` is called after each group of drafts, `on_reject` for each refused draw, `on_usage`
    once for each draw.
    """

    values: Sequence[Mapping[str, str]] | None = None
    sampling: Sampling = field(default_factory=Sampling)
    examples: Sequence[Sequence[Winner]] | None = None
    taken: Sequence[Mapping[str, str]] = ()
    embed: Embed | None = None
    label: AiLabel | None = None
    on_batch: OnBatch | None = None
    on_reject: OnReject | None = None
    on_usage: OnUsage | None = None
    should_stop: ShouldStop = never


@dataclass(frozen=True)
class Context:
    """What a campaign knows beside its briefs.

    `campaign` names it, so that it is not shown its own winners. `winners` are past ones to choose examples from,
    `taken` the parts of copies it has for OTHER audiences, `label` what its copies will carry, `job_id` whose costs
    these are.
    """

    campaign: str = ""
    winners: Sequence[Winner] = ()
    taken: Sequence[Mapping[str, str]] = ()
    label: AiLabel | None = None
    job_id: str | None = None


@dataclass
class _Job:
    """One brief on its way: what is accepted, what was drawn."""

    index: int
    brief: Brief
    values: Mapping[str, str]
    examples: tuple[Winner, ...]
    prepared: Prepared
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


def draft(
    provider: Provider, briefs: Sequence[Brief], n: int, seed: int, *, wishes: Wishes | None = None,
    pace: Pace | None = None,
) -> list[RawCandidate]:  # fmt: skip
    """Up to `n` distinct candidates for each brief, in the order of the briefs; fewer where the bound on draws is met.

    When `wishes.should_stop` turns true the request under way is given up and what was accepted so far is returned.
    Raises GenerationError for a brief or number that cannot be used, ProviderError where the provider gives up.
    """
    wishes = wishes or Wishes()
    jobs = _jobs(provider, briefs, n, wishes)
    run = _Run(provider, jobs, seed, wishes, pace or Pace(provider.most_at_once))
    while not wishes.should_stop() and (draws := [(job, number) for job in jobs for number in job.next_draws()]):
        run.round(draws)
    return [candidate for job in jobs for candidate in job.accepted]


def write_themes(
    provider: Provider, briefs: Sequence[Brief], count: int, seed: int, *, drafts: int = 12,
    wishes: Wishes | None = None,
) -> list[themes.Theme]:  # fmt: skip
    """Up to `count` distinct themes for a campaign whose audiences' briefs these are: fewer where drafts repeat.

    `drafts` openings are drawn for each brief, theme line only, and the themes least alike are kept. Raises as `draft`.
    """
    wishes = wishes or Wishes()
    opening = replace(wishes.sampling, max_new_tokens=_THEME_TOKENS)
    briefs = [replace(brief, theme=None) for brief in briefs]
    jobs = _jobs(provider, briefs, drafts, wishes)
    draws = [(job, number) for job in jobs for number in job.next_draws()]
    lines: list[tuple[str, str]] = []
    run = _Run(provider, jobs, seed, replace(wishes, sampling=opening), Pace(provider.most_at_once))
    for part, group in run.drafts(draws):
        for one in group:
            brief = part[one.place][0].brief
            if line := themes.theme_line(brief.language, one.text):
                lines.append((brief.audience.key, line))
    return themes.distinct(themes.gather(lines), count)


def _jobs(provider: Provider, briefs: Sequence[Brief], n: int, wishes: Wishes) -> list[_Job]:
    if n < 1:
        raise GenerationError("n must be at least 1")
    for name, given in (("values", wishes.values), ("examples", wishes.examples)):
        if given is not None and len(given) != len(briefs):
            raise GenerationError(f"{name} must be one {'mapping' if name == 'values' else 'list'} for each brief")
    return [_job(provider, index, brief, n, wishes) for index, brief in enumerate(briefs)]


def _job(provider: Provider, index: int, brief: Brief, wanted: int, wishes: Wishes) -> _Job:
    examples = tuple(wishes.examples[index]) if wishes.examples else ()
    try:
        prepared = provider.prepare(brief, examples)
    except ProviderError as problem:
        raise GenerationError(f"brief {index + 1}: {problem}") from problem
    values = wishes.values[index] if wishes.values is not None else facts(brief)
    if lacking := [slot for slot in slots(brief) if slot not in values]:
        raise GenerationError(f"brief {index + 1}: its values lack {{{lacking[0]}}}")
    most = 1 if wishes.sampling.temperature == 0 else 4 * wanted + _SPARE_DRAWS  # greedy has one answer only
    return _Job(index, brief, values, examples, prepared, wanted, most)


_Asked = tuple[_Job, int]


class _Run:
    """One call of `draft`: asks for draws at its pace, judges what comes, tells the caller."""

    def __init__(self, provider: Provider, jobs: Sequence[_Job], seed: int, wishes: Wishes, pace: Pace) -> None:
        self.provider, self.jobs, self.seed, self.wishes, self.pace = provider, jobs, seed, wishes, pace
        self.accepted = Accepted(wishes.sampling.max_similarity, wishes.embed)
        self.accepted.extend(wishes.taken)

    def round(self, draws: Sequence[_Asked]) -> None:
        """Ask for the draws and take in what they bring."""
        for part, group in self.drafts(draws):
            new = [found for one in group if (found := self._take(part[one.place], one)) is not None]
            if self.wishes.on_batch is not None:
                done = sum(len(job.accepted) for job in self.jobs)
                self.wishes.on_batch(done, sum(job.wanted for job in self.jobs), new)

    def drafts(self, draws: Sequence[_Asked]) -> Iterator[tuple[Sequence[_Asked], Sequence[Draft]]]:
        """Groups of drafts, each with the draws its request was for. A request too large is asked again in halves."""
        start = 0
        while start < len(draws) and not self.wishes.should_stop():
            part = draws[start : start + self.pace.size]
            try:
                with self.pace.timed(len(part)):
                    yield from self._request(part)
            except TooLarge as problem:
                self.pace.shrink(problem)
                continue
            start += len(part)

    def _request(self, part: Sequence[_Asked]) -> Iterator[tuple[Sequence[_Asked], Sequence[Draft]]]:
        asked = [
            Draw(job.brief, row_seed(self.seed, job.prepared.prompt_hash, number), number, job.examples)
            for job, number in part
        ]
        request = WriteRequest(asked, self.wishes.sampling, self.wishes.should_stop, self._record)
        for group in self.provider.write(request):
            if self.wishes.should_stop():
                return
            yield part, group

    def _record(self, usage: Usage) -> None:
        if self.wishes.on_usage is not None:
            self.wishes.on_usage(usage)

    def _take(self, asked: _Asked, one: Draft) -> RawCandidate | None:
        job, number = asked
        verdict = judge(job.brief, one.text, job.values, self.wishes.label)
        if isinstance(verdict, Candidate) and not self.accepted.add(verdict.parts()):
            verdict = ("is a twin of another candidate",)
        if isinstance(verdict, Candidate):
            found = RawCandidate(job.index, verdict, one.text, self._provenance(job, number, one), one.usage)
            job.accepted.append(found)
            return found
        if self.wishes.on_reject is not None:
            self.wishes.on_reject(Rejection(job.index, one.text, verdict))
        return None

    def _provenance(self, job: _Job, number: int, one: Draft) -> Provenance:
        prepared = job.prepared
        return Provenance(
            model_id=self.provider.id,
            model_hash=self.provider.hash,
            prompt_hash=prepared.prompt_hash,
            run_seed=self.seed,
            seed=row_seed(self.seed, prepared.prompt_hash, number),
            draw=number,
            sampling=self.wishes.sampling,
            slots=slots(job.brief),
            prompt_tokens=prepared.prompt_tokens or one.usage.prompt_tokens,
            new_tokens=one.usage.completion_tokens,
            provider=self.provider.name,
            adapter=self.provider.adapter,
            examples=prepared.examples,
            examples_left_out=prepared.left_out,
            theme_by=prepared.theme_by,
        )
