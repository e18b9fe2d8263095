"""Google Merchant feeds in XML: the items of RSS 2.0, the entries of Atom, with or without the g: prefix.

Peculiar: read as a stream through defusedxml (no entities, no document types); what is read is taken out of the tree at
once. The text is decoded by us first, since expat knows few encodings. Of a repeated tag the first counts.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TextIO
from xml.etree.ElementTree import Element, ParseError

from defusedxml import ElementTree as Safe
from defusedxml.common import DefusedXmlException

from campaigns.feeds.errors import FeedError
from campaigns.feeds.records import MOST_COLUMNS, Record

_ITEMS = frozenset({"item", "entry"})


class Recoded:
    """A file of text, given on as UTF-8."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def read(self, size: int = -1) -> bytes:
        """Up to `size` characters."""
        return self._file.read(size).encode("utf-8", "replace")


def records(file: TextIO) -> Iterator[Record]:
    """Each item as a record. Raises FeedError where the XML is broken or forbidden."""
    parser = Safe.DefusedXMLParser(encoding="utf-8", forbid_dtd=True)
    try:
        yield from _records(Safe.iterparse(Recoded(file), events=("start", "end"), parser=parser, forbid_dtd=True))
    except DefusedXmlException:
        raise FeedError("xml_forbidden") from None
    except (ParseError, ValueError, RecursionError):
        raise FeedError("xml_broken") from None


def _records(events: Any) -> Iterator[Record]:
    above: list[Element] = []
    inside = number = 0
    for event, element in events:
        if event == "start":
            above.append(element)
            inside += _name(element.tag) in _ITEMS
            continue
        above.pop()
        if _name(element.tag) in _ITEMS:
            inside -= 1
            if not inside:
                number += 1
                yield Record(number, _values(element))
        if not inside and above:
            above[-1].remove(element)


def _values(item: Element) -> dict[str, str]:
    found: dict[str, str] = {}
    for child in list(item)[:MOST_COLUMNS]:
        text = "".join(child.itertext()).strip() or child.get("href", "")
        if text and not found.get(name := _name(child.tag)):
            found[name] = text
    return found


def _name(tag: str) -> str:
    return tag.rpartition("}")[2]
