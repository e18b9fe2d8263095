"""Texts of a feed made fit to be shown: no markup, no invisible characters, nothing a database refuses.

Peculiar: a joiner between two emoji stays (a family of four would fall apart), every other invisible character goes;
so do lone halves of a surrogate pair, which JSON can spell and no database stores. Four-byte characters stay.
"""

from __future__ import annotations

import re
import unicodedata
from html import unescape
from html.parser import HTMLParser

_LONE = re.compile("[\ud800-\udfff]")
_INVISIBLE = re.compile(
    "[\u00ad\u061c\u115f\u1160\u180e\u200b\u200c\u200e\u200f\u202a-\u202e\u2060-\u206f\u3164\ufeff\ufff9-\ufffb"
    "\U000e0000-\U000e007f]"
)
_EMOJI = "\u2600-\u27bf\ufe0f\U0001f000-\U0001faff"
_JOINER = re.compile(f"(?<![{_EMOJI}])\u200d|\u200d(?![{_EMOJI}])")
_CONTROL = re.compile("[\u0000-\u0008\u000b-\u001f\u007f-\u009f]")
_BLOCKS = frozenset({"p", "br", "div", "li", "ul", "ol", "tr", "table", "h1", "h2", "h3", "h4", "h5", "h6", "section"})
_SILENT = frozenset({"script", "style", "template", "noscript", "iframe", "svg"})
_MARKUP = re.compile(r"<[a-zA-Z/!?]|&(?:[a-zA-Z]{2,31}|#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6});")
# A description is at most 4,000 characters; markup around it may be some times as long.
MOST_MARKUP = 200_000


def plain(text: str) -> str:
    """One line: no control or invisible characters, white space made single, composed letters."""
    return " ".join(_visible(text).split())


def lines(text: str) -> str:
    """Several lines, each as `plain`; no empty line twice."""
    found = [" ".join(line.split()) for line in _visible(text).splitlines()]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(found)).strip()


def without_markup(text: str) -> str:
    """HTML as text: blocks become lines, scripts and styles vanish, entities are characters."""
    text = text[:MOST_MARKUP]
    if not _MARKUP.search(text):
        return lines(text)
    stripper = _Stripper()
    stripper.feed(text)
    stripper.close()
    return lines("".join(stripper.parts))


def title(text: str) -> str:
    """A name: markup and entities off, in one line."""
    return plain(without_markup(text) if "<" in text else unescape(text))


def cut(text: str, most: int) -> tuple[str, bool]:
    """At most `most` characters, with an ellipsis where some are gone, and whether some are."""
    return (text, False) if len(text) <= most else (text[: most - 1].rstrip() + "…", True)


def _visible(text: str) -> str:
    text = _INVISIBLE.sub("", _LONE.sub("", text).replace("\r\n", "\n").replace("\r", "\n"))
    text = _JOINER.sub("", text)
    return unicodedata.normalize("NFC", _CONTROL.sub(" ", text))


class _Stripper(HTMLParser):
    """Keeps the text between the tags."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._silent = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002 - its signature
        """A block begins a line; what is never read is left out until it ends."""
        if not self._silent and tag in _SILENT:
            self._silent = tag
        elif tag in _BLOCKS:
            self.parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        """The end of a block ends its line."""
        if tag == self._silent:
            self._silent = ""
        elif tag in _BLOCKS:
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        """Text."""
        if not self._silent:
            self.parts.append(data)
