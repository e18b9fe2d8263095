"""Measures a model on unseen briefs: does it follow them, is it true, does it vary, does it only recite.

`python -m models_ml.nn.evaluation` prints the numbers of the shipped model. Draws are judged as they come; "best of n"
is the share of briefs with at least one of n draws that passes all checks.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from random import Random
from typing import Any

from models_ml.brief import Brief, Candidate, ParseFailure, facts, fill, parse, problems
from models_ml.channels import violations
from models_ml.fact_check import Support, check, filled
from models_ml.nn.artifacts import EVALUATION, ModelFolderError, read_record, write_json
from models_ml.nn.card import card
from models_ml.nn.generation import continue_prompts, generate, row_seed_of, similarity, untidy
from models_ml.nn.grammar.corpus import examples, unseen_briefs
from models_ml.nn.loading import SHIPPED, LoadedModel, load, set_threads
from models_ml.nn.overlap import KnownText
from models_ml.nn.progress import never
from models_ml.nn.prompting import prompt_of
from models_ml.nn.sampling import Sampling
from models_ml.nn.stages import SEED_SHIFT

CHECKS = (
    "parses",
    "fits the channel",
    "names the product",
    "carries offer and facts",
    "passes the fact check",
    "reads clean",
)
_BATCH = 32

Verdict = dict[str, bool]


def evaluate(loaded: LoadedModel, *, briefs: int = 200, n: int = 8, seed: int = 11) -> dict[str, Any]:
    """Figures over `briefs` unseen briefs in both languages, `n` draws each. Shares are between 0 and 1."""
    started = time.monotonic()
    chosen = unseen_briefs(briefs, seed)
    draws = draw_texts(loaded, chosen, n, seed)
    verdicts = [[checks(brief, text) for text in texts] for brief, texts in zip(chosen, draws, strict=True)]
    best = [max(group, key=lambda verdict: sum(verdict.values())) for group in verdicts]
    groups = [(brief, [verdict]) for brief, verdict in zip(chosen, best, strict=True)]
    return {
        "briefs": briefs,
        "draws a brief": n,
        "seed": seed,
        "of single draws": _shares(list(itertools.chain.from_iterable(verdicts))),
        f"of briefs, best of {n}": _shares(best),
        "single draws pass all": _by_kind(zip(chosen, verdicts, strict=True)),
        f"best of {n} passes all": _by_kind(groups),
        "draws equal to another of their brief": _repeats(draws),
        "mean similarity of two draws of a brief": _mean_similarity(draws),
        "seconds": round(time.monotonic() - started, 1),
    }


def draw_texts(loaded: LoadedModel, briefs: Sequence[Brief], n: int, seed: int) -> list[list[str]]:
    """`n` unjudged texts for each brief, drawn as `generate` draws them."""
    jobs = [(index, prompt_of(loaded, brief), draw) for index, brief in enumerate(briefs) for draw in range(n)]
    texts: list[list[str]] = [[] for _ in briefs]
    for start in range(0, len(jobs), _BATCH):
        part = jobs[start : start + _BATCH]
        seeds = [row_seed_of(seed, prompt, draw) for _, prompt, draw in part]
        answers = continue_prompts(loaded, [prompt for _, prompt, _ in part], seeds, Sampling(), never)
        for (index, _, _), (answer, _tokens) in zip(part, answers, strict=True):
            texts[index].append(answer)
    return texts


def checks(brief: Brief, text: str) -> Verdict:
    """Each of CHECKS for one text, its slots filled with the brief's own facts; those that need a parsed text fail
    with it."""
    candidate = parse(text)
    if isinstance(candidate, ParseFailure):
        return dict.fromkeys(CHECKS, False)
    found, values = problems(brief, candidate), facts(brief)
    known = not any("does not offer" in problem for problem in found)
    shown = {part: fill(value, values) for part, value in candidate.parts().items()} if known else None
    return {
        "parses": True,
        "fits the channel": shown is not None and not violations(brief.channel, shown),
        "names the product": "{product}" in candidate.headline + candidate.body,
        "carries offer and facts": not found,
        "passes the fact check": known and is_supported(brief, candidate),
        "reads clean": not untidy(brief.language, candidate),
    }


def is_supported(brief: Brief, candidate: Candidate) -> bool:
    """Whether the fact check finds nothing in the candidate, filled as the platform fills it from this brief."""
    values = facts(brief)
    shown, spans = filled(candidate.parts(), values)
    return not check(shown, Support(brief=brief, facts=values), fact_spans=spans)


def _shares(verdicts: Sequence[Verdict]) -> dict[str, float]:
    shares = {name: sum(verdict[name] for verdict in verdicts) / len(verdicts) for name in CHECKS}
    return shares | {"passes all": sum(all(verdict.values()) for verdict in verdicts) / len(verdicts)}


def _by_kind(groups: Iterable[tuple[Brief, Sequence[Verdict]]]) -> dict[str, float]:
    """The share of verdicts that pass all, by language and by channel."""
    counted: dict[str, list[bool]] = {}
    for brief, verdicts in groups:
        for kind in (brief.language, brief.channel):
            counted.setdefault(kind, []).extend(all(verdict.values()) for verdict in verdicts)
    return {kind: sum(passed) / len(passed) for kind, passed in sorted(counted.items())}


def _repeats(draws: Sequence[Sequence[str]]) -> float:
    return sum(len(texts) - len(set(texts)) for texts in draws) / sum(map(len, draws))


def _mean_similarity(draws: Sequence[Sequence[str]]) -> float:
    parsed = [[item for text in texts if isinstance(item := parse(text), Candidate)] for texts in draws]
    pairs = [similarity(one, two) for group in parsed for one, two in itertools.pairwise(group)]
    return sum(pairs) / max(1, len(pairs))


def recited(loaded: LoadedModel, folder: Path, *, briefs: int = 200, seed: int = 11) -> dict[str, dict[str, float]]:
    """By language, the share of 8-grams, 12-grams and sentences of generated bodies that the training text holds.

    The training text of all stages is made again from the folder's record. Raises ModelFolderError without a record.
    """
    record = read_record(folder)
    if record is None:
        raise ModelFolderError(f"{folder} has no training record, so its training text is unknown")
    known = {language: KnownText(language) for language in ("en", "zh")}
    for stage, shift in SEED_SHIFT.items():
        texts_read = record["stages"].get(stage, {}).get("texts", 0)
        for item in examples(texts_read, record["plan"]["seed"] + shift):
            known[item.brief.language].add(item.answer)
    chosen = unseen_briefs(briefs, seed)
    texts = draw_texts(loaded, chosen, 1, seed)
    return {
        language: held.shares(
            group[0] for brief, group in zip(chosen, texts, strict=True) if brief.language == language
        )
        for language, held in known.items()
    }


def greedy_is_stable(loaded: LoadedModel, *, seed: int = 11) -> bool:
    """Whether greedy texts are the same alone, in a batch, and on a second run."""
    chosen, greedy = unseen_briefs(8, seed), Sampling(temperature=0)
    runs = [
        [item.text for item in generate(loaded, chosen, 1, seed, sampling=greedy, batch_size=size)]
        for size in (8, 8, 1)
    ]
    return runs[0] == runs[1] == runs[2]


def samples(loaded: LoadedModel, count: int, *, seed: int = 11) -> list[str]:
    """`count` candidates as the platform gives them, for random unseen briefs, nobody choosing; slots filled."""
    drawn = Random(seed).sample(unseen_briefs(10 * count, seed + 1), count)  # noqa: S311 - a choice, not a secret
    given = {item.brief_index: item.candidate for item in generate(loaded, drawn, 1, seed)}
    return [_sample(brief, given.get(index)) for index, brief in enumerate(drawn)]


def _sample(brief: Brief, candidate: Candidate | None) -> str:
    traits, offer = " ".join(brief.audience.leanings) or "any", f"{brief.offer.kind} {brief.offer.value}".strip()
    head = (
        f"[{brief.language} {brief.channel}, {brief.tone}, {brief.goal}, for {brief.audience.key} ({traits}), "
        f"{brief.product.name} in {brief.product.category or 'no category'}, offer {offer}]"
    )
    if candidate is None:
        return f"{head}\n  (no draw followed the brief)"
    lines = {"theme": candidate.theme} | candidate.parts()
    return "\n".join([head, *(f"  {name}: {fill(text, facts(brief))}" for name, text in lines.items())])


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the figures as JSON, or candidates; --write puts the figures into the folder. 2 on an unusable model."""
    options = _parser().parse_args(arguments)
    set_threads()
    try:
        loaded = load(options.model)
        if options.show:
            sys.stdout.write("\n".join(samples(loaded, options.show, seed=options.seed)) + "\n")
            return 0
        figures = evaluate(loaded, briefs=options.briefs, n=options.n, seed=options.seed)
        figures["greedy is stable"] = greedy_is_stable(loaded)
        if Path(options.model).is_dir() and not options.no_recital:
            figures["also in the training text"] = recited(loaded, Path(options.model), briefs=options.briefs)
    except ModelFolderError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(json.dumps(_rounded(figures), indent=2, ensure_ascii=False) + "\n")
    if options.write:
        _write(Path(options.model), _rounded(figures))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default=str(SHIPPED), help="a model folder or hub id")
    parser.add_argument("--briefs", type=int, default=200)
    parser.add_argument("--n", type=int, default=8, help="draws a brief")
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--show", type=int, default=0, metavar="N", help="print N candidates for random unseen briefs")
    parser.add_argument("--no-recital", action="store_true", help="leave out what the training text holds (slow)")
    parser.add_argument("--write", action="store_true", help="write evaluation.json and the card into the folder")
    return parser


def _write(folder: Path, figures: dict[str, Any]) -> None:
    write_json(folder / EVALUATION, figures)
    (folder / "README.md").write_text(card(read_record(folder) or {}, figures), encoding="utf-8")


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    return round(value, 4) if isinstance(value, float) else value


if __name__ == "__main__":
    raise SystemExit(main())
