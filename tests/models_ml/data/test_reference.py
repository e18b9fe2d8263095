"""Real shop files: each builds, with counts that its description states. Skipped where the files are not at hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from models_ml.data import DatasetPlan, DatasetRecord, Source, build, open_dataset
from models_ml.data.plan import SPLITS
from tests.reference import shared_path


def _record(folder: Path, source: Source, plan: DatasetPlan) -> DatasetRecord:
    record = build([source], plan, folder / "dataset")
    dataset = open_dataset(folder / "dataset")
    rows = {split: dataset.count(split) for split in SPLITS}
    assert sum(rows.values()) == record.report["kept"]
    assert rows["train"] > 0.7 * record.report["kept"]
    assert min(rows.values()) > 0
    assert [record.leak_check[f"{name}_across"] for name in ("groups", "equal", "near")] == [0, 0, 0]
    return record


def _drops(record: DatasetRecord) -> dict[str, int]:
    return {item["reason"]: item["count"] for item in record.report["dropped"]}


def _first_rows(folder: Path, path: Path, count: int) -> Path:
    import gzip
    from itertools import islice

    part = folder / path.name.removesuffix(".gz")
    with gzip.open(path, "rb") as packed:
        part.write_bytes(b"".join(islice(packed, count)))
    return part


def test_chinese_products(tmp_path: Path) -> None:
    path = shared_path("data", "zh_products", "zh_products.jsonl.gz")
    source = Source("catalogue", str(path), columns={"text": "title + attributes"})
    record = _record(tmp_path, source, DatasetPlan("text"))
    assert record.report["read"] == 2416
    assert record.report["kept"] > 2300
    assert set(record.counts["train"]["languages"]) == {"zh"}


def test_english_products(tmp_path: Path) -> None:
    path = shared_path("data", "flipkart", "flipkart_999.csv.gz")
    columns = {"text": "product_name + description", "group": "pid"}
    record = _record(tmp_path, Source("catalogue", str(path), columns=columns), DatasetPlan("text"))
    assert record.report["read"] == 999
    assert record.report["kept"] > 700
    assert _drops(record)["nearly equal to another row"] > 100
    assert set(record.counts["train"]["languages"]) == {"en"}


@pytest.mark.slow
def test_reviews_without_text_are_counted(tmp_path: Path) -> None:
    path = shared_path("data", "womens_reviews", "womens_clothing_reviews.csv.gz")
    columns = {"text": "Review Text", "group": "Clothing ID"}
    plan = DatasetPlan("text", near_duplicate_threshold=1)
    record = _record(tmp_path, Source("reviews", str(path), columns=columns), plan)
    assert record.report["read"] == 23_486
    assert _drops(record)["missing text"] == 845


def test_the_first_chinese_reviews_lose_their_byte_order_mark(tmp_path: Path) -> None:
    path = _first_rows(tmp_path, shared_path("data", "zh_reviews", "online_shopping_10_cats.csv.gz"), 1500)
    source = Source("labels", str(path), columns={"text": "review", "label": "label"})
    record = _record(tmp_path, source, DatasetPlan("labels", labels=("0", "1")))
    assert record.labels == ("0", "1")
    dataset = open_dataset(tmp_path / "dataset")
    assert not any("\ufeff" in row["text"] for split in SPLITS for row in dataset.rows(split))


@pytest.mark.slow
def test_all_chinese_reviews_have_one_empty(tmp_path: Path) -> None:
    path = shared_path("data", "zh_reviews", "online_shopping_10_cats.csv.gz")
    source = Source("labels", str(path), columns={"text": "review", "label": "cat"})
    record = _record(tmp_path, source, DatasetPlan("labels"))
    assert record.report["read"] == 62_774
    assert _drops(record)["missing text"] == 1
    assert len(record.labels) == 10


def test_attributes_to_copy(tmp_path: Path) -> None:
    path = _first_rows(tmp_path, shared_path("data", "advertisegen", "train5000.jsonl.gz"), 1500)
    source = Source("copy", str(path), columns={"prompt": "content", "answer": "summary"})
    record = _record(tmp_path, source, DatasetPlan("copy"))
    assert record.report["read"] == 1500
    assert record.report["kept"] > 1470
