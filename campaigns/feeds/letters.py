"""Which encoding a file is in: UTF-8 and UTF-16 with or without a mark, else GB18030; XML may name its own.

The whole file is tried, a piece at a time: the first Chinese letter may stand in the last row.
"""

from __future__ import annotations

import codecs
import re
from pathlib import Path

from campaigns.feeds.errors import FeedError

PIECE = 1 << 18
_DECLARED = re.compile(rb"""^\s*<\?xml[^>]{0,200}encoding=["']([A-Za-z0-9._-]{1,40})["']""")
_KNOWN = {"utf-8": "utf-8", "gbk": "gb18030", "gb2312": "gb18030", "gb18030": "gb18030", "iso8859-1": "cp1252",
          "cp1252": "cp1252", "ascii": "utf-8"}  # fmt: skip


def find(path: Path) -> str:
    """A codec's name. Raises FeedError where no encoding fits."""
    with path.open("rb") as file:
        head = file.read(4096)
    if marked := _marked(head):
        return _checked(path, marked)
    declared = _declared(head)
    for name in [declared] if declared else ["utf-8", "gb18030"]:
        if _fits(path, name):
            return name
    raise FeedError("encoding")


def _marked(head: bytes) -> str:
    if head.startswith(codecs.BOM_UTF8):
        return "utf-8-sig"
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    evens, odds = head[0::2], head[1::2]
    if odds and odds.count(0) > 0.4 * len(odds) and not evens.count(0):
        return "utf-16-le"
    if evens and evens.count(0) > 0.4 * len(evens) and not odds.count(0):
        return "utf-16-be"
    return ""


def _declared(head: bytes) -> str:
    match = _DECLARED.match(head)
    if not match:
        return ""
    try:
        return _KNOWN.get(codecs.lookup(match[1].decode("ascii")).name, "")
    except LookupError:
        return ""


def _checked(path: Path, name: str) -> str:
    if not _fits(path, name):
        raise FeedError("encoding")
    return name


def _fits(path: Path, name: str) -> bool:
    decoder = codecs.getincrementaldecoder(name)()
    try:
        with path.open("rb") as file:
            while piece := file.read(PIECE):
                decoder.decode(piece)
        decoder.decode(b"", final=True)
    except UnicodeError:
        return False
    return True
