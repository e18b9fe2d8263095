"""Feeds of products from upload to report: kept as a file, looked at, mapped, then stored in parts by a job.

Peculiar: a part and the place after it are written in one transaction, under the job's lease. So a worker that is
killed, or that lost its job to another, leaves nothing half-done: the next one goes on with the first row not stored.
"""

from __future__ import annotations

import hashlib
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from campaigns.feeds import letters, source
from campaigns.feeds import mapping as maps
from campaigns.feeds.errors import FeedError, Problem
from campaigns.feeds.rows import Defaults, Row, read
from campaigns.models import Brand, ProductImport
from campaigns.product_words import refusal
from campaigns.queries.access import may_see
from campaigns.services.guards import require
from campaigns.services.products import FAILED, take_off_sale, upsert_products
from core import audit, errors
from core.jobs import JobContext
from core.models import Job, User
from core.models.job import Status
from core.services import jobs

IMPORT_TASK = "campaigns.import_products"
FOLDER = "product-imports"
PART = 200
KEPT_PROBLEMS = 1000
KEPT_SECONDS = 30 * 86_400
State = ProductImport.State


def start_import(
    *, brand: Brand, name: str, chunks: Iterable[bytes], language: str, currency: str, actor: User
) -> ProductImport:
    """Keep a feed, find out what it is and guess its columns. Raises Forbidden, NotFound, TooLarge, InvalidInput."""
    require(actor, "campaigns.add_productimport", _("import products"))
    if not may_see(actor, brand):
        raise errors.NotFound
    path, digest = _keep(chunks)
    try:
        look = source.look(path)
    except FeedError as problem:
        path.unlink(missing_ok=True)
        raise refusal(problem) from None
    return ProductImport.objects.create(
        brand=brand,
        name=(Path(name).name or "feed")[:200],
        path=path.name,
        sha256=digest,
        format=look.format,
        language=language,
        currency=currency,
        mapping=maps.guess(look.columns),
        created_by=actor,
    )


def preview(one: ProductImport, mapping: Mapping[str, str], rows: int = 10) -> list[Row]:
    """What the first rows come to. Raises InvalidInput, NotFound."""
    return list(islice((row for _position, row in _rows(one, mapping, set())), rows))


@transaction.atomic
def request_import(one: ProductImport, *, mapping: Mapping[str, str], mark_missing: bool, actor: User) -> Job:
    """The job that stores the feed. Raises Forbidden, InvalidInput, NotFound, Conflict."""
    require(actor, "campaigns.add_productimport", _("import products"))
    try:
        maps.check(mapping)
    except FeedError as problem:
        raise refusal(problem, "mapping") from None
    path_of(one)
    job = jobs.create_job(
        task_name=IMPORT_TASK,
        queue="default",
        title=gettext_noop("Import of products: %(name)s") % {"name": one.name},
        arguments={"import": one.pk, "mark_missing": mark_missing},
        target=one,
        created_by=actor,
    )
    asked = ProductImport.objects.filter(pk=one.pk, state=State.PREVIEW).update(
        state=State.RUNNING, job=job, mapping=dict(mapping)
    )
    if not asked:
        raise errors.Conflict(_("This feed has been imported already."), code="import_asked")
    return job


def run_import(job: JobContext) -> dict[str, Any]:
    """What the job does: the rows not yet stored, in parts, then what is missing, then the report."""
    one = ProductImport.objects.select_related("brand").get(pk=job.arguments["import"])
    ProductImport.objects.filter(pk=one.pk).exclude(state=State.DONE).update(state=State.RUNNING, finished_at=None)
    state: dict[str, Any] = {"position": 0, "counts": {}, "problems": [], **job.checkpoint}
    seen: set[str] = set()
    total = max(1, _total(one))
    try:
        rest = (pair for pair in _rows(one, one.mapping, seen) if pair[0] > state["position"])
        while part := list(islice(rest, PART)):
            _store(one, part, state, job)
            job.progress(100 * state["position"] / total, gettext_noop("storing"), str(state["position"]))
    except FeedError as problem:
        raise refusal(problem) from None
    _finish(one, state, seen, job)
    path_of(one).unlink(missing_ok=True)
    return dict(state["counts"])


def settle_import(one: ProductImport) -> None:
    """After the job, however it ended: a failed or cancelled one leaves the counts of what was stored."""
    job = Job.objects.filter(pk=one.job_id).first() if one.job_id else None
    if job is None:
        return
    ended = {Status.FAILED: State.FAILED, Status.CANCELLED: State.CANCELLED}.get(Status(job.status))
    if ended:
        kept = {name: job.checkpoint.get(name, empty) for name, empty in (("counts", {}), ("problems", []))}
        ProductImport.objects.filter(pk=one.pk, state=State.RUNNING).update(
            state=ended, finished_at=timezone.now(), **kept
        )


def path_of(one: ProductImport) -> Path:
    """The kept file. Raises NotFound where it is gone."""
    path = Path(settings.VAR) / FOLDER / one.path
    if not one.path or not path.is_file():
        raise errors.NotFound(_("This file is no longer kept. Please choose it again."))
    return path


def _rows(one: ProductImport, mapping: Mapping[str, str], seen: set[str]) -> Iterator[tuple[int, Row]]:
    """Each row with its place, from 1; a SKU that was seen before is a problem. Raises FeedError."""
    path = path_of(one)
    defaults = Defaults(one.language, one.currency, one.created_at)
    for place, record in enumerate(source.records(path, one.format, letters.find(path)), start=1):
        row = read(record, mapping, defaults)
        if row.sku and row.sku in seen:
            row.note("sku", "sku_twice", row.sku)
        seen.add(row.sku)
        yield place, row


def _total(one: ProductImport) -> int:
    path = path_of(one)
    try:
        return sum(1 for _record in source.records(path, one.format, letters.find(path)))
    except FeedError:
        return 0


@transaction.atomic
def _store(one: ProductImport, part: list[tuple[int, Row]], state: dict[str, Any], job: JobContext) -> None:
    outcomes = upsert_products([row for _place, row in part], brand=one.brand, language=one.language, source=one.format)
    problems: list[Problem] = []
    for done in outcomes:
        state["counts"][done.outcome] = state["counts"].get(done.outcome, 0) + 1
        if done.outcome != FAILED:
            state["counts"]["warned"] = state["counts"].get("warned", 0) + bool(done.problems)
        problems += done.problems
    state["problems"] = [*state["problems"], *(problem.to_dict() for problem in problems)][:KEPT_PROBLEMS]
    state["position"] = part[-1][0]
    job.save_checkpoint(state)


@transaction.atomic
def _finish(one: ProductImport, state: dict[str, Any], seen: set[str], job: JobContext) -> None:
    if job.arguments["mark_missing"] and not state["counts"].get("off_sale"):
        state["counts"]["off_sale"] = take_off_sale(one.brand, present=seen, actor=one.created_by)
    job.save_checkpoint(state)
    finished = ProductImport.objects.filter(pk=one.pk).exclude(state=State.DONE)
    if finished.update(
        state=State.DONE, counts=state["counts"], problems=state["problems"], finished_at=timezone.now()
    ):
        audit.record("products.imported", one, actor=one.created_by, **state["counts"])


def _keep(chunks: Iterable[bytes]) -> tuple[Path, str]:
    """The file in the platform's own folder under a random name, and its hash. Raises TooLarge."""
    folder = Path(settings.VAR) / FOLDER
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _remove_old(folder)
    path, digest, size = folder / uuid.uuid4().hex, hashlib.sha256(), 0
    most = settings.COPYLIFT_FEED_MAX_BYTES
    with path.open("xb") as file:
        for chunk in chunks:
            size += len(chunk)
            if size > most:
                break
            digest.update(chunk)
            file.write(chunk)
    if size > most:
        path.unlink()
        megabytes = max(1, most // 1024**2)
        raise errors.TooLarge(_("The file is larger than %(most)d MB.") % {"most": megabytes})
    return path, digest.hexdigest()


def _remove_old(folder: Path) -> None:
    for path in folder.iterdir():
        if path.stat().st_mtime < time.time() - KEPT_SECONDS:
            path.unlink(missing_ok=True)
