"""Text from catalogues, reviews and models, made harmless before it stands in a prompt.

Pure. Such text is data and must stay data: one line, no control or invisible characters, no words that a chat template
gives a meaning, no slots. Peculiar: tokens are looked for in a folded copy of the same length, in which look-alikes
(＜, ｜, full-width letters) are plain, so that a token in disguise is found without changing Chinese punctuation.
What is taken out, and why, is told by the attacks in tests/models_ml/test_injection.py.
"""

from __future__ import annotations

import re
import unicodedata

_CHAT_TOKEN = re.compile(
    r"<\|?[^<>\n]{1,40}\|?>|<\||\|>|\[/?(?:INST|SYS|SYSTEM_PROMPT|AVAILABLE_TOOLS)\]|<</?SYS>>"
    r"|#{2,6} ?(?:system|user|assistant|instructions?|response)\b ?:?",
    re.IGNORECASE,
)
_ALIKE = str.maketrans(
    {"﹤": "<", "‹": "<", "˂": "<", "﹥": ">", "›": ">", "˃": ">", "￨": "|", "│": "|", "∣": "|", "ǀ": "|", "❘": "|"}
)
_BRACES = str.maketrans({"{": "(", "}": ")", "｛": "(", "｝": ")", "﹛": "(", "﹜": ")"})


def clean(text: str, limit: int) -> str:
    """Untrusted `text` on one line: no control characters, chat template tokens or slots; cut to `limit` characters."""
    flat = "".join(_plain(char) for char in text)
    previous = None
    while previous != flat:  # taking one token out must not join the halves of another
        previous, flat = flat, _without_tokens(flat)
    return " ".join(flat.translate(_BRACES).split())[:limit].strip()


def clean_slotted(text: str, limit: int, slots: re.Pattern[str]) -> str:
    """The same for a text of ours in which the slots that `slots` matches are meant; cut before a slot, not in it."""
    pieces, position = [], 0
    for match in [*slots.finditer(text), None]:
        end = match.start() if match else len(text)
        piece = clean(text[position:end], limit)
        pieces.append(_spaced(text[position:end], piece))
        if match:
            pieces.append(match[0])
            position = match.end()
    kept = ""
    for piece in pieces:
        room = limit - len(kept)
        if len(piece) > room:
            return (kept if slots.fullmatch(piece) else kept + piece[:room]).strip()
        kept += piece
    return kept.strip()


def _spaced(raw: str, cleaned: str) -> str:
    """`cleaned` with the space that stood at the edges of `raw`, beside a slot."""
    before = " " if raw[:1].isspace() else ""
    after = " " if raw[-1:].isspace() and cleaned else ""
    return f"{before}{cleaned}{after}"


def _plain(char: str) -> str:
    """A space for what breaks lines or is no character, nothing for what cannot be seen, else the character."""
    category = unicodedata.category(char)
    if category == "Cf" or "\ufe00" <= char <= "\ufe0e" or "\U000e0100" <= char <= "\U000e01ef":
        return ""
    return " " if category[0] in "CZ" else char


def _without_tokens(text: str) -> str:
    folded = "".join(_fold(char) for char in text)
    for match in reversed(list(_CHAT_TOKEN.finditer(folded))):
        text = f"{text[: match.start()]} {text[match.end() :]}"
    return text


def _fold(char: str) -> str:
    """One character for one: its compatibility form where that is a single character, look-alikes as plain ones."""
    plain = unicodedata.normalize("NFKC", char)
    return (plain if len(plain) == 1 else char).translate(_ALIKE)
