"""Which words moved a score: exact ablation for the whole scorer, integrated gradients for its encoder part.

Ablation says what the utility would be without the word, by asking the scorer itself, so it is exact, and the effects
of words that work together need not add up. Integrated gradients (Sundararajan et al., ICML 2017) do add up: to the
difference from a baseline text, here the same text with each word replaced by the padding token.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from models_ml.nn.scoring.encoder import TransformerEncoder
from models_ml.nn.scoring.evidence import ScorerError
from models_ml.nn.scoring.kernels import ENCODER
from models_ml.nn.scoring.model import Scorer

# Letters and digits with inner apostrophes or hyphens; Chinese, which has no spaces, in pieces of two characters.
_WORD = re.compile(
    r"[\u3400-\u4dbf\u4e00-\u9fff]{1,2}|[^\W_\u3400-\u4dbf\u4e00-\u9fff]+(?:['’.-][^\W_\u3400-\u9fff]+)*"
)
_STEPS = 64


@dataclass(frozen=True)
class WordEffect:
    """A word of a text, its place, and what it adds to the utility (log-odds of a click, > 0 helps)."""

    start: int
    end: int
    word: str
    effect: float


def words(text: str) -> list[tuple[int, int]]:
    """Start and end of each word of a text."""
    return [match.span() for match in _WORD.finditer(text)]


def without(text: str, start: int, end: int) -> str:
    """The text with one word taken out, and one of the spaces around it."""
    head, tail = text[:start], text[end:]
    if tail.startswith(" ") and (not head or head.endswith(" ")):
        tail = tail[1:]
    return (head + tail).strip()


def explain(scorer: Scorer, text: str) -> list[WordEffect]:
    """The effect of each word: utility of the text minus utility without the word. Raises ScorerError on empty text."""
    spans = words(text)
    shorter = [without(text, start, end) for start, end in spans]
    asked = [rest for rest in shorter if rest]
    whole, *rests = scorer.utility([text, *asked])
    known = dict(zip(asked, rests, strict=True))
    return [
        WordEffect(start, end, text[start:end], float(whole - known[rest]) if rest else 0.0)
        for (start, end), rest in zip(spans, shorter, strict=True)
    ]


def gradients(scorer: Scorer, text: str, *, steps: int = _STEPS) -> tuple[list[WordEffect], float]:
    """Integrated gradients of the encoder's part of the utility, one a word, and the total they should add up to.

    The total is the part's value for the text minus its value for the baseline. Tokens that belong to no word (marks,
    punctuation) are left out of the list only when their effect is nought; else they have their own entry. Raises
    ScorerError where the scorer has no transformer encoder.
    """
    encoder = scorer.encoder
    if not isinstance(encoder, TransformerEncoder):
        raise ScorerError("base", "integrated gradients need a scorer with a transformer encoder; use explain")
    batch = encoder.tokens([text])
    effects, total = _integrate(scorer, encoder, batch, steps)
    return _by_word(text, batch["offset_mapping"][0].tolist(), effects), total


def _integrate(scorer: Scorer, encoder: TransformerEncoder, batch: Any, steps: int) -> tuple[list[float], float]:
    """Effect of each token by the midpoint rule, and the exact difference from the baseline."""
    mask = batch["attention_mask"]
    embed = encoder.model.get_input_embeddings()
    with torch.no_grad():
        end = embed(batch["input_ids"])
        start = embed(_baseline(encoder, batch["input_ids"]))
    points = (torch.arange(steps, dtype=end.dtype) + 0.5).reshape(-1, 1, 1) / steps
    path = (start + points * (end - start)).requires_grad_(True)
    part = _encoder_part(scorer, encoder.pooled(mask.expand(steps, -1), inputs_embeds=path))
    (slope,) = torch.autograd.grad(part.sum(), path)
    effects = ((end - start)[0] * slope.mean(0)).sum(-1)
    with torch.no_grad():
        both = _encoder_part(scorer, encoder.pooled(mask.expand(2, -1), inputs_embeds=torch.cat([start, end])))
    return [float(value) for value in effects], float(both[1] - both[0])


def _baseline(encoder: TransformerEncoder, ids: Any) -> Any:
    kept = set(encoder.tokenizer.all_special_ids) - {encoder.tokenizer.unk_token_id}
    special = torch.tensor([token in kept for token in ids[0].tolist()])
    return torch.where(special, ids, torch.full_like(ids, int(encoder.tokenizer.pad_token_id)))


def _encoder_part(scorer: Scorer, pooled: Any) -> Any:
    """The encoder's share of the utility as a tensor, [batch], in step with `Scorer.part`."""
    prepared = scorer.preparation
    rows = (pooled - torch.from_numpy(prepared.encoder_centre)) * torch.from_numpy(prepared.encoder_scale)
    landmarks = torch.from_numpy(np.ascontiguousarray(scorer.landmarks[ENCODER]))
    distance = (rows**2).sum(1)[:, None] + (landmarks**2).sum(1)[None] - 2 * rows @ landmarks.T
    kernel = torch.exp(-0.5 * distance.clamp(min=0)).double()
    return scorer.scales.get(ENCODER, 0.0) * (kernel @ torch.from_numpy(scorer.weights))


def _by_word(text: str, offsets: Sequence[Sequence[int]], effects: Sequence[float]) -> list[WordEffect]:
    spans = words(text)
    sums = [0.0] * len(spans)
    others: list[WordEffect] = []
    for (start, end), effect in zip(offsets, effects, strict=True):
        owner = next((place for place, (left, right) in enumerate(spans) if left <= start < right), None)
        if owner is not None and end > start:
            sums[owner] += effect
        elif effect != 0:
            others.append(WordEffect(start, end, text[start:end], effect))
    found = [WordEffect(*span, text[slice(*span)], effect) for span, effect in zip(spans, sums, strict=True)]
    return sorted([*found, *others], key=lambda one: (one.start, one.end))
