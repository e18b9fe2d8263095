"""The measures of `bench_adaptation`: BLEU-4 and ROUGE as ChatGLM's P-Tuning script takes them, and fact consistency.

Not a benchmark itself. BLEU-4: nltk's sentence BLEU over characters with smoothing method 3 (Chen and Cherry 2014).
ROUGE: F1 over words of jieba; ROUGE-1 and -2 over the sets of n-grams, ROUGE-L over the longest common subsequence, as
the package rouge_chinese counts them. Figures are means over the texts, in percent. Facts: an attribute string is
"key#value*key#value"; the vocabulary of what a text may state is that of the data set's own attributes.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

STATED = (
    "颜色",
    "材质",
    "图案",
    "风格",
)  # colour, material, pattern, style: what a shopper could hold against the shop
SHORTEST = 2  # characters: single ones are parts of too many other words


@dataclass(frozen=True)
class Scores:
    """All in percent. `carried`: source values that the text names; `supported`: named values that the source has."""

    bleu: float
    rouge_1: float
    rouge_2: float
    rouge_l: float
    carried: float
    supported: float
    characters: float  # mean length

    def cells(self) -> list[str]:
        """For a row of a table."""
        return [f"{value:.1f}" for value in vars(self).values()]


def attributes(content: str) -> list[tuple[str, str]]:
    """Key and value of each attribute of a string."""
    return [(key, value) for key, found, value in (part.partition("#") for part in content.split("*")) if found]


def vocabulary(contents: Sequence[str]) -> list[str]:
    """The values of STATED keys in these strings, longest first."""
    values = {value for content in contents for key, value in attributes(content) if key in STATED}
    return sorted((value for value in values if len(value) >= SHORTEST), key=lambda value: (-len(value), value))


def stated(text: str, words: Sequence[str]) -> set[str]:
    """The values named in a text, the longer one where two overlap ("light blue", not "blue")."""
    found, rest = set(), text
    for word in words:
        if word in rest:
            found.add(word)
            rest = rest.replace(word, "\0")
    return found


def facts(content: str, text: str, words: Sequence[str]) -> tuple[int, int, int, int]:
    """Source values carried and their number, stated values supported and their number."""
    values = {value for _, value in attributes(content)}
    named = stated(text, words)
    supported = {word for word in named if any(word in value or value in word for value in values)}
    return sum(value in text for value in values), len(values), len(supported), len(named)


def bleu_4(text: str, reference: str) -> float:
    """From 0 to 1; 0 for a text of fewer than two characters, of which nltk makes nothing."""
    from nltk.translate.bleu_score import SmoothingFunction, sentence_bleu

    if len(text) < 2:
        return 0.0
    return float(sentence_bleu([list(reference)], list(text), smoothing_function=SmoothingFunction().method3))


def words_of(text: str) -> list[str]:
    """Words by jieba."""
    import jieba

    jieba.setLogLevel(logging.ERROR)
    return list(jieba.cut(text))


def rouge_n(own: Sequence[str], other: Sequence[str], n: int) -> float:
    """F1 over the sets of n-grams."""
    first, second = ({tuple(words[at : at + n]) for at in range(len(words) - n + 1)} for words in (own, other))
    return _f1(len(first & second), len(first), len(second))


def rouge_l(own: Sequence[str], other: Sequence[str]) -> float:
    """F1 of the longest common subsequence."""
    row = [0] * (len(other) + 1)
    for word in own:
        before = 0
        for index, right in enumerate(other, start=1):
            here = row[index]
            row[index] = before + 1 if word == right else max(here, row[index - 1])
            before = here
    return _f1(row[-1], len(own), len(other))


def _f1(common: int, own: int, other: int) -> float:
    return 2 * common / (own + other) if own + other else 0.0


def scores(contents: Sequence[str], texts: Sequence[str], references: Sequence[str], words: Sequence[str]) -> Scores:
    """All measures of texts written for these attribute strings."""
    cut = [(words_of(text), words_of(reference)) for text, reference in zip(texts, references, strict=True)]
    counts = [facts(content, text, words) for content, text in zip(contents, texts, strict=True)]
    carried, sources, supported, named = (sum(column) for column in zip(*counts, strict=True))
    return Scores(
        bleu=100 * fmean(bleu_4(text, reference) for text, reference in zip(texts, references, strict=True)),
        rouge_1=100 * fmean(rouge_n(own, other, 1) for own, other in cut),
        rouge_2=100 * fmean(rouge_n(own, other, 2) for own, other in cut),
        rouge_l=100 * fmean(rouge_l(own, other) for own, other in cut),
        carried=100 * carried / max(1, sources),
        supported=100 * supported / max(1, named),
        characters=fmean(len(text) for text in texts),
    )
