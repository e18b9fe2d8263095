"""One text from a shop, made fit to learn from: no markup, no entities, no invisible or control characters.

Markup is taken out by patterns, each linear in the text, not by a parser: catalogue HTML is broken more often than
not, and "5 < 10" or "<3" must stay. What looks like a token of a chat template goes too, since a tokenizer would read
it as an order to end or to open a message.
"""

from __future__ import annotations

import html
import re
import unicodedata

MOST_RAW = 1_000_000  # characters; longer ones are refused before any pattern runs over them
MISSING = frozenset({"", "nan", "null", "none", "n/a", "na", "nil", "-", "--", "无", "暂无", "\\n"})

_HIDDEN = re.compile(r"<!--.*?-->|<(script|style)\b[^>]*>.*?</\1\s*>", re.IGNORECASE | re.DOTALL)
_BLOCK = re.compile(r"</?(?:p|div|br|li|ul|ol|tr|td|th|table|h[1-6]|section|hr|dd|dt|dl)\b[^<>]*>", re.IGNORECASE)
_TAG = re.compile(r"</?[a-zA-Z][a-zA-Z0-9:-]*(?:\s[^<>]*|\s*/)?>|<!doctype[^<>]*>", re.IGNORECASE)
_CHAT_TOKEN = re.compile(r"<\|[^<>\n|]{1,40}\|>|\[/?INST\]|<</?SYS>>|</?s>", re.IGNORECASE)
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u2064\u2066-\u2069\ufeff\ufff9-\ufffb]")
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]")
_BROKEN = re.compile("[\ufffd\ud800-\udfff]")
_SIGNS = re.compile(r"[\W_]+")
_ENTITY = re.compile(r"&(?:[a-zA-Z][a-zA-Z0-9]{1,30}|#\d{1,7}|#x[0-9a-fA-F]{1,6});")
_SPACES = re.compile(r"[^\S\n]+")
_BREAKS = re.compile(r" ?\n\s*")


def clean_text(text: str) -> str:
    """`text` in NFC without markup, entities, control and invisible characters; runs of blanks and breaks made one.

    Entities are decoded twice, since exports escape what was escaped; the tags that appear so are taken out too.
    """
    for _ in range(2):
        if "<" in text or "&" in text:
            text = _ENTITY.sub(lambda match: html.unescape(match[0]), _without_markup(text))
    text = _without_markup(text) if "<" in text else text
    text = _CHAT_TOKEN.sub(" ", text)
    text = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n"))
    text = _INVISIBLE.sub("", text)
    text = _CONTROL.sub(" ", text)
    return _BREAKS.sub("\n", _SPACES.sub(" ", text)).strip()


def _without_markup(text: str) -> str:
    if "<" not in text:
        return text
    lowered = text.lower()
    # The lazy pattern would run to the end of the text for each opening that has no end.
    if "-->" in text or "</script" in lowered or "</style" in lowered:
        text = _HIDDEN.sub(" ", text)
    return _TAG.sub("", _BLOCK.sub("\n", text))


def is_missing(text: str) -> bool:
    """Whether a cell says that there is no value, as exports write it."""
    return text.strip().lower() in MISSING


def is_broken(text: str) -> bool:
    """Whether characters were lost before the text came here: it holds U+FFFD or half of a surrogate pair."""
    return bool(_BROKEN.search(text))


def normalised(text: str) -> str:
    """`text` as it is compared: NFKC, case folded, letters and digits only, one space between words."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return _SIGNS.sub(" ", folded).strip()
