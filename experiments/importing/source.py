"""A file as bytes: gzip is known by its first bytes and not by its name, and damage is a sentence. Pure.

Nothing is read into memory whole, so a small gzip file that swells to gigabytes costs time and no memory.
"""

from __future__ import annotations

import gzip
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from core.errors import InvalidInput

GZIP, PARQUET = b"\x1f\x8b", b"PAR1"
_KEPT_IN_MEMORY = 64 * 1024 * 1024
_FOREIGN = {
    b"PK\x03\x04": "a zip archive or an Excel workbook; save it as CSV (UTF-8) or Parquet",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook; save it as CSV (UTF-8) or Parquet",
    b"%PDF": "a PDF",
    b"\xff\xfe": "text in UTF-16; save it as UTF-8",
    b"\xfe\xff": "text in UTF-16; save it as UTF-8",
    b"BZh": "packed with bzip2; gzip and no packing can be read",
    b"\xfd7zXZ": "packed with xz; gzip and no packing can be read",
    b"\x28\xb5\x2f\xfd": "packed with zstd; gzip and no packing can be read",
}


@dataclass(frozen=True, slots=True)
class Source:
    """A readable file, whether it is gzip, and whether what is in it is Parquet (else delimited text)."""

    path: Path
    gzipped: bool
    parquet: bool

    @contextmanager
    def open(self) -> Iterator[IO[bytes]]:
        """The unpacked bytes from their beginning. Damage and disk trouble become InvalidInput."""
        with _sentences(self.path), self.path.open("rb") as raw:
            yield cast("IO[bytes]", gzip.GzipFile(fileobj=raw)) if self.gzipped else raw

    @contextmanager
    def open_seekable(self) -> Iterator[IO[bytes]]:
        """The unpacked bytes in a form that Parquet's reader can jump about in."""
        with self.open() as stream:
            if not self.gzipped:
                yield stream
                return
            with tempfile.SpooledTemporaryFile(max_size=_KEPT_IN_MEMORY) as unpacked:
                while block := stream.read(1024 * 1024):
                    unpacked.write(block)
                unpacked.seek(0)
                yield cast("IO[bytes]", unpacked)


def find(path: Path) -> Source:
    """What lies at a path. Raises InvalidInput for nothing, a folder, an empty file or a kind that is not read."""
    if path.is_dir():
        raise InvalidInput.field("file", f"{path} is a folder.")
    with _sentences(path), path.open("rb") as raw:
        gzipped = raw.read(2) == GZIP
    with Source(path, gzipped, parquet=False).open() as stream:
        head = stream.read(8)
    if not head:
        raise InvalidInput.field("file", f"{path} is empty.")
    for start, kind in _FOREIGN.items():
        if head.startswith(start):
            raise InvalidInput.field("file", f"{path} is {kind}.")
    return Source(path, gzipped, parquet=head.startswith(PARQUET))


@contextmanager
def _sentences(path: Path) -> Iterator[None]:
    try:
        yield
    except (EOFError, zlib.error, gzip.BadGzipFile) as problem:
        raise InvalidInput.field("file", f"{path} begins as gzip but is cut off or damaged ({problem}).") from None
    except OSError as problem:
        raise InvalidInput.field("file", f"{path} cannot be read ({problem.strerror or problem}).") from None
