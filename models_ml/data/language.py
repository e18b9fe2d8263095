"""Whether a text is English, Chinese or neither, without a model: by script, then by function words.

A Chinese character weighs as much as a Latin word (about the information of one). Kana or hangul make a text Japanese
or Korean whatever its share of Chinese characters. Among Latin texts the commonest function words of each language
vote (they are a quarter to half of running text); a text without any, such as a product title, counts as English.
"""

from __future__ import annotations

import re

OTHER = "other"
_HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0002a6df]")
_WORD = re.compile(r"[A-Za-z\u00c0-\u024f]+(?:['\u2019][A-Za-z]+)?")
_KANA_HANGUL = re.compile(r"[\u3041-\u3096\u30a1-\u30fa\uac00-\ud7af]")
_FOREIGN = re.compile(r"[\u0370-\u06ff\u0900-\u0fff]")  # Greek, Cyrillic, Hebrew, Arabic, Indic, Thai and their like
_LEAST_VOTES = 0.12  # of all words
_LEAST_HAN = 0.3  # of all units: below it a Chinese word or two stand in a text of another language

_ENGLISH_WORDS = (
    "the and is are was it this that with for you your of to in on not have has my be at as but so no such they we "
    "from or very just its it's i'm all can will these when if out up by an"
)
_FUNCTION_WORDS = {
    "fr": "le la les des est et une un du dans pour avec sur je vous nous pas que qui ce cette ces au aux très votre",
    "de": "der die das und ist nicht ein eine mit für auf den dem sich ich sie wir auch sehr zu von im es dieser diese",
    "es": "el los las es un una que de en por para con muy su se lo como más este esta pero al del no",
    "it": "il lo gli un una che di per con non del della sono molto questo questa nel si anche ma da",
    "pt": "o os as é e um uma que de para com não do da em muito se por mais este esta mas ao na no",
    "nl": "de het een en is niet van met voor op dat ik zijn heel dit die maar ook te bij wij",
}
_ENGLISH = frozenset(_ENGLISH_WORDS.split())
_OTHERS = {language: frozenset(words.split()) for language, words in _FUNCTION_WORDS.items()}


def detect_language(text: str) -> str:
    """ "en", "zh" or "other"; "" where the text holds no letter at all (a number, an emoji)."""
    han = len(_HAN.findall(text))
    words = [word.lower() for word in _WORD.findall(text)]
    strange = len(_FOREIGN.findall(text))
    if not han + len(words) + strange:
        return OTHER if _KANA_HANGUL.search(text) else ""
    if len(_KANA_HANGUL.findall(text)) > 0.2 * (han + len(words)):
        return OTHER
    if strange > 3 * (han + len(words)):
        return OTHER
    return "zh" if han >= _LEAST_HAN * (han + len(words)) else _latin(words)


def _latin(words: list[str]) -> str:
    distinct = set(words)
    english = len(distinct & _ENGLISH)
    foreign = max(len(distinct & known) for known in _OTHERS.values())
    # "no", "die" or "las" are words of several languages, and names of brands: a few votes in a long text are none.
    return OTHER if foreign >= 2 and foreign > english and foreign >= _LEAST_VOTES * len(distinct) else "en"
