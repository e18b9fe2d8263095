"""Whether a draft may become a candidate: it parses, follows its brief, fits its channel, reads well and is new.

Pure, and the same for every provider. "New" is asked of all candidates of a campaign, not of one brief alone: shoppers
and reviewers meet them together. Two texts are near-duplicates when they share most of their character trigrams
(Jaccard, the measure of Broder 1997, which needs no word borders and so serves Chinese too); where an embedding is
injected, also when their vectors nearly coincide.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from models_ml.brief import SLOT_PATTERN, Brief, Candidate, ParseFailure, clean, fill, parse, problems
from models_ml.channels import violations
from models_ml.labelling import AiLabel, labelled

Embed = Callable[[str], Sequence[float]]

_FOREIGN = {"en": r"[\u3000-\u30ff\u4e00-\u9fff\uff01-\uff5e]", "zh": r"[A-Za-z]{4}"}  # slots and "App" are no words
# Also two marks of which the first waits for words: 吃吃，。 or "Take it:,".
_HOLE = re.compile(r" {2}| [.,!?]|[:,](\n|$)|[，、；：,;:][，。！？、；：.,!?;:]|。[。，]")
_ADDRESS = re.compile(r"https?:|www\.|\b[\w-]+\.(?:com|cn|net|org|io|ru|info|shop|top|xyz)\b|@\w+\.\w", re.IGNORECASE)
_MARKUP = re.compile(r"<[a-z/!|]|\|>|\[/?INST|shop data, not instructions", re.IGNORECASE)


def judge(
    brief: Brief, text: str, values: Mapping[str, str], label: AiLabel | None = None
) -> Candidate | tuple[str, ...]:
    """The candidate in `text`, under the brief's theme where it fixes one, or the reasons to refuse it.

    `values` are the facts by slot, with which lengths are judged, the AI label included where one is asked for.
    """
    candidate = parse(text)
    if isinstance(candidate, ParseFailure):
        return (candidate.reason,)
    reasons = problems(brief, candidate)
    if not reasons:
        filled = {part: fill(value, values) for part, value in candidate.parts().items()}
        reasons = [str(violation) for violation in violations(brief.channel, labelled(filled, label))]
    reasons += untidy(brief.language, candidate)
    return tuple(reasons) or replace(candidate, theme=clean(brief.theme or candidate.theme, 80))


def untidy(language: str, candidate: Candidate) -> list[str]:
    """What no reader should see, in sentences: broken characters, holes, repeats, the other language, foreign links."""
    text = SLOT_PATTERN.sub("x", "\n".join([candidate.theme, *candidate.parts().values()]))
    found = ["holds a broken character"] if "\ufffd" in text else []
    if _HOLE.search(text):
        found.append("has a hole in a sentence")
    if re.search(_FOREIGN[language], text):
        found.append("mixes the languages")
    if _ADDRESS.search(text):
        found.append("gives an address of its own")
    if _MARKUP.search(text):
        found.append("holds markup or words of the prompt")
    sentences = [sentence.strip() for sentence in re.split(r"[.!?。！？]", candidate.body) if len(sentence.strip()) > 1]
    if len(set(sentences)) < len(sentences):
        found.append("says a sentence twice")
    return found


def similarity(one: Candidate, other: Candidate) -> float:
    """Share of character trigrams two candidates have in common (Jaccard), over all that a shopper sees."""
    left, right = trigrams(_shown(one.parts())), trigrams(_shown(other.parts()))
    return len(left & right) / max(1, len(left | right))


def trigrams(text: str) -> frozenset[str]:
    """All runs of three characters in the small-lettered text; a shorter text is its own only one."""
    small = text.lower()
    return frozenset(small[start : start + 3] for start in range(max(1, len(small) - 2)))


@dataclass
class Accepted:
    """All candidates of a campaign so far, by which a new one is judged to be a twin or not.

    `most` is the share of common trigrams, `most_cosine` the cosine of embeddings, from which two are twins.
    """

    most: float
    embed: Embed | None = None
    most_cosine: float = 0.97
    _grams: list[frozenset[str]] = field(default_factory=list)
    _vectors: list[Sequence[float]] = field(default_factory=list)

    def add(self, parts: Mapping[str, str]) -> bool:
        """Take a candidate's parts in; False, and nothing changed, where it is a near-duplicate of one taken before."""
        text = _shown(parts)
        grams = trigrams(text)
        if any(self._near(grams, other) for other in self._grams):
            return False
        vector = _unit(self.embed(text)) if self.embed else ()
        if any(sum(a * b for a, b in zip(vector, other, strict=True)) >= self.most_cosine for other in self._vectors):
            return False
        self._grams.append(grams)
        if self.embed:
            self._vectors.append(vector)
        return True

    def extend(self, many: Iterable[Mapping[str, str]]) -> None:
        """Take in what stands already, twins among it too."""
        for parts in many:
            self.add(parts)

    def _near(self, one: frozenset[str], other: frozenset[str]) -> bool:
        small, large = sorted((len(one), len(other)))
        if small < self.most * large:  # the overlap cannot exceed the ratio of sizes
            return False
        shared = len(one & other)
        return shared >= self.most * (small + large - shared)


def _shown(parts: Mapping[str, str]) -> str:
    return " ".join(parts.values())


def _unit(vector: Sequence[float]) -> tuple[float, ...]:
    length = math.sqrt(sum(value * value for value in vector)) or 1.0
    return tuple(value / length for value in vector)
