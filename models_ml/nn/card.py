"""The model card and data card of a starter model, written from its training record and its measured figures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

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
It knows the phrases of its grammar and recombines them; it has no knowledge of the world and cannot chat. It does not
read product names, descriptions, brand voice or a given theme: it writes around slots. A category it has not met gets
copy without lines on use. It follows the audience's traits, not a free description. A person reviews each text before
it is shown.

## Training
Preset `{preset}`, seed {seed}, on {device} with {threads} thread(s), {seconds:.0f} s, torch {torch}.

| stage | steps | texts | tokens read | tokens with loss | last mean loss | data SHA-256 |
|---|---|---|---|---|---|---|
{stages}

Made again by
`python manage.py train_starter --preset {preset} --seed {seed} --steps {pretrain_steps},{tune_steps} --out DIR`.
Steps decide the result, time does not; other processors or thread counts round differently.

## Data card
All text is made by `models_ml/nn/grammar`: phrases in `data/en.toml` and `data/zh.toml`, written for this repository,
and a made-up world of product names, brands, prices and codes in `data/world_*.toml`. No text from elsewhere, no
personal data. Each training copy passed the same checks the platform applies (slots offered and required, channel
limits after filling, no number of its own). The phrases hold no superlative, testimonial, health claim or invented
fact.
Kept out of training, for evaluation: other words in product names and brands, other attribute values, other
categories, other audiences, and one in ten of the combinations of audience, traits, offer, tone and channel.

## Measured
`python -m models_ml.nn.evaluation --briefs {briefs} --n {draws} --seed {evaluation_seed}`
on {briefs} unseen briefs, half English, half Chinese, {draws} draws each at temperature {temperature}, top-p {top_p}:

| what | figure |
|---|---|
{figures}

A figure "of single draws" judges each text as it came; generation draws again for those that fail. Slots that the brief
does not offer are never drawn. The 8-gram figures count words in English and characters in Chinese, within bodies.
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
        seconds=record["seconds"],
        torch=record["torch"],
        stages="\n".join(_stage_line(name, stage) for name, stage in record["stages"].items()),
        figures="\n".join(_figure_lines(figures)),
        briefs=figures["briefs"],
        draws=figures["draws a brief"],
        evaluation_seed=figures["seed"],
        temperature=Sampling().temperature,
        top_p=Sampling().top_p,
        **plan,
    )


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
