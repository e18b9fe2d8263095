"""What the grammar promises: copy that follows its brief, no forbidden claim, a clean split, the same text again."""

from __future__ import annotations

import re
from collections import Counter
from random import Random

import pytest

from models_ml.brief import (
    AUDIENCES,
    GOALS,
    LANGUAGES,
    OFFER_KINDS,
    SLOT_PATTERN,
    SLOTS,
    TONES,
    TRAITS,
    Audience,
    Brief,
    Candidate,
    Offer,
    Product,
    facts,
    fill,
    parse,
    problems,
)
from models_ml.channels import violations
from models_ml.fact_check import Support, check, filled
from models_ml.nn.grammar.corpus import dataset_hash, examples, unseen_briefs
from models_ml.nn.grammar.desk import Desk
from models_ml.nn.grammar.phrases import every_phrase, needs, phrase_book, speak, variants
from models_ml.nn.grammar.world import has_unseen_traits, is_unseen_combination, sample_brief, words
from models_ml.nn.grammar.writer import _reads_well, render, write

FORBIDDEN = {
    "en": r"\b(best|no\. ?1|number one|greatest|ultimate|perfect|guarantee\w*|proven|cheapest|customers say|cheap|"
    r"luxury|hurry|everyone loves|two|three|hundred|half|percent|eco|green|organic|cures?|heals?|natural)\b|[0-9]",
    "zh": r"最|第一|顶级|极品|国家级|唯一|保证|治愈|疗效|首选|[0-9二三五六七八九十百千万两]|一(?!起)|四(?!处)",
}
CLASSES = {"do", "base", "gain", "when", "who", "adj", "act", "place", "get", "lead"}


def desk(language: str = "en", *, category: str = "kitchen", tone: str = "warm", trait: str = "calm") -> Desk:
    brief = Brief(language, "email", Product("Halden Pan", category), tone=tone)
    return Desk(brief, phrase_book(language), Random(1), trait)


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_phrase_claims_a_rank_a_number_or_an_effect(language: str) -> None:
    spoken = {text for phrase in every_phrase(language) for text in variants(phrase)}
    caught = [text for text in spoken if re.search(FORBIDDEN[language], SLOT_PATTERN.sub("", text), re.IGNORECASE)]
    assert caught == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_there_are_over_a_thousand_phrases_with_known_slots_classes_and_closed_choices(language: str) -> None:
    phrases = list(every_phrase(language))
    assert len(phrases) > 1500
    for phrase in phrases:
        classes, named = needs(phrase)
        assert classes <= CLASSES, phrase
        assert named <= set(SLOTS), phrase
        assert not re.search(r"[\[\]|]", next(variants(phrase))), phrase
        assert phrase.count("[") == phrase.count("]"), phrase


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_trait_category_tone_and_goal_has_its_words(language: str) -> None:
    book = phrase_book(language)
    for trait in (*TRAITS, "any"):
        for name in ("theme", "headline", "line", "do", "base", "gain", "when", "who", "adj"):
            assert len(book.phrases("trait", trait, name)) >= 4, (trait, name)
    for key in book.categories():
        assert all(len(book.phrases("category", key, name)) >= 4 for name in ("act", "place", "line")), key
    assert set(book.sections["tone"]) == set(TONES)
    assert set(book.sections["goal"]) == set(GOALS)
    assert set(book.sections["audience"]) == set(AUDIENCES)
    assert set(book.sections["offer"]) == {*OFFER_KINDS, "free_shipping_over"} - {"none"}


def test_both_languages_cover_the_same_sections() -> None:
    english, chinese = (phrase_book(language).sections for language in LANGUAGES)
    assert {key: set(value) for key, value in english.items()} == {key: set(value) for key, value in chinese.items()}


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_label_names_two_categories(language: str) -> None:
    counted = Counter(label for labels in phrase_book(language).categories().values() for label in labels)
    assert [label for label, count in counted.items() if count > 1] == []


def test_chinese_things_to_do_hold_no_comma_since_frames_join_them() -> None:
    book = phrase_book("zh")
    for trait in (*TRAITS, "any"):
        assert not any("，" in phrase for phrase in book.phrases("trait", trait, "do")), trait


def test_written_copy_follows_its_brief_and_fits_its_channel() -> None:
    for item in examples(400, seed=5):
        candidate = parse(item.answer)
        assert isinstance(candidate, Candidate), item.answer
        assert problems(item.brief, candidate) == []
        shown = {part: fill(text, facts(item.brief)) for part, text in candidate.parts().items()}
        assert violations(item.brief.channel, shown) == []
        assert render(candidate) == item.answer
        if item.brief.language == "en":
            assert not re.search(r"(^|[.!?] )[a-z]", candidate.body), candidate.body


def test_written_copy_passes_the_fact_check() -> None:
    refused = []
    for item in examples(250, seed=6):
        candidate, values = parse(item.answer), facts(item.brief)
        assert isinstance(candidate, Candidate)
        shown, spans = filled(candidate.parts(), values)
        found = check(shown, Support(brief=item.brief, facts=values), fact_spans=spans)
        refused += [(item.answer, finding.message) for finding in found]
    assert refused == []


def test_an_unknown_category_gets_no_line_on_use() -> None:
    lent = {name: set(texts) for name, texts in desk(category="kitchen").classes.items()}
    assert {"act", "place"} <= lent.keys()
    foreign = desk(category="umbrellas")
    assert not {"act", "place"} & foreign.classes.keys()
    assert foreign.category == ""
    assert foreign.pick("frame", "category", "line") == ""
    kitchen_lines = {
        text for phrase in foreign.book.phrases("category", "kitchen", "line") for text in variants(phrase)
    }
    rng = Random(3)
    for _ in range(40):
        brief = Brief("en", "product_page", Product("Halden Umbrella", "umbrellas"))
        written = write(brief, rng)
        assert written is not None
        assert not any(line in written.body for line in kitchen_lines)


@pytest.mark.parametrize("channel", ["search_ad", "banner", "sms"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_tone_shows_in_short_channels(language: str, channel: str) -> None:
    rng, book = Random(4), phrase_book(language)
    product = Product("Mug" if language == "en" else "杯")
    own = {
        tone: {text for name in ("headline", "call", "lead", "get") for text in book.phrases("tone", tone, name)}
        for tone in TONES
    }
    for tone in ("warm", "playful", "premium", "urgent"):
        spoken = {text for phrase in own[tone] - own["plain"] for text in variants(phrase) if "<" not in text}
        brief = Brief(language, channel, product, tone=tone, offer=Offer("free_shipping"))
        drafts = [draft for draft in (write(brief, rng) for _ in range(60)) if draft]
        shown = [any(text in render(draft) for text in spoken) for draft in drafts]
        assert sum(shown) / len(shown) > 0.7, tone


def test_a_draft_repeats_no_phrase_and_no_attribute() -> None:
    full = Brief("en", "email", Product("Pan", "kitchen", {"material": "brass", "colour": "navy"}), brand="Norrland")
    ours = Desk(full, phrase_book("en"), Random(2), "calm")
    told = [text for text in (ours.pick("fact", "line") for _ in range(12)) if text]
    slots_told = [slot for text in told for slot in SLOT_PATTERN.findall(text) if slot != "product"]
    assert sorted(slots_told) == sorted(set(slots_told))
    assert len(ours.said) == len(set(ours.said)) > 0


@pytest.mark.parametrize(
    ("headline", "body", "call", "well"),
    [
        ("Calm at home", "Take a breath. Stay a while.", "Have a look", True),
        ("Don't wait: {product}", "Don't wait. Save {discount}.", "Go", False),
        ("Calm", "Take a breath. Take a pause.", "Have a look", False),
        ("Have a look", "Take your time.", "Have a look", False),
        ("{product}", "{product} and {product} again.", "Go", False),
        ("慢下来", "慢下来，享受当下。", "去看看", False),
        ("Calm", "", "Go", False),
    ],
)
def test_what_does_not_read_well_is_drawn_again(headline: str, body: str, call: str, well: bool) -> None:
    assert _reads_well(Candidate("Theme", headline, body, call)) is well


def test_nearly_every_brief_of_the_world_can_be_served() -> None:
    rng = Random(8)
    briefs = [sample_brief(rng, unseen=False) for _ in range(300)]
    assert sum(write(brief, rng) is None for brief in briefs) <= 6


def test_texts_vary_and_repeat_with_their_seed() -> None:
    once, again, other = (list(examples(200, seed)) for seed in (1, 1, 2))
    assert [item.answer for item in once] == [item.answer for item in again]
    assert dataset_hash(once) == dataset_hash(again) != dataset_hash(other)
    assert len({item.answer for item in once}) == 200


def test_the_unseen_part_shares_no_words_and_no_combination_with_the_seen() -> None:
    for language in LANGUAGES:
        seen, unseen = words(language)["seen"], words(language)["unseen"]
        for key in seen:
            if isinstance(seen[key], list) and key != "code":
                assert not set(seen[key]) & set(unseen[key]), key
        known = {label for labels in phrase_book(language).categories().values() for label in labels}
        assert not known & {*seen["category"], *unseen["category"]}
    assert all(is_unseen_combination(brief) for brief in unseen_briefs(40, 1))
    assert not any(is_unseen_combination(item.brief) for item in examples(100, 1))


def test_some_sets_of_traits_are_unseen_in_any_order_but_none_that_a_ready_audience_has() -> None:
    pairs = [(one, other) for one in TRAITS for other in TRAITS if one != other]
    kept = {pair for pair in pairs if has_unseen_traits(Audience("custom", traits=pair))}
    assert 0.1 < len(kept) / len(pairs) < 0.35
    assert kept == {(other, one) for one, other in kept}
    assert not any(has_unseen_traits(Audience(key)) for key in AUDIENCES)
    assert not has_unseen_traits(Audience("custom", traits=("gift",)))


def test_unseen_briefs_take_turns_in_language() -> None:
    assert [brief.language for brief in unseen_briefs(4, 1)] == ["en", "zh", "en", "zh"]


def test_speak_takes_one_of_the_variants_and_fills_classes() -> None:
    phrase = "[a|b[1|2]] {product}[ c|]"
    assert {speak(phrase, Random(seed)) for seed in range(60)} == set(variants(phrase))
    assert set(variants(phrase)) == {f"{start} {{product}}{end}" for start in ("a", "b1", "b2") for end in (" c", "")}
    assert speak("<gain> here", Random(1), lambda name: name.upper()) == "GAIN here"
    assert needs("[<gain>|{price}] <do>") == (frozenset({"gain", "do"}), frozenset({"price"}))
