"""Bytes to lines of text: gzip, byte order mark, and which encoding a file has, found without loading it.

A file is read twice: once to judge its encoding over all its lines, once to decode. Two facts carry the judgement.
Text of another encoding is almost never valid UTF-8 (RFC 3629, section 1). And in GB18030 Chinese characters come as
runs of two or more high bytes, while the accents of Latin-1 stand alone among ASCII letters.
"""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO, cast

from models_ml.data.errors import DataError

LONGEST_LINE = 4 << 20  # bytes; a longer one is no row of text, and is refused before it is read
_BOM = b"\xef\xbb\xbf"
_HIGH_RUN = re.compile(rb"[\x80-\xff]+")
_LONG_SEQUENCE = re.compile(rb"[\xe0-\xf4][\x80-\xbf]{2,3}")


@dataclass
class _Seen:
    """What the lines of a file say of its encoding: first line number of each kind (0: none), and counts."""

    utf8: int = 0
    firm_utf8: int = 0  # with a sequence of three bytes or more, which GB18030 text does not hold by accident
    other: int = 0
    lone: int = 0
    paired: int = 0
    not_gb18030: int = 0


@contextmanager
def opened(path: str) -> Iterator[BinaryIO]:
    """The file's bytes, unpacked where it is gzip (told by its first two bytes). Raises DataError when it cannot."""
    file = Path(path)
    if not file.is_file():
        raise DataError("source.path", f"there is no file {file.name}")
    try:
        with file.open("rb") as raw:
            packed = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            if not packed:
                yield raw
                return
            with gzip.open(raw, "rb") as unpacked:
                yield cast("BinaryIO", unpacked)
    except (EOFError, zlib.error, OSError) as error:
        raise DataError("source.path", f"{file.name} cannot be read to its end: {error}") from error


def byte_lines(stream: BinaryIO | BufferedReader, name: str) -> Iterator[bytes]:
    """The lines of `stream`, each at most LONGEST_LINE bytes. Raises DataError naming the line that is longer."""
    number = 0
    while line := stream.readline(LONGEST_LINE + 1):
        number += 1
        if len(line) > LONGEST_LINE:
            limit = f"{LONGEST_LINE >> 20} MB"
            raise DataError("source.path", f"{name}, line {number} is longer than {limit}; is it one row a line?")
        if b"\0" in line:
            raise DataError("source.path", f"{name}, line {number} holds a zero byte: save it as text in UTF-8")
        yield line


def detect_encoding(path: str) -> str:
    """ "utf-8-sig" (also for plain UTF-8 and ASCII), "gb18030" or "cp1252". Raises DataError for mixed encodings."""
    seen = _Seen()
    name = Path(path).name
    with opened(path) as stream:
        for number, line in enumerate(byte_lines(stream, name), start=1):
            if not line.isascii():
                _look(seen, line, number)
    if not seen.other:
        return "utf-8-sig"
    encoding = "gb18030" if not seen.not_gb18030 and seen.paired >= seen.lone else "cp1252"
    clash = seen.firm_utf8 or (seen.utf8 if encoding == "cp1252" else 0)
    if clash:
        raise DataError(
            "source.path",
            f"{name} mixes encodings: line {clash} is UTF-8, line {seen.other} is not; save the whole file as UTF-8",
        )
    return encoding


def _look(seen: _Seen, line: bytes, number: int) -> None:
    if _decodes(line.removeprefix(_BOM), "utf-8"):
        seen.utf8 = seen.utf8 or number
        if _LONG_SEQUENCE.search(line):
            seen.firm_utf8 = seen.firm_utf8 or number
        return
    seen.other = seen.other or number
    runs = [len(run) for run in _HIGH_RUN.findall(line)]
    seen.lone += sum(run for run in runs if run == 1)
    seen.paired += sum(run for run in runs if run > 1)
    if not _decodes(line, "gb18030"):
        seen.not_gb18030 = seen.not_gb18030 or number


def _decodes(line: bytes, encoding: str) -> bool:
    try:
        line.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def text_lines(stream: BinaryIO, name: str, encoding: str) -> Iterator[str]:
    """The decoded lines, with their line ends. `encoding` is what `detect_encoding` said.

    In cp1252 five bytes have no character; they become U+FFFD, and the row is dropped later as broken.
    """
    errors = "replace" if encoding == "cp1252" else "strict"
    for number, line in enumerate(byte_lines(stream, name)):
        bare = line.removeprefix(_BOM) if number == 0 else line
        yield bare.decode("utf-8" if encoding == "utf-8-sig" else encoding, errors)
