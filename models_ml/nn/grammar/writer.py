"""Writes a copy that follows a brief: drafts one from the phrase book, keeps it if nothing is wrong with it.

A draft takes one trait of the audience; theme, headline, body and call speak of it in the brief's tone. Sentences come
from frames filled with the words of the trait and the category, so that a text is composed and not picked. Drafts get
shorter with each failure, so narrow channels end with the offer alone.
"""

from __future__ import annotations

import re
from random import Random

from models_ml.brief import SLOT_PATTERN, Brief, Candidate, facts, fill, problems, required_slots
from models_ml.channels import violations
from models_ml.data.rows import four_lines
from models_ml.nn.grammar.desk import Desk, offer_key
from models_ml.nn.grammar.phrases import phrase_book

# How many lines besides the offer a body may have, by channel: (fewest, most).
_LINES = {
    "search_ad": (0, 1),
    "banner": (0, 1),
    "sms": (0, 2),
    "push": (1, 2),
    "email": (2, 4),
    "product_page": (3, 6),
}
SHORT = ("search_ad", "banner", "sms", "push")
_ATTEMPTS = 90
_ATTEMPTS_PER_CUT = 15  # after so many failures a draft may have one line less

# Where the lines of a body come from: (weight, whether it may be asked twice, place in the order a reader expects).
_SOURCES = {
    "audience": (0.9, False, 0),
    "goal": (0.8, False, 0),
    "trait": (2.6, True, 1),
    "tone": (2.2, True, 1),
    "idea": (1.3, False, 1),
    "scene": (1.5, True, 2),
    "category": (0.6, False, 2),
    "fact": (1.1, True, 3),
}
_SENTENCE_END = re.compile(r"[.!?。！？]\s*")
_WORD = re.compile(r"[a-z'-]+|[\u4e00-\u9fff]")
_TONE_IN_SHORT = 6.0  # a body of one line shows its tone in it


def write(brief: Brief, rng: Random) -> Candidate | None:
    """A copy that follows `brief` and fits its channel with the brief's own facts; None when no draft does."""
    book, values = phrase_book(brief.language), facts(brief)
    for attempt in range(_ATTEMPTS):
        desk = Desk(brief, book, rng, trait=rng.choice(brief.audience.leanings or ("any",)))
        candidate = _draft(desk, cut=attempt // _ATTEMPTS_PER_CUT)
        filled = {part: fill(text, values) for part, text in candidate.parts().items()}
        if _reads_well(candidate) and not problems(brief, candidate) and not violations(brief.channel, filled):
            return candidate
    return None


def render(candidate: Candidate) -> str:
    """The candidate as the model is to write it."""
    return four_lines({"theme": candidate.theme, **candidate.parts()})


def _draft(desk: Desk, *, cut: int) -> Candidate:
    theme = desk.choose((*desk.book.phrases("trait", desk.trait, "theme"), "<gain>", "<do>"))
    headline = _headline(desk)
    return Candidate(theme=theme, headline=headline, body=_body(desk, headline, cut), call_to_action=_call(desk))


def _headline(desk: Desk) -> str:
    brief = desk.brief
    plain = brief.tone == "plain"
    sources = {
        ("trait", desk.trait, "headline"): 0.45 if plain else 0.25,
        ("offer", offer_key(brief), "headline"): 0.0 if brief.offer.kind == "none" else 0.25,
        ("tone", brief.tone, "headline"): 0.25 if plain else 0.45,
        ("goal", brief.goal, "headline"): 0.12,
    }
    paths = [path for path, weight in sources.items() if weight]
    for path in desk.rng.choices(paths, [sources[path] for path in paths], k=6):
        if text := desk.pick(*path):
            return text
    return desk.choose(("{product}",))


def _call(desk: Desk) -> str:
    brief, source = desk.brief, desk.rng.random()
    offer = desk.pick("offer", offer_key(brief), "call") if source < 0.15 else ""
    if offer:
        return offer
    tone_share = 0.5 if brief.tone == "plain" else 0.85
    return desk.pick("tone", brief.tone, "call") if source < tone_share else desk.pick("goal", brief.goal, "call")


def _body(desk: Desk, headline: str, cut: int) -> str:
    fewest, most = _LINES[desk.brief.channel]
    wanted = max(0, desk.rng.randint(fewest, most) - cut)
    offer = _offer_lines(desk, headline)
    lines = _lines(desk, wanted)
    together = [*offer, *lines] if desk.rng.random() < 0.2 else [*lines, *offer]
    return (" " if desk.brief.language == "en" else "").join(line for line in together if line)


def _lines(desk: Desk, wanted: int) -> list[str]:
    """`wanted` lines from the sources that have one, in the order a reader expects: who, why, what for, details."""
    weights = {name: weight for name, (weight, _, _) in _SOURCES.items()}
    weights["tone"] *= 0.7 if desk.brief.tone == "plain" else 1.0
    if desk.brief.channel in SHORT and desk.brief.tone != "plain":
        weights["tone"] = _TONE_IN_SHORT
    lines: list[tuple[float, str]] = []
    while len(lines) < wanted and weights:
        name = desk.rng.choices(list(weights), list(weights.values()))[0]
        text = _line(desk, name)
        weights[name] *= 0.5
        if not text or not _SOURCES[name][1]:
            del weights[name]
        if text:
            lines.append((_SOURCES[name][2] + desk.rng.random() * 1.2, text))
    return [text for _, text in sorted(lines)]


def _line(desk: Desk, source: str) -> str:
    """A line from one source of `_SOURCES`; empty where it has none for this brief."""
    leanings = desk.brief.audience.leanings
    if source in ("trait", "idea", "tone") and len(leanings) > 1 and desk.rng.random() < 0.25:
        desk = desk.turned_to(desk.rng.choice(leanings))
    paths = {
        "audience": ("audience", desk.brief.audience.key, "line"),
        "goal": ("goal", desk.brief.goal, "line"),
        "trait": ("frame", "trait", "line"),
        "tone": ("tone", desk.brief.tone, "line"),
        "idea": ("trait", desk.trait, "line"),
        "scene": ("frame", "category", "line"),
        "category": ("category", desk.category, "line"),
        "fact": ("fact", "line"),
    }
    return desk.pick(*paths[source])


def _offer_lines(desk: Desk, headline: str) -> list[str]:
    """The sentences that carry offer, code and deadline."""
    brief, rng = desk.brief, desk.rng
    if brief.offer.kind == "none":
        return [_deadline_line(desk, "no_offer_deadline")] if brief.deadline else []
    offer_slots = set(required_slots(brief)) - {"product", "code", "deadline"}
    told = bool(offer_slots) and offer_slots <= set(SLOT_PATTERN.findall(headline))
    if told and brief.channel in SHORT and rng.random() < 0.6:
        return _separate_lines(desk)
    clause = desk.pick("offer", offer_key(brief), "say")
    stop = "." if brief.language == "en" else "。"
    if (brief.code or brief.deadline) and rng.random() < 0.6:
        kind = "both" if brief.code and brief.deadline else "code" if brief.code else "deadline"
        return [clause + desk.pick("modifier", kind) + stop]
    return [clause + _stop(desk, stop) + _tail(desk), *_separate_lines(desk)]


def _stop(desk: Desk, stop: str) -> str:
    exclaim = {"playful": 0.5, "urgent": 0.2}.get(desk.brief.tone, 0.0)
    return ("!" if stop == "." else "！") if desk.rng.random() < exclaim else stop


def _tail(desk: Desk) -> str:
    """A few words in the tone behind the offer, now and then."""
    return desk.pick("tone", desk.brief.tone, "tail") if desk.rng.random() < 0.5 else ""


def _separate_lines(desk: Desk) -> list[str]:
    code = [desk.pick("modifier", "code_line")] if desk.brief.code else []
    return code + ([_deadline_line(desk, "deadline_line")] if desk.brief.deadline else [])


def _deadline_line(desk: Desk, kind: str) -> str:
    urgent = desk.brief.tone == "urgent" and desk.rng.random() < 0.6
    return desk.pick("modifier", "urgent_deadline" if urgent else kind)


def _reads_well(candidate: Candidate) -> bool:
    """No empty part, no two sentences that begin alike, no product name in every sentence."""
    if not all((candidate.theme, candidate.headline, candidate.body, candidate.call_to_action)):
        return False
    mentions = (candidate.headline + candidate.body).count("{product}")
    allowed = 2 if len(candidate.body) < 120 else 3
    starts = [_start(text) for text in (candidate.headline, *_SENTENCE_END.split(candidate.body)) if text]
    apart = len(set(starts)) == len(starts) and _start(candidate.call_to_action) != starts[0]
    return mentions <= allowed and apart and candidate.headline.strip(".!。！").lower() not in candidate.body.lower()


def _start(sentence: str) -> str:
    """The words by which a reader hears that a sentence begins like another: two, or two Chinese characters."""
    words = [word for word in _WORD.findall(SLOT_PATTERN.sub("", sentence).lower()) if word]
    return " ".join(words[:2]) if words else sentence
