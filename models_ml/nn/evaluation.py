"""Measures a model on unseen briefs: does it follow them, does it vary, does it only recite.

`python -m models_ml.nn.evaluation` prints the numbers of the shipped model. Draws are judged as they come; "best of n"
is the share of briefs with at least one of n draws that passes all checks.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from models_ml.brief import Brief, Candidate, ParseFailure, facts, fill, parse, problems
from models_ml.channels import violations
from models_ml.nn.artifacts import EVALUATION, ModelFolderError, read_record, write_json
from models_ml.nn.card import card
from models_ml.nn.generation import continue_prompts, generate, row_seed_of, similarity, untidy
from models_ml.nn.grammar.corpus import examples, unseen_briefs
from models_ml.nn.loading import SHIPPED, LoadedModel, load, set_threads
from models_ml.nn.progress import never
from models_ml.nn.prompting import prompt_of
from models_ml.nn.sampling import Sampling

CHECKS = ("parses", "fits the channel", "names the product", "carries offer and facts", "reads clean")
_BATCH = 32


def evaluate(loaded: LoadedModel, *, briefs: int = 200, n: int = 8, seed: int = 11) -> dict[str, Any]:
    """Figures over `briefs` unseen briefs in both languages, `n` draws each. Shares are between 0 and 1."""
    started = time.monotonic()
    chosen = unseen_briefs(briefs, seed)
    draws = draw_texts(loaded, chosen, n, seed)
    verdicts = [[checks(brief, text) for text in texts] for brief, texts in zip(chosen, draws, strict=True)]
    figures: dict[str, Any] = {"briefs": briefs, "draws a brief": n, "seed": seed}
    figures["of single draws"] = _shares([verdict for group in verdicts for verdict in group])
    figures[f"of briefs, best of {n}"] = _shares(
        [max(group, key=lambda checked: sum(checked.values())) for group in verdicts]
    )
    for language in ("en", "zh"):
        groups = [group for brief, group in zip(chosen, verdicts, strict=True) if brief.language == language]
        best = [any(all(checked.values()) for checked in group) for group in groups]
        figures[f"best of {n} passes all, {language}"] = sum(best) / len(best)
    figures["draws equal to another of their brief"] = _repeats(draws)
    figures["mean similarity of two draws of a brief"] = _mean_similarity(draws)
    figures["seconds"] = round(time.monotonic() - started, 1)
    return figures


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


def checks(brief: Brief, text: str) -> dict[str, bool]:
    """Each of CHECKS for one text; those that need a parsed text fail with it."""
    candidate = parse(text)
    if isinstance(candidate, ParseFailure):
        return dict.fromkeys(CHECKS, False)
    found, values = problems(brief, candidate), facts(brief)
    known = not any("does not offer" in problem for problem in found)
    filled = {part: fill(value, values) for part, value in candidate.parts().items()} if known else None
    return {
        "parses": True,
        "fits the channel": filled is not None and not violations(brief.channel, filled),
        "names the product": "{product}" in candidate.headline + candidate.body,
        "carries offer and facts": not found,
        "reads clean": not untidy(brief.language, candidate),
    }


def _shares(verdicts: Sequence[dict[str, bool]]) -> dict[str, float]:
    shares = {name: sum(verdict[name] for verdict in verdicts) / len(verdicts) for name in CHECKS}
    return shares | {"passes all": sum(all(verdict.values()) for verdict in verdicts) / len(verdicts)}


def _repeats(draws: Sequence[Sequence[str]]) -> float:
    return sum(len(texts) - len(set(texts)) for texts in draws) / sum(map(len, draws))


def _mean_similarity(draws: Sequence[Sequence[str]]) -> float:
    parsed = [[item for text in texts if isinstance(item := parse(text), Candidate)] for texts in draws]
    pairs = [similarity(one, two) for group in parsed for one, two in itertools.pairwise(group)]
    return sum(pairs) / max(1, len(pairs))


def recited(loaded: LoadedModel, folder: Path, *, briefs: int = 200, seed: int = 11) -> dict[str, float]:
    """Share of 8-grams (words in English, characters in Chinese) of generated copy that the training text holds.

    The training text is made again from the folder's record. Raises ModelFolderError where there is no record.
    """
    record = read_record(folder)
    if record is None:
        raise ModelFolderError(f"{folder} has no training record, so its training text is unknown")
    plan, shape = record["plan"], record["architecture"]
    known = {"en": set[int](), "zh": set[int]()}
    for item in examples(plan["tune_steps"] * shape["batch_size"], plan["seed"]):
        known[item.brief.language].update(map(hash, _grams(item.brief.language, item.answer)))
    chosen = unseen_briefs(briefs, seed)
    texts = draw_texts(loaded, chosen, 1, seed)
    return {language: _share_known(language, chosen, texts, known[language]) for language in known}


def _share_known(language: str, briefs: Sequence[Brief], texts: Sequence[Sequence[str]], known: set[int]) -> float:
    drawn = (group[0] for brief, group in zip(briefs, texts, strict=True) if brief.language == language)
    grams = [gram for text in drawn for gram in _grams(language, text)]
    return sum(hash(gram) in known for gram in grams) / max(1, len(grams))


def _grams(language: str, text: str, size: int = 8) -> Iterator[tuple[str, ...]]:
    """8-grams within headline and body, taken together (so also those across sentences)."""
    candidate = parse(text)
    if isinstance(candidate, ParseFailure):
        return
    words: Iterable[str] = candidate.body.split() if language == "en" else candidate.body
    items = tuple(words)
    yield from (items[start : start + size] for start in range(len(items) - size + 1))


def greedy_is_stable(loaded: LoadedModel, *, seed: int = 11) -> bool:
    """Whether greedy texts are the same alone, in a batch, and on a second run."""
    chosen, greedy = unseen_briefs(8, seed), Sampling(temperature=0)
    runs = [
        [item.text for item in generate(loaded, chosen, 1, seed, sampling=greedy, batch_size=size)]
        for size in (8, 8, 1)
    ]
    return runs[0] == runs[1] == runs[2]


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the figures as JSON; with --write also put them into the model's folder. 2 on an unusable model."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default=str(SHIPPED), help="a model folder or hub id")
    parser.add_argument("--briefs", type=int, default=200)
    parser.add_argument("--n", type=int, default=8, help="draws a brief")
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--no-recital", action="store_true", help="leave out the 8-gram share (makes the corpus again)")
    parser.add_argument("--write", action="store_true", help="write evaluation.json and the card into the folder")
    options = parser.parse_args(arguments)
    set_threads()
    try:
        loaded = load(options.model)
        figures = evaluate(loaded, briefs=options.briefs, n=options.n, seed=options.seed)
        figures["greedy is stable"] = greedy_is_stable(loaded)
        if Path(options.model).is_dir() and not options.no_recital:
            figures["8-grams also in the training text"] = recited(loaded, Path(options.model), briefs=options.briefs)
    except ModelFolderError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(json.dumps(_rounded(figures), indent=2, ensure_ascii=False) + "\n")
    if options.write:
        _write(Path(options.model), _rounded(figures))
    return 0


def _write(folder: Path, figures: dict[str, Any]) -> None:
    write_json(folder / EVALUATION, figures)
    (folder / "README.md").write_text(card(read_record(folder) or {}, figures), encoding="utf-8")


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    return round(value, 4) if isinstance(value, float) else value


if __name__ == "__main__":
    raise SystemExit(main())
