"""Winners of the shop's own past, chosen as examples for a new brief (few-shot prompting).

Pure. A winner is worth showing when it is near to the brief (language, channel, goal, offer, audience, and the words of
the product), when its test was evident, and when it is not like one already chosen: greedy maximal marginal relevance
(Carbonell and Goldstein 1998, SIGIR, equation 1). A test of the same campaign never shows itself: the new copy is to be
tested against it, and would be a twin.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from models_ml.brief import SLOT_PATTERN, Brief
from models_ml.judging import trigrams
from models_ml.parsing import Candidate
from models_ml.untrusted import clean, clean_slotted

LEAST_PROBABILITY = 0.8  # below this a winner is little better than a coin
_WEIGHTS = {"channel": 0.3, "audience": 0.2, "offer": 0.2, "goal": 0.1, "words": 0.2}
_RELEVANCE = 0.7  # of marginal relevance; the rest is novelty


@dataclass(frozen=True)
class Winner:
    """A copy that won its test: for which brief, by how much (`lift`, 0.1 is 10 %), and how surely (`probability`)."""

    id: str
    campaign: str
    brief: Brief
    copy: Candidate
    lift: float
    probability: float

    def __post_init__(self) -> None:
        if not 0 <= self.probability <= 1:
            raise ValueError(f"winner {self.id}: probability must be between 0 and 1")

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Winner:
        """From {id, campaign, brief, copy, lift, probability}. Raises BriefError, KeyError, TypeError or ValueError."""
        return cls(
            id=str(data["id"]),
            campaign=str(data["campaign"]),
            brief=Brief.from_json(data["brief"]),
            copy=Candidate(**data["copy"]),
            lift=float(data["lift"]),
            probability=float(data["probability"]),
        )

    @property
    def evidence(self) -> float:
        """0 for a coin flip, 1 for certainty; a large lift counts up to double (a lift of 25 % halfway)."""
        return max(0.0, 2 * self.probability - 1) * (1 + max(0.0, self.lift) / (max(0.0, self.lift) + 0.25))

    def answer(self) -> str:
        """The copy as the answer of an earlier turn: cleaned, since people edit copy, with its slots kept."""
        lines = {"theme": clean(self.copy.theme, 80)}
        lines |= {part: clean_slotted(text, 400, SLOT_PATTERN) for part, text in self.copy.parts().items()}
        lines["cta"] = lines.pop("call_to_action")
        return "\n".join(f"{key}: {value}" for key, value in lines.items())


def choose(brief: Brief, winners: Sequence[Winner], count: int, *, campaign: str) -> tuple[Winner, ...]:
    """At most `count` winners to show for `brief` of `campaign`: the nearest, evident and unlike each other.

    Only winners in the brief's language, of another campaign, with a positive lift. The order of `winners` does not
    matter.
    """
    pool = sorted((one for one in winners if _may_show(one, brief, campaign)), key=lambda one: one.id)
    worth = {one.id: nearness(brief, one.brief) * one.evidence for one in pool}
    chosen: list[Winner] = []
    while pool and len(chosen) < count:
        best = max(pool, key=lambda one: _marginal(one, worth[one.id], chosen))
        chosen.append(best)
        pool = [one for one in pool if one.id != best.id and one.copy.parts() != best.copy.parts()]
    return tuple(chosen)


def nearness(brief: Brief, other: Brief) -> float:
    """How much two briefs have in common, 0 to 1."""
    shared = {
        "channel": float(brief.channel == other.channel),
        "goal": float(brief.goal == other.goal),
        "offer": float(brief.offer.kind == other.offer.kind),
        "audience": _audience_overlap(brief, other),
        "words": _jaccard(trigrams(_words(brief)), trigrams(_words(other))),
    }
    return sum(_WEIGHTS[name] * value for name, value in shared.items())


def shown_brief(winner: Winner) -> Brief:
    """The brief of an example as a prompt shows it: without free text of the shop beyond the product."""
    audience = replace(winner.brief.audience, description="")
    return replace(winner.brief, audience=audience, voice=(), theme=None)


def _may_show(winner: Winner, brief: Brief, campaign: str) -> bool:
    same_language = winner.brief.language == brief.language
    return same_language and winner.campaign != campaign and winner.lift > 0 and winner.probability >= LEAST_PROBABILITY


def _marginal(winner: Winner, worth: float, chosen: Sequence[Winner]) -> float:
    like = max((_jaccard(_text_trigrams(winner), _text_trigrams(one)) for one in chosen), default=0.0)
    return _RELEVANCE * worth - (1 - _RELEVANCE) * like


def _text_trigrams(winner: Winner) -> frozenset[str]:
    return trigrams(" ".join(winner.copy.parts().values()))


def _audience_overlap(brief: Brief, other: Brief) -> float:
    if brief.audience.key == other.audience.key:
        return 1.0
    return _jaccard(frozenset(brief.audience.leanings), frozenset(other.audience.leanings))


def _words(brief: Brief) -> str:
    return f"{brief.product.category} {brief.product.name}"


def _jaccard(one: frozenset[str], other: frozenset[str]) -> float:
    return len(one & other) / len(one | other) if one or other else 0.0
