"""Builds a dataset version: read and clean, sort and drop equal rows, drop near ones, split, write, check for leaks.

Memory does not grow with the texts: rows wait on disk, and what is held for a row is about 200 bytes of numbers. All
steps after the sort see rows in the order of their content's hash, so the outcome depends on rows and plan alone, not
on the order of files or lines. A stopped or killed build leaves nothing that could be opened; it is started again.
"""

from __future__ import annotations

import json
import shutil
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models_ml.data import leaks
from models_ml.data.cleaning import normalised
from models_ml.data.errors import DataError
from models_ml.data.near import NearTexts, Numbers, RowTexts, Sets
from models_ml.data.plan import SPLITS, DatasetPlan, Source, check_roles
from models_ml.data.reading import Broken, Opened, RawRow, columns_of, open_rows
from models_ml.data.report import Report
from models_ml.data.rows import Dropped, RowMaker, compared
from models_ml.data.shards import Buckets, RowFile
from models_ml.data.splitting import Hashes, assign, join_equal, short_hash
from models_ml.data.store import DatasetRecord
from models_ml.data.writing import SplitWriter, draft_of, publish
from models_ml.nn.progress import Cancelled, OnProgress, ShouldStop, never, silent

_EVERY = 1000  # rows between two looks at should_stop
_PACKED = 8  # how much larger text is than its gzip or Parquet file, roughly; only sizes the buckets
_LARGE_SHARE = 0.2
_STAGES = {"read": 0.0, "sort": 0.45, "near": 0.5, "split": 0.75, "write": 0.78, "check": 0.82, "done": 1.0}


@dataclass
class _Build:
    """What stays the same through a build, and what it counts."""

    plan: DatasetPlan
    draft: Path
    on_progress: OnProgress
    should_stop: ShouldStop
    report: Report = field(default_factory=Report)
    labels: set[str] = field(default_factory=set)

    def tell(self, stage: str, message: str, *, within: float = 0.0) -> None:
        """Report progress; `within` is the share of the first stage that is done."""
        fraction = _STAGES[stage] + within * _STAGES["sort"]
        self.on_progress(fraction, stage, message, {"read": self.report.read, "dropped": self.report.dropped.total()})

    def check_stop(self) -> None:
        """Raise Cancelled when the build was asked to stop."""
        if self.should_stop():
            raise Cancelled


def build(
    sources: Sequence[Source],
    plan: DatasetPlan,
    folder: str | Path,
    *,
    on_progress: OnProgress = silent,
    should_stop: ShouldStop = never,
) -> DatasetRecord:
    """Build `sources` (empty: those of the plan) by `plan` into `folder`, which must be new or empty.

    Raises DataError (field and sentence) for data or a plan that cannot be used, Cancelled when asked to stop; then
    nothing is left behind.
    """
    used = tuple(sources) or plan.sources
    if not used:
        raise DataError("sources", "must name at least one file")
    for source in used:
        check_roles(source, plan.task)
    place = Path(folder).absolute()
    with draft_of(place) as draft:
        run = _Build(plan, draft, on_progress, should_stop)
        _read(run, used)
        with RowFile([draft / "rows.jsonl"]) as rows:
            kept = _without_near(run, rows)
            parts = _split(run, rows, kept)
            writer = _write(run, rows, kept, parts=parts)
        record = _record(run, writer, used)
        run.check_stop()
        publish(draft, record, place)
    run.tell("done", f"{record.report['kept']} rows")
    return record


def _read(run: _Build, sources: Sequence[Source]) -> None:
    """Read, clean and sort all sources into rows.jsonl and where.jsonl of the draft."""
    buckets = Buckets(run.draft, expected=sum(_expected(source) for source in sources))
    with buckets:
        for index, source in enumerate(sources):
            _read_one(run, source, buckets, done=index / len(sources), share=1 / len(sources))
    run.tell("sort", f"{run.report.read} rows read, {run.report.dropped.total()} dropped")
    count = 0
    with (
        (run.draft / "rows.jsonl").open("w", encoding="utf-8") as rows,
        _where(run).open("w", encoding="utf-8") as where,
    ):
        for count, (kind, source_name, line, row) in enumerate(buckets.merged(run.report), start=1):
            if count % _EVERY == 0:
                run.check_stop()
            if run.plan.task == "labels":
                run.labels.add(kind)
            rows.write(row + "\n")
            where.write(json.dumps([source_name, line]) + "\n")
    _refuse_few(run, count)


def _where(run: _Build) -> Path:
    return run.draft / "where.jsonl"


def _expected(source: Source) -> int:
    path = Path(source.path)
    size = path.stat().st_size if path.is_file() else 0
    return size * (_PACKED if source.path.endswith(".gz") or source.known_format() == "parquet" else 2)


def _refuse_few(run: _Build, count: int) -> None:
    if count == 0:
        raise DataError("sources", f"all {run.report.read} rows were dropped: {run.report.summary()}")
    if count == 1:
        raise DataError(
            "sources",
            f"only one row is left of {run.report.read} ({run.report.summary()} dropped); no split is possible",
        )


def _read_one(run: _Build, source: Source, buckets: Buckets, *, done: float, share: float) -> None:
    opened = open_rows(source)
    maker = RowMaker(run.plan, columns_of(source, opened.columns), source.name, source.language)
    before, number = run.report.read, 0
    for number, raw in enumerate(opened.rows, start=1):
        run.report.read += 1
        _take(run, raw, maker, buckets)
        if number % _EVERY == 0:
            run.check_stop()
            run.tell("read", f"{source.name}: {number} rows", within=done + share * opened.position.share)
    run.report.masked.update(maker.masked)
    run.report.sources.append(_about(source, opened, run.report.read - before))


def _about(source: Source, opened: Opened, rows: int) -> dict[str, Any]:
    about = {"name": source.name, "kind": source.kind, "format": source.known_format(), "rows": rows}
    return about | ({"encoding": opened.encoding.removesuffix("-sig")} if opened.encoding else {})


def _take(run: _Build, raw: RawRow | Broken, maker: RowMaker, buckets: Buckets) -> None:
    if isinstance(raw, Broken):
        run.report.drop(raw.reason, source=maker.name, line=raw.line, text=raw.text)
        return
    try:
        row = maker.make(raw)
    except Dropped as dropped:
        run.report.drop(dropped.reason, source=maker.name, line=raw.line, text=dropped.text)
        return
    buckets.add(row, source=maker.name, line=raw.line)


def _without_near(run: _Build, rows: RowFile) -> Numbers:
    """The rows that stay: the first of each set of near texts of one kind. Sides of a pair are never dropped."""
    everything = np.arange(len(rows), dtype=np.int64)
    if run.plan.near_duplicate_threshold == 1 or run.plan.task == "pairs":
        return everything
    run.tell("near", "looking for texts that are nearly equal")
    sets = Sets(len(rows))
    _join_near(run, rows, everything, sets=sets, name="dropping", by_kind=True)
    roots = sets.roots()
    with RowFile([_where(run)]) as where:
        for number in np.flatnonzero(roots != everything).tolist():
            source, line = json.loads(where.line(number))
            text = compared(rows.row(number))[0]
            run.report.drop("nearly equal to another row", source=source, line=line, text=text)
    return np.flatnonzero(roots == everything)


def _join_near(run: _Build, rows: RowFile, members: Numbers, *, sets: Sets, name: str, by_kind: bool) -> None:
    index = run.draft / name
    near = NearTexts(
        RowTexts(rows, members.tolist(), by_kind=by_kind),
        index,
        threshold=run.plan.near_duplicate_threshold,
        seed=1 if by_kind else 2,  # other hash functions: what one search missed the other finds
        should_stop=run.should_stop,
    )
    near.join_all(sets)
    shutil.rmtree(index)


def _split(run: _Build, rows: RowFile, kept: Numbers) -> NDArray[np.int8]:
    """The split of each kept row."""
    run.tell("split", f"splitting {len(kept)} rows by group")
    sets = Sets(len(rows))
    groups, texts, owners = _keys(run, rows, kept)
    join_equal(sets, kept, groups)
    join_equal(sets, owners, texts)
    if run.plan.near_duplicate_threshold < 1:
        _join_near(run, rows, kept, sets=sets, name="joining", by_kind=False)
    roots = sets.roots()[kept]
    _warn_of_large(run, roots)
    return assign(roots, groups, shares=run.plan.shares, seed=run.plan.seed)


def _keys(run: _Build, rows: RowFile, kept: Numbers) -> tuple[Hashes, Hashes, Numbers]:
    """Hashes of the groups of the kept rows, of their texts, and the row of each text."""
    groups, texts, owners = array("Q"), array("Q"), array("q")
    for place, number in enumerate(kept.tolist()):
        if place % _EVERY == 0:
            run.check_stop()
        row = rows.row(number)
        groups.append(short_hash(row["group"]))
        for text in compared(row):
            texts.append(short_hash(normalised(text)))
            owners.append(number)
    return np.array(groups, np.uint64), np.array(texts, np.uint64), np.array(owners, np.int64)


def _warn_of_large(run: _Build, roots: Numbers) -> None:
    _, sizes = np.unique(roots, return_counts=True)
    share = float(sizes.max() / len(roots))
    if share > _LARGE_SHARE and len(sizes) > 1:
        run.report.warnings.append(
            f"{share:.0%} of the rows hang together by group or near text and lie in one split; shares are off by that"
        )


def _write(run: _Build, rows: RowFile, kept: Numbers, *, parts: NDArray[np.int8]) -> SplitWriter:
    run.tell("write", f"writing {len(kept)} rows")
    final = run.draft / "final"
    final.mkdir()
    writer = SplitWriter(final)
    writer.content.update(json.dumps(run.plan.essence(), sort_keys=True, ensure_ascii=False).encode() + b"\n")
    seen: dict[str, set[str]] = {}
    for index, split in enumerate(SPLITS):
        lines = _lines(run, rows, kept[parts == index].tolist(), labels=seen.setdefault(split, set()))
        writer.write(split, lines)
    lacking = sorted(set().union(*seen.values()) - seen["train"])
    run.report.warnings += [f"no row of train has the label {label}" for label in lacking]
    return writer


def _lines(run: _Build, rows: RowFile, numbers: list[int], *, labels: set[str]) -> Iterator[tuple[bytes, str]]:
    for place, number in enumerate(numbers):
        if place % _EVERY == 0:
            run.check_stop()
        line = rows.line(number)
        row = json.loads(line)
        labels.update([row["label"]] if "label" in row else [])
        yield line, row["language"]


def _record(run: _Build, writer: SplitWriter, sources: Sequence[Source]) -> DatasetRecord:
    run.tell("check", "checking that no group and no text lies in two splits")
    files = [(writer.folder / name, SPLITS.index(name.split("-")[0])) for name in writer.files]
    threshold = run.plan.near_duplicate_threshold
    result = leaks.check(files, run.draft / "leaks", threshold=threshold, should_stop=run.should_stop)
    leaks.refuse_leaks(result)
    run.report.kept = result["rows"]
    counts = {
        split: {"rows": languages.total(), "languages": dict(sorted(languages.items()))}
        for split, languages in writer.languages.items()
    }
    return DatasetRecord(
        task=run.plan.task,
        hash=writer.content.hexdigest(),
        plan={**run.plan.to_json(), "sources": [source.to_json() for source in sources]},
        counts=counts,
        labels=run.plan.labels or tuple(sorted(run.labels)),
        report=run.report.to_json(),
        leak_check=result,
        files=writer.files,
    )
