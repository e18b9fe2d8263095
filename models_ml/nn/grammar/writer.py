"""Writes a copy that follows a brief: drafts one from the phrase book, keeps it if nothing is wrong with it.

A draft is a theme and headline of one idea, a body of lines in a sensible order, and a call. Drafts get shorter with
each failure, so narrow channels end with the offer alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from models_ml.brief import SLOT_PATTERN, Brief, Candidate, facts, fill, problems, required_slots, slots
from models_ml.channels import violations
from models_ml.nn.grammar.phrases import Idea, PhraseBook, phrase_book, speak

# How many lines besides the offer a body may have, by channel: (fewest, most).
_LINES = {
    "search_ad": (0, 1),
    "banner": (0, 1),
    "sms": (0, 2),
    "push": (1, 2),
    "email": (2, 4),
    "product_page": (3, 6),
}
_SHORT = ("search_ad", "banner", "sms")
_ATTEMPTS = 60
_ATTEMPTS_PER_CUT = 10  # after so many failures a draft may have one line less


@dataclass(frozen=True)
class _Desk:
    """What lies on the writer's desk for one draft."""

    brief: Brief
    book: PhraseBook
    rng: Random
    idea: Idea

    def pick(self, *path: str) -> str:
        """A spoken phrase at `path` whose slots the brief offers; empty when there is none."""
        return self.choose(self.book.phrases(*path))

    def choose(self, phrases: Sequence[str]) -> str:
        """A spoken phrase whose slots the brief offers; empty when there is none."""
        offered = set(slots(self.brief))
        usable = [phrase for phrase in phrases if set(SLOT_PATTERN.findall(phrase)) <= offered]
        return speak(self.rng.choice(usable), self.rng) if usable else ""


def write(brief: Brief, rng: Random) -> Candidate | None:
    """A copy that follows `brief` and fits its channel with the brief's own facts; None when no draft does."""
    book = phrase_book(brief.language)
    values = facts(brief)
    for attempt in range(_ATTEMPTS):
        desk = _Desk(brief, book, rng, _idea(brief, book, rng))
        candidate = _draft(desk, cut=attempt // _ATTEMPTS_PER_CUT)
        filled = {part: fill(text, values) for part, text in candidate.parts().items()}
        if _reads_well(candidate) and not problems(brief, candidate) and not violations(brief.channel, filled):
            return candidate
    return None


def render(candidate: Candidate) -> str:
    """The candidate as the model is to write it."""
    return (
        f"theme: {candidate.theme}\nheadline: {candidate.headline}\n"
        f"body: {candidate.body}\ncta: {candidate.call_to_action}"
    )


def _idea(brief: Brief, book: PhraseBook, rng: Random) -> Idea:
    trait = rng.choice(brief.audience.leanings or ("any",))
    return rng.choice([idea for idea in book.ideas if idea.trait == trait])


def _draft(desk: _Desk, *, cut: int) -> Candidate:
    headline = _headline(desk)
    return Candidate(
        theme=speak(desk.rng.choice(desk.idea.theme), desk.rng),
        headline=headline,
        body=_body(desk, headline, cut),
        call_to_action=_call(desk),
    )


def _headline(desk: _Desk) -> str:
    brief = desk.brief
    tone_weight = 0.1 if brief.tone == "plain" else 0.25
    offer_weight = 0.0 if brief.offer.kind == "none" else 0.3
    sources = {
        desk.choose(desk.idea.headline): 0.4,
        desk.pick("offer", _offer_key(brief), "headline"): offer_weight,
        desk.pick("tone", brief.tone, "headline"): tone_weight,
        desk.pick("goal", brief.goal, "headline"): 0.12,
    }
    texts = [text for text in sources if text]
    return desk.rng.choices(texts, [sources[text] for text in texts])[0]


def _call(desk: _Desk) -> str:
    brief = desk.brief
    source = desk.rng.random()
    offer = desk.pick("offer", _offer_key(brief), "call") if source < 0.2 else ""
    if offer:
        return offer
    tone_share = 0.45 if brief.tone == "plain" else 0.75
    return desk.pick("tone", brief.tone, "call") if source < tone_share else desk.pick("goal", brief.goal, "call")


def _body(desk: _Desk, headline: str, cut: int) -> str:
    fewest, most = _LINES[desk.brief.channel]
    wanted = max(0, desk.rng.randint(fewest, most) - cut)
    lines = _lines(desk, wanted)
    offer = _offer_lines(desk, headline)
    together = [*offer, *lines] if desk.rng.random() < 0.15 else [*lines, *offer]
    return (" " if desk.brief.language == "en" else "").join(line for line in together if line)


def _lines(desk: _Desk, wanted: int) -> list[str]:
    """`wanted` lines, the idea's first choice, then in the order a reader expects: who, what, why, details, mood."""
    brief, rng = desk.brief, desk.rng
    pool = {
        "audience": (desk.pick("audience", brief.audience.key), 0.5),
        "goal": (desk.pick("goal", brief.goal, "line"), 0.5),
        "idea": (desk.choose(desk.idea.line), 4.0),
        "category": (desk.pick("category", _category_key(desk), "line"), 1.0),
        **{f"fact {slot}": (desk.pick("fact", slot), 0.45) for slot in slots(brief)},
        "tone": (desk.pick("tone", brief.tone, "line"), 0.3 if brief.tone == "plain" else 0.8),
    }
    names = [name for name, (text, _) in pool.items() if text]
    ranked = sorted(names, key=lambda name: rng.random() ** (1 / pool[name][1]), reverse=True)
    chosen = set(ranked[:wanted])
    return [pool[name][0] for name in pool if name in chosen]


def _category_key(desk: _Desk) -> str:
    label = desk.brief.product.category
    return next((key for key, labels in desk.book.categories().items() if label in labels), "")


def _offer_key(brief: Brief) -> str:
    return "free_shipping_over" if brief.offer.kind == "free_shipping" and brief.offer.value else brief.offer.kind


def _offer_lines(desk: _Desk, headline: str) -> list[str]:
    """The sentences that carry offer, code and deadline."""
    brief, rng = desk.brief, desk.rng
    if brief.offer.kind == "none":
        return [_deadline_line(desk, "no_offer_deadline")] if brief.deadline else []
    offer_slots = set(required_slots(brief)) - {"product", "code", "deadline"}
    told = bool(offer_slots) and offer_slots <= set(SLOT_PATTERN.findall(headline))
    if told and brief.channel in _SHORT and rng.random() < 0.6:
        return _separate_lines(desk)
    clause = desk.pick("offer", _offer_key(brief), "say")
    stop = "." if brief.language == "en" else "。"
    if (brief.code or brief.deadline) and rng.random() < 0.6:
        kind = "both" if brief.code and brief.deadline else "code" if brief.code else "deadline"
        return [clause + desk.pick("modifier", kind) + stop]
    return [clause + _stop(desk, stop), *_separate_lines(desk)]


def _stop(desk: _Desk, stop: str) -> str:
    exclaim = {"playful": 0.5, "urgent": 0.2}.get(desk.brief.tone, 0.0)
    return ("!" if stop == "." else "！") if desk.rng.random() < exclaim else stop


def _separate_lines(desk: _Desk) -> list[str]:
    code = [desk.pick("modifier", "code_line")] if desk.brief.code else []
    return code + ([_deadline_line(desk, "deadline_line")] if desk.brief.deadline else [])


def _deadline_line(desk: _Desk, kind: str) -> str:
    urgent = desk.brief.tone == "urgent" and desk.rng.random() < 0.6
    return desk.pick("modifier", "urgent_deadline" if urgent else kind)


def _reads_well(candidate: Candidate) -> bool:
    """No empty part, no sentence twice, no product name in every sentence."""
    if not all((candidate.theme, candidate.headline, candidate.body, candidate.call_to_action)):
        return False
    mentions = (candidate.headline + candidate.body).count("{product}")
    allowed = 2 if len(candidate.body) < 120 else 3
    return mentions <= allowed and candidate.headline.strip(".!") not in candidate.body
