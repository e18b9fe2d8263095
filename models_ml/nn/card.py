"""The model card and data card of a starter model, written from its training record and its measured figures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from models_ml.brief import LANGUAGES
from models_ml.nn.grammar.phrases import every_phrase
from models_ml.nn.sampling import Sampling

_CARD = """---
language: [en, zh]
library_name: transformers
pipeline_tag: text-generation
---
# Copylift starter model

A causal language model of {parameters:,} parameters (Qwen3 shape, {layers} layers of width {hidden}, vocabulary
{vocabulary}) trained from scratch by this repository, so that a fresh machine without network writes usable marketing
copy in English and Chinese. It turns a brief into four lines, theme, headline, body and call to action, and states
facts only as slots (`{{product}}`, `{{discount}}`, `{{deadline}}`), which the platform fills.

## Use
`models_ml.nn.generation.generate(load(), briefs, n, seed)`; any transformers program can load the folder. The chat
template shows the model only the first paragraph of the user message that `models_ml.brief.messages` writes.

## Limits
It recombines the words and clauses of its grammar; it has no knowledge of the world and cannot chat. It does not read
product names, descriptions, brand voice or attributes: it writes around slots. A category it has not met gets copy
without lines on use. It follows the audience's traits, not a free description. Sentences are joined by theme and tone,
not by an argument. A person reviews each text before it is shown.

## Training
Preset `{preset}`, seed {seed}, on {device} with {threads} thread(s), torch {torch}: {minutes:.0f} minutes
by the clock{load}.
{gpu}
| stage | steps | texts | tokens read | tokens with loss | last mean loss | data SHA-256 |
|---|---|---|---|---|---|---|
{stages}

Made again by
`python manage.py train_starter --preset {preset} --seed {seed} --steps {steps} --out DIR`.
Steps decide the result, time does not; other processors or thread counts round differently.

## Data card
All text is made by `models_ml/nn/grammar`: {phrases},
written for this repository (`data/en_*.toml`, `data/zh_*.toml`), and a made-up world of product
names, brands, prices and codes (`data/world_*.toml`). No text from elsewhere, no personal data. A sentence is a frame
filled with words of the audience's trait, the product's category and the brief's tone. Each training copy passed the
checks the platform applies (slots offered and required, channel limits after filling, no number of its own). The
phrases hold no superlative, guarantee, testimonial, claim about health or nature, or invented fact; a test asks the
fact check.
Nearly half of the training briefs have no category or one without lines of its own, so that the
model leaves such lines out.
Kept out of training, for evaluation: the words of product names and brands, the values of attributes, offers and codes,
the slugs a shop makes up for its audiences, a list of categories, one in five of the sets of traits, and one in ten of
the combinations of audience, traits, offer, tone and channel.

## Measured
`python -m models_ml.nn.evaluation --briefs {briefs} --n {draws} --seed {evaluation_seed}`
on {briefs} unseen briefs, half English, half Chinese, {draws} draws each at temperature {temperature}, top-p {top_p}:

| what | figure |
|---|---|
{figures}

A figure "of single draws" judges each text as it came; generation draws again for those that fail. Slots that the brief
does not offer are never drawn. The fact check sees the text with the brief's own facts in its slots. "Also in the
training text" is the share of the bodies' n-grams and whole sentences that stands in any text of the training: words in
English, characters in Chinese, a slot as one item, within one body. Short sentences, such as those that
give a date or an offer, are shared by their nature.
"""


def card(record: Mapping[str, Any], figures: Mapping[str, Any]) -> str:
    """The README.md of a model folder, from its training.json and evaluation.json."""
    plan, shape = record["plan"], record["architecture"]
    return _CARD.format(
        parameters=record["parameters"],
        vocabulary=record["vocabulary"],
        layers=shape["layers"],
        hidden=shape["hidden"],
        device=record["device"],
        threads=record["threads"],
        minutes=record["seconds"] / 60,
        load=_load(record),
        gpu=_gpu(record),
        phrases=_phrases(),
        torch=record["torch"],
        stages="\n".join(_stage_line(name, stage) for name, stage in record["stages"].items()),
        figures="\n".join(_figure_lines(figures)),
        briefs=figures["briefs"],
        draws=figures["draws a brief"],
        evaluation_seed=figures["seed"],
        temperature=Sampling().temperature,
        top_p=Sampling().top_p,
        preset=plan["preset"],
        seed=plan["seed"],
        steps=",".join(str(plan[f"{stage}_steps"]) for stage in record["stages"]),
    )


def _load(record: Mapping[str, Any]) -> str:
    """How busy the machine was, where the record says so: the clock alone would mislead."""
    cpu, wall = record.get("cpu_seconds"), record["seconds"]
    return f", {cpu / 60:.0f} minutes of processor time" if cpu and wall else ""


def _gpu(record: Mapping[str, Any]) -> str:
    return "No GPU was at hand.\n" if record["device"] == "cpu" else ""


def _phrases() -> str:
    counts = {language: sum(1 for _ in every_phrase(language)) for language in LANGUAGES}
    return f"{counts['en']:,} English and {counts['zh']:,} Chinese phrases with choices in them"


def _stage_line(name: str, stage: Mapping[str, Any]) -> str:
    return (
        f"| {name} | {stage['steps']:,} | {stage['texts']:,} | {stage['tokens']:,} | {stage['trained_tokens']:,} "
        f"| {stage['loss']:.3f} | {stage['dataset_sha256'][:16]} |"
    )


def _figure_lines(figures: Mapping[str, Any], prefix: str = "") -> list[str]:
    lines: list[str] = []
    for name, value in figures.items():
        if isinstance(value, Mapping):
            lines += _figure_lines(value, f"{prefix}{name}: ")
        elif name not in ("briefs", "draws a brief", "seed", "seconds"):
            lines.append(f"| {prefix}{name} | {_shown(value)} |")
    return lines


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.1%}" if isinstance(value, float) else str(value)
