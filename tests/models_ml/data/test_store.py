"""What lies on disk: nothing half-written is opened, nothing changed is trusted, nothing is overwritten."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from models_ml.data import DataError, DatasetPlan, Source, build, open_dataset, shards
from models_ml.data import writing as writing_module
from models_ml.data.leaks import check, refuse_leaks
from models_ml.nn.progress import Cancelled
from tests.models_ml.data.files import products, sentence, write_jsonl

PLAN = DatasetPlan("text", shares=(0.6, 0.2, 0.2))


def _source(folder: Path, rows: list[dict[str, str]]) -> Source:
    path = write_jsonl(folder / "rows.jsonl", rows)
    return Source("reviews", str(path), columns={"text": "text", "group": "sku"})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    build([_source(tmp_path, products(12))], PLAN, tmp_path / "dataset")
    return tmp_path / "dataset"


def _append(folder: Path) -> None:
    with (folder / "train-00000.jsonl").open("a", encoding="utf-8") as stream:
        stream.write("{}\n")


def _rewrite(folder: Path, **changes: Any) -> None:
    record = json.loads((folder / "dataset.json").read_text(encoding="utf-8"))
    (folder / "dataset.json").write_text(json.dumps({**record, **changes}), encoding="utf-8")


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        (_append, "train-00000.jsonl was changed: its SHA-256 differs"),
        (lambda folder: (folder / "test-00000.jsonl").unlink(), "test-00000.jsonl is missing"),
        (lambda folder: (folder / "test-00009.jsonl").write_text("{}"), "test-00009.jsonl is not listed"),
        (lambda folder: (folder / "dataset.json").unlink(), "holds no finished dataset"),
        (lambda folder: (folder / "dataset.json").write_text("{"), "is not readable JSON"),
        (lambda folder: (folder / "dataset.json").write_text("[]"), "no record of a dataset"),
        (lambda folder: _rewrite(folder, format=99), "has format 99"),
        (lambda folder: _rewrite(folder, files={"../rows.jsonl": {"sha256": "0", "rows": 1}}), "not listed|missing"),
    ],
)
def test_a_changed_dataset_is_refused(folder: Path, harm: Any, told: str) -> None:
    harm(folder)
    with pytest.raises(DataError, match=told) as caught:
        open_dataset(folder)
    assert caught.value.field == "folder"


def test_an_unknown_split_is_refused(folder: Path) -> None:
    with pytest.raises(DataError, match="must be one of train, validation, test"):
        open_dataset(folder).rows("holdout")


def test_a_dataset_is_never_overwritten(folder: Path) -> None:
    before = (folder / "dataset.json").read_bytes()
    with pytest.raises(DataError, match="is in use; a dataset version is never overwritten"):
        build([_source(folder.parent, products(20))], PLAN, folder)
    assert (folder / "dataset.json").read_bytes() == before


def test_an_empty_folder_may_be_built_into(tmp_path: Path) -> None:
    (tmp_path / "dataset").mkdir()
    build([_source(tmp_path, products(12))], PLAN, tmp_path / "dataset")
    assert sum(open_dataset(tmp_path / "dataset").count(split) for split in ("train", "validation", "test")) == 36


def test_many_rows_become_several_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing_module, "ROWS_A_FILE", 10)
    build([_source(tmp_path, products(30))], PLAN, tmp_path / "dataset")
    dataset = open_dataset(tmp_path / "dataset")
    names = [name for name in dataset.record.files if name.startswith("train")]
    assert names == [f"train-{number:05}.jsonl" for number in range(len(names))]
    assert len(names) > 3
    assert len(list(dataset.rows("train"))) == dataset.count("train")


@pytest.mark.parametrize("looks", [0, 1, 2, 4, 6])
def test_a_cancelled_build_leaves_nothing(tmp_path: Path, looks: int) -> None:
    source = _source(tmp_path, products(12))
    answers = iter([False] * looks)
    with pytest.raises(Cancelled):
        build([source], PLAN, tmp_path / "dataset", should_stop=lambda: next(answers, True))
    assert [path.name for path in tmp_path.iterdir()] == ["rows.jsonl"]


_CHILD = """
import sys
from models_ml.data import DatasetPlan, Source, build
def wait(fraction, stage, message, metrics):
    if stage == sys.argv[1]:
        print("there", flush=True)
        sys.stdin.read()
source = Source("reviews", "rows.jsonl", columns={"text": "text", "group": "sku"})
build([source], DatasetPlan("text", shares=(0.6, 0.2, 0.2)), "dataset", on_progress=wait)
"""


def _killed_at(stage: str, place: Path) -> None:
    root = str(Path(__file__).resolve().parents[3])
    child = subprocess.Popen(
        [sys.executable, "-c", _CHILD, stage],
        cwd=place,
        env={**os.environ, "PYTHONPATH": root},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"there\n"
        child.send_signal(signal.SIGKILL)
        child.wait(timeout=20)


@pytest.mark.parametrize("stage", ["sort", "check"])
def test_after_a_kill_nothing_opens_and_the_next_build_cleans_up(tmp_path: Path, stage: str) -> None:
    source = _source(tmp_path, products(12))
    _killed_at(stage, tmp_path)
    assert len(list(tmp_path.glob(".dataset.draft-*"))) == 1
    with pytest.raises(DataError, match="holds no finished dataset"):
        open_dataset(tmp_path / "dataset")
    record = build([source], PLAN, tmp_path / "dataset")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dataset", "rows.jsonl"]
    assert open_dataset(tmp_path / "dataset").record.hash == record.hash


def test_only_drafts_of_the_same_folder_are_removed(tmp_path: Path) -> None:
    source = _source(tmp_path, products(12))
    for name in (".data[1].draft-a", ".data1.draft-b", ".data[1]x.draft-c"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "lock").touch()
    build([source], PLAN, tmp_path / "data[1]")
    left = sorted(path.name for path in tmp_path.iterdir())
    assert left == [".data1.draft-b", ".data[1]x.draft-c", "data[1]", "rows.jsonl"]


def test_the_draft_of_a_living_builder_is_left_alone(tmp_path: Path) -> None:
    source = _source(tmp_path, products(12))
    inner: list[str] = []

    def build_beside(fraction: float, stage: str, message: str, metrics: object) -> None:
        if stage == "sort" and not inner:
            inner.append(build([source], PLAN, tmp_path / "dataset").hash)

    with pytest.raises(DataError, match="cannot be made"):
        build([source], PLAN, tmp_path / "dataset", on_progress=build_beside)
    assert open_dataset(tmp_path / "dataset").record.hash == inner[0]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dataset", "rows.jsonl"]


def _row(group: str, text: str) -> dict[str, str]:
    return {"group": group, "language": "en", "text": text}


@pytest.mark.parametrize(
    ("train", "test", "expected"),
    [
        ([_row("a", sentence(1))], [_row("b", sentence(2))], (0, 0, 0)),
        ([_row("a", sentence(1))], [_row("a", sentence(2))], (1, 0, 0)),
        ([_row("a", sentence(1))], [_row("b", sentence(1).upper() + "!")], (0, 1, 1)),
        ([_row("a", sentence(1, words=60))], [_row("b", sentence(1, words=60) + " ok")], (0, 0, 1)),
    ],
)
def test_the_leak_check_finds_planted_leaks(
    tmp_path: Path, train: list[dict[str, str]], test: list[dict[str, str]], expected: tuple[int, int, int]
) -> None:
    files = [(write_jsonl(tmp_path / "train-0.jsonl", train), 0), (write_jsonl(tmp_path / "test-0.jsonl", test), 2)]
    result = check(files, tmp_path / "work", threshold=0.8)
    assert (result["groups_across"], result["equal_across"]) == expected[:2]
    assert (result["near_across"] > 0) == (expected[2] > 0)
    if any(expected):
        with pytest.raises(DataError, match="splits are not apart"):
            refuse_leaks(result)
    else:
        refuse_leaks(result)


def _peak(folder: Path, rows: int) -> tuple[int, int]:
    """Bytes of the source and peak of traced memory of a build."""
    folder.mkdir()
    path = folder / "rows.jsonl"
    with path.open("w", encoding="utf-8") as stream:
        for number in range(rows):
            stream.write(json.dumps({"sku": f"p{number // 3}", "text": f"{sentence(number)} {'w' * 4000}"}) + "\n")
    plan = DatasetPlan("text", near_duplicate_threshold=1, mask_personal=False)
    source = Source("reviews", str(path), columns={"text": "text", "group": "sku"})
    tracemalloc.start()
    try:
        build([source], plan, folder / "dataset")
        return path.stat().st_size, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_does_not_grow_with_the_texts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "BUCKET_BYTES", 300_000)
    _peak(tmp_path / "warm-up", 10)
    small_size, small_peak = _peak(tmp_path / "small", 300)
    large_size, large_peak = _peak(tmp_path / "large", 1200)
    assert large_size - small_size > 3_500_000
    # What grows are the buffers of more bucket files (at most 256) and the numbers held for each row.
    assert large_peak - small_peak < 0.15 * (large_size - small_size)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_million_rows_in_bounded_memory(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    with path.open("w", encoding="utf-8") as stream:
        for number in range(1_000_000):
            stream.write(json.dumps({"sku": f"p{number // 4}", "text": sentence(number, words=20)}) + "\n")
    # The system refuses memory beyond the limit. Pages of mapped files are not counted: it takes those back at need.
    code = (
        "import resource\n"
        f"resource.setrlimit(resource.RLIMIT_DATA, ({600 << 20}, {600 << 20}))\n"
        "from models_ml.data import DatasetPlan, Source, build\n"
        "source = Source('reviews', 'rows.jsonl', columns={'text': 'text', 'group': 'sku'})\n"
        "record = build([source], DatasetPlan('text'), 'dataset')\n"
        "print(record.report['kept'])\n"
    )
    started = time.perf_counter()
    root = str(Path(__file__).resolve().parents[3])
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": root, "OMP_NUM_THREADS": "1"},
        check=True,
        capture_output=True,
        text=True,
    )
    print(f"1,000,000 rows in {time.perf_counter() - started:.0f} s")  # noqa: T201
    assert int(done.stdout) == 1_000_000
