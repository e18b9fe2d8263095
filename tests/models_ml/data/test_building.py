"""Building a dataset version: the whole road, its invariants, its report, and every way in which it must refuse."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from models_ml.data import DataError, DatasetPlan, DatasetRecord, Source, StoredDataset, build, open_dataset
from models_ml.data.near import jaccard, shingles
from models_ml.data.plan import SPLITS
from tests.models_ml.data.files import chinese, products, sentence, write_csv, write_jsonl

PLAN = DatasetPlan("text", shares=(0.6, 0.2, 0.2))
COLUMNS = {"text": "text", "group": "sku"}


def _source(path: Path, kind: str = "reviews", **columns: str) -> Source:
    return Source(kind, str(path), columns=columns or COLUMNS)


def _built(folder: Path, rows: list[dict[str, Any]], plan: DatasetPlan = PLAN, **columns: str) -> StoredDataset:
    source = _source(write_jsonl(folder / "rows.jsonl", rows), **columns)
    build([source], plan, folder / "dataset")
    return open_dataset(folder / "dataset")


def _all_rows(dataset: StoredDataset) -> dict[str, list[dict[str, Any]]]:
    return {split: list(dataset.rows(split)) for split in SPLITS}


def _drops(record: DatasetRecord) -> dict[str, int]:
    return {item["reason"]: item["count"] for item in record.report["dropped"]}


def test_builds_and_opens(tmp_path: Path) -> None:
    dataset = _built(tmp_path, products(40))
    rows = _all_rows(dataset)
    record = dataset.record
    assert {split: len(found) for split, found in rows.items()} == {split: dataset.count(split) for split in SPLITS}
    assert sum(len(found) for found in rows.values()) == 120 == record.report["kept"] == record.report["read"]
    assert all(set(row) == {"text", "language", "group"} for row in rows["train"])
    assert {split: about["languages"] for split, about in record.counts.items()} == {
        split: {"en": len(found)} for split, found in rows.items()
    }
    assert record.leak_check["rows"] == record.leak_check["texts"] == 120
    assert [record.leak_check[f"{name}_across"] for name in ("groups", "equal", "near")] == [0, 0, 0]
    assert record.report["dropped"] == record.report["warnings"] == []
    assert record.plan["sources"][0]["columns"] == COLUMNS
    assert DatasetRecord.from_json(json.loads(json.dumps(record.to_json()))) == record
    assert not list(tmp_path.glob(".dataset.draft*"))


def test_groups_lie_in_one_split(tmp_path: Path) -> None:
    rows = _all_rows(_built(tmp_path, products(40)))
    groups = {split: {row["group"] for row in found} for split, found in rows.items()}
    assert not groups["train"] & groups["validation"] | groups["train"] & groups["test"]
    assert not groups["validation"] & groups["test"]
    assert set().union(*groups.values()) == {f"p{number}" for number in range(40)}


def test_the_sample_page(tmp_path: Path) -> None:
    dataset = _built(tmp_path, products(10))
    shown = dataset.sample(5)
    assert [row["split"] for row in shown] == ["train"] * 5
    assert {**shown[0], "split": "x"} == {**next(dataset.rows("train")), "split": "x"}
    assert len(dataset.sample(99)) == 30
    assert dataset.sample(0) == []


def test_a_source_of_each_format_gives_the_same_dataset(tmp_path: Path) -> None:
    rows = products(12)
    csv_file, json_file = write_csv(tmp_path / "a.csv", rows), write_jsonl(tmp_path / "b.jsonl", rows)
    parquet.write_table(pa.Table.from_pylist(rows), tmp_path / "c.parquet")
    tsv = tmp_path / "d.tsv"
    tsv.write_text(csv_file.read_text(encoding="utf-8").replace(",", "\t"), encoding="utf-8")
    hashes = {
        build([_source(path)], PLAN, tmp_path / path.suffix.strip(".")).hash
        for path in (csv_file, json_file, tmp_path / "c.parquet", tsv)
    }
    assert len(hashes) == 1


def test_the_sources_of_the_plan_are_used_when_none_are_given(tmp_path: Path) -> None:
    source = _source(write_jsonl(tmp_path / "a.jsonl", products(12)))
    plan = DatasetPlan("text", (source,), shares=PLAN.shares)
    assert build([], plan, tmp_path / "x").hash == build([source], PLAN, tmp_path / "y").hash


def test_the_hash_knows_rows_and_plan(tmp_path: Path) -> None:
    rows = products(12)
    first = _hash(tmp_path, rows, PLAN)
    assert first == _hash(tmp_path, rows, PLAN)
    assert first != _hash(tmp_path, rows[1:], PLAN)
    assert first != _hash(tmp_path, rows, DatasetPlan("text", shares=PLAN.shares, seed=2))
    assert first != _hash(tmp_path, rows, DatasetPlan("text", shares=PLAN.shares, least_characters=3))


def _hash(folder: Path, rows: list[dict[str, Any]], plan: DatasetPlan) -> str:
    with tempfile.TemporaryDirectory(dir=folder) as place:
        return _built(Path(place), rows, plan).record.hash


ENDINGS = ("", " Good.", " ok", "!!", " 价格合适")
FEW = settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def _some_rows(rng: Random) -> list[dict[str, Any]]:
    """Rows with equal and near texts within and across groups, a few of each, so that most can still be split."""
    return [
        {"sku": f"p{rng.randrange(20)}", "text": sentence(rng.randrange(30), words=24) + rng.choice(ENDINGS)}
        for _ in range(rng.randrange(20, 45))
    ]


def _try(folder: Path, files: Mapping[str, list[dict[str, Any]]]) -> StoredDataset | str:
    """The dataset, or the refusal: data whose groups all hang together cannot be split."""
    sources = [_source(write_jsonl(folder / name, rows)) for name, rows in files.items() if rows]
    try:
        build(sources, PLAN, folder / "dataset")
    except DataError as error:
        return error.field
    return open_dataset(folder / "dataset")


@given(seed=st.integers(0, 10**9), cut=st.integers(0, 40))
@FEW
def test_any_order_and_any_files_give_the_same_dataset(seed: int, cut: int) -> None:
    rows = _some_rows(Random(seed))
    shuffled = Random(seed + 1).sample(rows, len(rows))
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as two:
        first = _try(Path(one), {"a.jsonl": rows})
        second = _try(Path(two), {"z.jsonl": shuffled[cut:], "b.jsonl": shuffled[:cut]})
        if isinstance(first, str) or isinstance(second, str):
            assert first == second == "group"
            return
        assert _all_rows(first) == _all_rows(second)
        assert first.record.hash == second.record.hash
        assert _drops(first.record) == _drops(second.record)


@given(seed=st.integers(0, 10**9))
@FEW
def test_no_group_and_no_near_text_crosses_splits(seed: int) -> None:
    rows = _some_rows(Random(seed))
    with tempfile.TemporaryDirectory() as folder:
        dataset = _try(Path(folder), {"a.jsonl": rows})
        if isinstance(dataset, str):
            assert dataset == "group"
            return
        found = [(split, row) for split in SPLITS for row in dataset.rows(split)]
    for place, (split, row) in enumerate(found):
        for other_split, other in found[place + 1 :]:
            if split != other_split:
                assert row["group"] != other["group"]
                assert jaccard(shingles(row["text"]), shingles(other["text"])) < 0.8


def test_equal_and_near_texts_are_dropped_and_reported_with_lines(tmp_path: Path) -> None:
    rows = products(12)
    long = sentence(7777, words=60)
    rows += [
        {"sku": "p1", "text": rows[0]["text"].upper()},
        {"sku": "q1", "text": long},
        {"sku": "q2", "text": long + " ok"},
    ]
    record = _built(tmp_path, rows).record
    assert _drops(record) == {"equal to another row": 1, "nearly equal to another row": 1}
    assert record.report["kept"] == 37
    shown = {item["reason"]: item["examples"][0] for item in record.report["dropped"]}
    assert shown["equal to another row"]["source"] == "rows.jsonl"
    assert shown["equal to another row"]["line"] in (1, 37)
    assert shown["nearly equal to another row"]["line"] in (38, 39)
    assert shown["nearly equal to another row"]["text"].startswith("The ")


def test_one_text_under_two_labels_is_no_lesson(tmp_path: Path) -> None:
    rows = [{"text": sentence(number), "mood": "good" if number % 2 else "bad"} for number in range(20)]
    rows += [{"text": sentence(0), "mood": "good"}]
    dataset = _built(tmp_path, rows, DatasetPlan("labels"), text="text", label="mood")
    assert _drops(dataset.record) == {"same text under different labels": 2}
    assert dataset.record.labels == ("bad", "good")
    assert sentence(0) not in {row["text"] for split in SPLITS for row in dataset.rows(split)}


def test_near_texts_under_two_labels_stay_together(tmp_path: Path) -> None:
    rows = [{"text": sentence(number, words=40), "mood": "good"} for number in range(30)]
    rows += [{"text": sentence(number, words=40) + " ok", "mood": "bad"} for number in range(30)]
    dataset = _built(tmp_path, rows, DatasetPlan("labels", shares=(0.5, 0.25, 0.25)), text="text", label="mood")
    assert dataset.record.report["kept"] == 60
    for split, found in _all_rows(dataset).items():
        bare = [row["text"].removesuffix(" ok") for row in found]
        assert all(bare.count(text) == 2 for text in bare), split


def test_a_label_that_train_lacks_is_warned_of(tmp_path: Path) -> None:
    rows = [{"text": sentence(number), "mood": f"mood {number}"} for number in range(10)]
    dataset = _built(tmp_path, rows, DatasetPlan("labels", shares=(0.5, 0.25, 0.25)), text="text", label="mood")
    lacking = {row["label"] for split in ("validation", "test") for row in dataset.rows(split)}
    assert dataset.record.report["warnings"] == [f"no row of train has the label {label}" for label in sorted(lacking)]


def test_pairs_are_held_together_by_either_side(tmp_path: Path) -> None:
    rows = [
        {"prompt": f"headline {number}", "chosen": sentence(number), "rejected": sentence(number + 500)}
        for number in range(30)
    ]
    rows += [
        {"prompt": f"other {number}", "chosen": sentence(number + 500), "rejected": sentence(number + 900)}
        for number in range(30)
    ]
    plan = DatasetPlan("pairs", shares=(0.5, 0.25, 0.25))
    dataset = _built(tmp_path, rows, plan, prompt="prompt", chosen="chosen", rejected="rejected")
    assert dataset.record.report["kept"] == 60
    for found in _all_rows(dataset).values():
        chosen = [row["chosen"] for row in found]
        prompted = [row for row in found if row["messages"][0]["content"].startswith("headline")]
        assert all(row["rejected"] in chosen for row in prompted)


def test_copy_by_prompt_and_answer(tmp_path: Path) -> None:
    rows = [{"content": f"类型#裙{number}", "summary": chinese(number)} for number in range(30)]
    dataset = _built(tmp_path, rows, DatasetPlan("copy"), prompt="content", answer="summary")
    row = next(dataset.rows("train"))
    assert [message["role"] for message in row["messages"]] == ["user", "assistant"]
    assert dataset.record.counts["train"]["languages"].keys() == {"zh"}


def test_personal_data_is_counted_and_gone_from_files_and_report(tmp_path: Path) -> None:
    rows = products(12)
    rows += [{"sku": "x", "text": f"{sentence(9000 + number)} Mail ann{number}@example.com"} for number in range(3)]
    rows += [{"sku": "x", "text": "Schreib an die ann@example.com, sie ist sehr nett und hilft für alles."}]
    dataset = _built(tmp_path, rows)
    assert dataset.record.report["masked"] == {"EMAIL": 4}
    assert _drops(dataset.record) == {"another language": 1}
    written = "".join(path.read_text(encoding="utf-8") for path in (tmp_path / "dataset").iterdir())
    assert "example.com" not in written
    assert written.count("[EMAIL]") == 4


def test_a_large_group_is_warned_of(tmp_path: Path) -> None:
    rows = [*products(10), *({"sku": "big", "text": sentence(5000 + number)} for number in range(30))]
    warning = _built(tmp_path, rows).record.report["warnings"][0]
    assert warning.startswith("50% of the rows hang together")


def test_progress_rises_to_one(tmp_path: Path) -> None:
    seen: list[tuple[float, str]] = []
    path = write_jsonl(tmp_path / "a.jsonl", products(700))
    build(
        [_source(path)],
        PLAN,
        tmp_path / "dataset",
        on_progress=lambda fraction, stage, message, metrics: seen.append((fraction, stage)),
    )
    fractions = [fraction for fraction, _ in seen]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    assert [stage for _, stage in seen] == ["read", "read", "sort", "near", "split", "write", "check", "done"]


def _empty_file(folder: Path) -> Path:
    path = folder / "a.csv"
    path.write_text("", encoding="utf-8")
    return path


def _mixed_file(folder: Path) -> Path:
    path = folder / "a.csv"
    path.write_bytes("sku,text\n1,café noir\n".encode() + "2,été\n".encode("latin-1"))
    return path


def _parquet_file(folder: Path) -> Path:
    path = folder / "a.parquet"
    path.write_bytes(b"PAR1 but no more")
    return path


def _other_columns(folder: Path) -> Path:
    return write_csv(folder / "a.csv", [{"sku": 1, "body": "x"}])


def _no_texts(folder: Path) -> Path:
    return write_csv(folder / "a.csv", [{"sku": 1, "text": ""}] * 9)


def _long_line(folder: Path) -> Path:
    path = folder / "a.jsonl"
    path.write_bytes(b'{"sku": "1", "text": "fine words"}\n' + b"x" * 6_000_000)
    return path


@pytest.mark.parametrize(
    ("make", "field", "told"),
    [
        (_empty_file, "source.path", "is empty"),
        (lambda folder: write_csv(folder / "a.csv", products(1, reviews=1)), "sources", "only one row is left of 1"),
        (lambda folder: write_csv(folder / "a.csv", products(1)), "group", "too few for 3 splits"),
        (lambda folder: write_csv(folder / "a.csv", products(2)), "group", "2 separate group"),
        (_other_columns, "source.columns.text", "it has: sku, body"),
        (_no_texts, "sources", "all 9 rows were dropped: 9 missing text"),
        (_mixed_file, "source.path", "line 2 is UTF-8, line 3 is not"),
        (_parquet_file, "source.path", "not a readable Parquet"),
        (_long_line, "source.path", "line 2 is longer than 4 MB"),
        (lambda folder: folder / "gone.csv", "source.path", "there is no file gone.csv"),
    ],
    ids=["empty", "one row", "one group", "two groups", "columns", "all dropped", "mixed", "parquet", "long", "gone"],
)
def test_bad_input_is_refused_and_leaves_nothing(
    tmp_path: Path, make: Callable[[Path], Path], field: str, told: str
) -> None:
    path = make(tmp_path)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(DataError, match=told) as caught:
        build([_source(path)], PLAN, tmp_path / "dataset")
    assert caught.value.field == field
    assert sorted(tmp_path.iterdir()) == before


def test_a_label_outside_the_set_is_refused(tmp_path: Path) -> None:
    rows = [{"text": sentence(number), "mood": "good"} for number in range(9)] + [{"text": sentence(99), "mood": "odd"}]
    path = write_jsonl(tmp_path / "a.jsonl", rows)
    source = _source(path, "labels", text="text", label="mood")
    with pytest.raises(DataError, match="line 10: the label 'odd' is outside the set good, bad"):
        build([source], DatasetPlan("labels", labels=("good", "bad")), tmp_path / "dataset")
    assert not (tmp_path / "dataset").exists()


def test_no_source_and_wrong_roles_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="must name at least one file"):
        build([], PLAN, tmp_path / "dataset")
    with pytest.raises(DataError, match="for copy map"):
        build([_source(tmp_path / "a.csv")], DatasetPlan("copy"), tmp_path / "dataset")
