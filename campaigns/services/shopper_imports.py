"""Lists of shoppers from files: kept for the preview, stored in parts by a job, then deleted.

Peculiar: the file is personal data, so it lies in the platform's own folder under a random name, readable by it alone,
and never longer than a day. The job's row names that file, lines, fields and codes, and never a value. Storing the same
part twice changes nothing, so a job that is tried again goes on from its last part.
"""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from campaigns import people_files
from campaigns.people_files import Mapped, Problem
from campaigns.people_records import RecordError, ShopperInput
from campaigns.services.guards import require
from campaigns.services.shoppers import upsert_shoppers
from core import errors
from core.jobs import JobContext
from core.models import Job, User
from core.services import jobs

IMPORT_TASK = "campaigns.import_shoppers"
FOLDER = "shopper-imports"
MOST_BYTES = 200 * 1024**2
PART = 1000
KEPT_PROBLEMS = 200
KEPT_SECONDS = 86_400
_TOKEN = re.compile(r"[0-9a-f]{32}")


def keep_upload(chunks: Iterable[bytes]) -> str:
    """Keep an uploaded file for the preview; the token names it. Raises InvalidInput, TooLarge."""
    folder = Path(settings.VAR) / FOLDER
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _remove_old(folder)
    token, size = uuid.uuid4().hex, 0
    path = folder / token
    try:
        with path.open("xb") as file:
            path.chmod(0o600)
            for chunk in chunks:
                size += len(chunk)
                if size > MOST_BYTES:
                    raise errors.TooLarge(_("The file is larger than %(most)d MB.") % {"most": MOST_BYTES // 1024**2})
                file.write(chunk)
        if not size:
            raise errors.InvalidInput.field("file", _("The file is empty."))
    except errors.CopyliftError:
        path.unlink(missing_ok=True)
        raise
    return token


def preview(
    token: str, *, mapped: Mapped | None = None, rows: int = 5
) -> tuple[list[str], list[ShopperInput | Problem]]:
    """The columns (none of JSON lines) and what the first rows come to. Raises InvalidInput, NotFound."""
    try:
        with _opened(token) as (file, lines):
            columns = [] if lines else people_files.headings(file)
            file.seek(0)
            used = mapped or Mapped(people_files.guessed(columns))
            found = people_files.read_lines(file) if lines else people_files.read_csv(file, used)
            return columns, [one for _line, one in islice(found, rows)]
    except RecordError as problem:
        raise errors.InvalidInput.field(problem.field, problem.code, code=problem.code) from None
    except UnicodeDecodeError:
        raise errors.InvalidInput.field("file", "encoding", code="encoding") from None


@transaction.atomic
def request_import(token: str, *, mapped: Mapped, actor: User) -> Job:
    """The job that will store the list. Raises Forbidden, NotFound, InvalidInput."""
    require(actor, "campaigns.add_shopper", _("import shoppers"))
    with _opened(token) as (_file, lines):
        if not lines:
            try:
                people_files.check_places(mapped.places)
            except RecordError as problem:
                raise errors.InvalidInput.field(problem.field, problem.code, code=problem.code) from None
    arguments = {
        "file": token,
        "places": dict(mapped.places),
        "consent_source": mapped.consent_source,
        "consent_at": mapped.consent_at,
        "actor": actor.pk,
    }
    return jobs.create_job(
        task_name=IMPORT_TASK,
        queue="default",
        title=gettext_noop("Import of shoppers"),
        arguments=arguments,
        created_by=actor,
    )


def import_shoppers(job: JobContext) -> dict[str, Any]:
    """What the job does: parts of a thousand, the place kept after each. The file goes at the end."""
    given = job.arguments
    state = {"line": 0, "made": 0, "changed": 0, "refused": 0, "problems": [], **job.checkpoint}
    mapped = Mapped(given["places"], given["consent_source"], given["consent_at"])
    actor = User.objects.filter(pk=given["actor"]).first()
    with _opened(given["file"]) as (file, lines):
        size = max(1, Path(file.name).stat().st_size)
        found = people_files.read_lines(file) if lines else people_files.read_csv(file, mapped)
        rest = (pair for pair in found if pair[0] > state["line"])
        while part := list(islice(rest, PART)):
            _store(part, state, actor)
            job.save_checkpoint(state)
            job.progress(100 * min(1.0, _position(file) / size), gettext_noop("storing"), str(state["line"]))
    _path(given["file"]).unlink(missing_ok=True)
    return {name: value for name, value in state.items() if name != "line"}


def _store(part: list[tuple[int, ShopperInput | Problem]], state: dict[str, Any], actor: User | None) -> None:
    stored = upsert_shoppers(
        [one for _line, one in part if isinstance(one, ShopperInput)], actor=actor, source="import"
    )
    problems = [one.to_dict() for _line, one in part if isinstance(one, Problem)]
    state["made"] += stored.made
    state["changed"] += stored.changed
    state["refused"] += len(problems)
    state["problems"] = [*state["problems"], *problems][:KEPT_PROBLEMS]
    state["line"] = part[-1][0]


def _position(file: TextIO) -> int:
    return file.buffer.tell()


@contextmanager
def _opened(token: str) -> Iterator[tuple[TextIO, bool]]:
    """The kept file from its beginning, and whether it is lines of JSON. Raises NotFound."""
    path = _path(token)
    if not path.is_file():
        raise errors.NotFound(_("This file is no longer kept. Please choose it again."))
    with path.open(encoding="utf-8-sig", newline="") as file:
        first = file.readline(1_000_000)
        file.seek(0)
        yield file, people_files.is_lines(first)


def _path(token: str) -> Path:
    if not _TOKEN.fullmatch(token):
        raise errors.NotFound(_("This file is no longer kept. Please choose it again."))
    return Path(settings.VAR) / FOLDER / token


def _remove_old(folder: Path) -> None:
    for path in folder.iterdir():
        if path.stat().st_mtime < time.time() - KEPT_SECONDS:
            path.unlink(missing_ok=True)
