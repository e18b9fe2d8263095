"""What can be read off a text without a language model: hashed n-grams and hand-made features, English and Chinese.

The fallback of the scorer where no encoder is at hand, and a help beside one: an uncased encoder does not see capitals
and hardly counts. Hashing needs no vocabulary, so nothing of the training texts is stored but weights of buckets.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, hstack
from sklearn.feature_extraction.text import HashingVectorizer

BUCKETS = 2**15  # for words and for characters each
_PIECE = r"(?u)\b\w+\b|[?!:…]"  # signs that change how a headline reads count as words
_WORD = re.compile(r"[a-z]+(?:['’][a-z]+)*|\d+")
_HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]")
_SENTENCE = re.compile(r"[^.!?。！？…]+[.!?。！？…]*")
_VOWELS = re.compile(r"[aeiouy]+")
_SIGNS = {
    "question": "?？",
    "exclamation": "!！",
    "quotes": '"“”「」『』',
    "apostrophes": "'’‘",
    "commas": ",，、",
    "colons": ":：;；",
    "dashes": "-–—",
    "ellipsis": "…",
    "brackets": "()（）[]【】",
    "money": "$€£¥￥%",
}


@cache
def word_lists() -> Mapping[str, Mapping[str, tuple[str, ...]]]:
    """The word lists of words.toml: language → name → words."""
    data: dict[str, dict[str, list[str]]] = tomllib.loads(
        (Path(__file__).parent / "words.toml").read_text(encoding="utf-8")
    )
    return {language: {name: tuple(words) for name, words in lists.items()} for language, lists in data.items()}


def handmade(text: str) -> dict[str, float]:
    """Named features of one text, each a small number. The script of the text decides which word lists count."""
    words = _WORD.findall(text.lower().replace("’", "'"))
    han = len(_HAN.findall(text))
    units = max(1, len(words) + han)
    return {
        **_size(text, words, han),
        **{name: min(3.0, float(sum(text.count(sign) for sign in signs))) for name, signs in _SIGNS.items()},
        **_shape(text),
        **_readability(text, words, units),
        **_lists(text, words, chinese=han > len(words)),
    }


def _size(text: str, words: Sequence[str], han: int) -> dict[str, float]:
    units = len(words) + han
    return {
        "length": float(np.log1p(len(text))),
        "units": float(np.log1p(units)),
        "units squared": float(np.log1p(units)) ** 2,
        "short": float(units < 8),
        "long": float(units > 18),
        "word length": float(np.mean([len(word) for word in words])) if words else 0.0,
        "chinese": han / max(1, units),
    }


def _shape(text: str) -> dict[str, float]:
    tokens = text.split() or [""]
    stripped = text.strip()
    return {
        "digits": min(3.0, float(len(re.findall(r"\d+", text)))),
        "starts with digit": float(stripped[:1].isdigit()),
        "shouted words": sum(token.isupper() and len(token) > 1 for token in tokens) / len(tokens),
        "capital words": sum(token[:1].isupper() for token in tokens) / len(tokens),
        "ends with stop": float(stripped[-1:] in ".。"),
        "ends open": float(stripped[-1:] in ":：…-—" and bool(stripped)),
        "starts with quote": float(stripped[:1] in "'\"“‘「" and bool(stripped)),
    }


def _readability(text: str, words: Sequence[str], units: int) -> dict[str, float]:
    sentences = [part for part in _SENTENCE.findall(text) if part.strip()]
    last = len((sentences or [""])[-1]) / max(1, len(text))
    syllables = sum(max(1, len(_VOWELS.findall(word))) for word in words)
    return {
        "sentences": min(5.0, float(len(sentences))),
        "units a sentence": units / max(1, len(sentences)) / 10,
        "last sentence": last,
        "syllables a word": syllables / max(1, len(words)),  # the other half of Flesch's reading ease
        "different words": len(set(words)) / max(1, len(words)),
    }


def _lists(text: str, words: Sequence[str], *, chinese: bool) -> dict[str, float]:
    if chinese:
        return {name: min(3.0, float(sum(text.count(w) for w in found))) for name, found in word_lists()["zh"].items()}
    return {name: min(3.0, float(sum(w in found for w in words))) for name, found in word_lists()["en"].items()}


def handmade_matrix(texts: Sequence[str]) -> NDArray[np.float64]:
    """The hand-made features, [texts, features], columns in the order of `handmade_names`."""
    return np.array([list(handmade(text).values()) for text in texts], dtype=float)


def handmade_names() -> list[str]:
    """The names of the columns of `handmade_matrix`."""
    return list(handmade("a"))


@cache
def _hashers() -> tuple[Any, ...]:
    settings: dict[str, Any] = {"n_features": BUCKETS, "alternate_sign": False, "norm": None, "lowercase": True}
    return (
        HashingVectorizer(ngram_range=(1, 2), token_pattern=_PIECE, **settings),
        HashingVectorizer(analyzer="char_wb", ngram_range=(2, 5), **settings),
    )


def hashed(texts: Sequence[str]) -> csr_matrix:
    """Counts of hashed word 1-2-grams and character 2-5-grams, damped to 1 + log(count), [texts, 2 × BUCKETS]."""
    counts = hstack([hasher.transform(texts) for hasher in _hashers()]).tocsr()
    counts.data = 1 + np.log(counts.data)
    return csr_matrix(counts)
