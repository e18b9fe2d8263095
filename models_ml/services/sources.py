"""Taking files in: streamed to disk under a limit, hashed on the way, kept once under their SHA-256.

Nothing is read whole into memory. A file that is cut off or too large leaves nothing behind.
"""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from core import audit, errors
from core.audit import Actor
from models_ml.data.errors import DataError
from models_ml.data.plan import Source
from models_ml.data.reading import preview
from models_ml.data.rows import text_of
from models_ml.models import SourceFile
from models_ml.services.guards import member, require, sentence

MOST_BYTES = 2 * 1024**3
FOLDER = PurePath("datasets", "sources")
UPLOAD, PAST = "upload", "past"
# Of a larger text file so much is read for the page that maps its columns.
HEAD_BYTES = 2 * 1024**2
LONGEST_CELL = 200


def store_file(
    *, name: str, chunks: Iterable[bytes], actor: Actor, origin: str = UPLOAD, most: int = MOST_BYTES
) -> SourceFile:
    """Keep a file; the same content in the same format is the row that is there already.

    Raises Forbidden without the role, InvalidInput for a name without a known ending or an empty file, TooLarge past
    `most` bytes.
    """
    require(actor, "models_ml.add_datasetversion", _("hand in data"))
    name, kind = clean_name(name), format_of(name)
    draft = Path(settings.VAR) / FOLDER / f".part-{uuid.uuid4().hex}"
    draft.parent.mkdir(parents=True, exist_ok=True)
    try:
        digest, size = _write(draft, chunks, most)
        if not size:
            raise errors.InvalidInput.field("file", _("%(name)s is empty.") % {"name": name})
        place = FOLDER / digest[:16] / name
        return _keep(draft, place, name=name, format=kind, sha256=digest, size_bytes=size, origin=origin, actor=actor)
    finally:
        draft.unlink(missing_ok=True)


def store_rows(*, name: str, rows: Iterable[Mapping[str, Any]], actor: Actor, origin: str = PAST) -> SourceFile:
    """Keep rows that another part of the platform hands in, such as past copy and its results, as JSON lines."""
    return store_file(name=f"{name}.jsonl", chunks=_lines(rows), actor=actor, origin=origin)


def absolute(source: SourceFile) -> Path:
    """Where a file can be opened."""
    return Path(settings.VAR) / source.path


def format_of(name: str) -> str:
    """The format by the name's ending. Raises InvalidInput naming the formats there are.

    Packed files are not taken: a small one can hold more than any disk, and the limit is on what was sent.
    """
    try:
        found = "" if name.lower().endswith(".gz") else Source("catalogue", name).known_format()
    except DataError:
        found = ""
    if not found:
        raise errors.InvalidInput.field("file", _("%(name)s: use .csv, .tsv, .jsonl or .parquet.") % {"name": name})
    return found


def clean_name(name: str) -> str:
    """A file name that is safe in a path and still readable: no folders, no control characters, 120 at most."""
    bare = re.sub(r"[^\w. -]+", "_", PurePath(name.replace("\\", "/")).name).strip(" .")
    stem, dot, ending = bare.rpartition(".")
    return f"{stem[:100]}{dot}{ending[:20]}" or "file"


def _write(draft: Path, chunks: Iterable[bytes], most: int) -> tuple[str, int]:
    whole, size = hashlib.sha256(), 0
    with draft.open("wb") as stream:
        for chunk in chunks:
            size += len(chunk)
            if size > most:
                sentence = _("file: more than %(most)s MB were sent.") % {"most": most // 1024**2}
                raise errors.TooLarge(sentence, code="file_too_large")
            whole.update(chunk)
            stream.write(chunk)
    return whole.hexdigest(), size


def _keep(draft: Path, place: PurePath, *, actor: Actor, **fields: Any) -> SourceFile:
    known = SourceFile.objects.filter(sha256=fields["sha256"], format=fields["format"]).first()
    if known is not None and absolute(known).is_file():
        return known
    target = Path(settings.VAR) / (known.path if known else place)
    target.parent.mkdir(parents=True, exist_ok=True)
    draft.replace(target)
    return known or _row(place, actor=actor, **fields)


def _row(place: PurePath, *, actor: Actor, **fields: Any) -> SourceFile:
    try:
        with transaction.atomic():
            row = SourceFile.objects.create(path=str(place), created_by=member(actor), **fields)
            audit.record("source.stored", row, actor=actor, sha256=row.sha256, size_bytes=row.size_bytes)
            return row
    except IntegrityError:
        return SourceFile.objects.get(sha256=fields["sha256"], format=fields["format"])


def _lines(rows: Iterable[Mapping[str, Any]]) -> Iterator[bytes]:
    for row in rows:
        yield json.dumps(dict(row), ensure_ascii=False, default=str).encode() + b"\n"


@dataclass(frozen=True)
class Look:
    """The first rows of a file for a person: `problem` says why there are none."""

    file: SourceFile
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    problem: str = ""


def look_into(file: SourceFile, rows: int = 5) -> Look:
    """The columns and first rows of a kept file. Of a large text file only the beginning is read."""
    try:
        found = preview(Source("catalogue", str(_head(file)), format=file.format), rows)
    except DataError as problem:
        return Look(file, problem=sentence(problem.message))
    if not found:
        return Look(file, problem=f"No row of {file.name} can be read: is it one row a line?")
    cells = tuple(tuple(text_of(value)[:LONGEST_CELL] for value in row.values()) for row in found)
    return Look(file, tuple(found[0]), cells)


def _head(file: SourceFile) -> Path:
    """The file, or its first lines beside it: telling the encoding of all of a large file takes too long for a page."""
    whole = absolute(file)
    if file.size_bytes <= HEAD_BYTES or file.format == "parquet":
        return whole
    head = whole.with_name(f"head-{whole.name}")
    if not head.is_file():
        with whole.open("rb") as stream:
            start = stream.read(HEAD_BYTES)
        draft = head.with_name(f".part-{uuid.uuid4().hex}")
        draft.write_bytes(start[: start.rfind(b"\n") + 1] or start)
        draft.replace(head)
    return head
