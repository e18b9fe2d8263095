"""Small source files for the tests, and texts that differ enough to be no near-duplicates."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any

_WORDS = (
    "linen cotton oak lamp kettle chair soft warm light strong blue green red small large pocket handle lid collar "
    "sleeve steel glass paper wool brush table window garden travel morning evening kitchen office winter summer cover "
    "frame button zip strap sole heel cup plate bowl spoon knife towel blanket pillow shelf drawer mirror clock candle"
)
WORDS = _WORDS.split()
HAN = "轻柔舒适的棉麻衣裙适合夏天穿着通勤百搭设计简约大方保温杯子不锈钢材质防漏便携户外露营帐篷结实耐用收纳方便"


def sentence(number: int, *, words: int = 14) -> str:
    """An English text of its own for each number."""
    rng = Random(number)
    return "The " + " ".join(rng.choice(WORDS) for _ in range(words)) + f" is nice {rng.choice(WORDS)}."


def chinese(number: int) -> str:
    """A Chinese text of its own for each number."""
    rng = Random(number)
    return "".join(rng.choice(HAN) for _ in range(24)) + "。"


def write_csv(path: Path, rows: Iterable[Mapping[str, Any]]) -> Path:
    """A CSV file in UTF-8 whose columns are the keys of the first row."""
    listed = list(rows)
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, fieldnames=list(listed[0]))
        writer.writeheader()
        writer.writerows(listed)
    return path


def write_jsonl(path: Path, rows: Iterable[Any]) -> Path:
    """A JSON lines file."""
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def products(count: int, *, reviews: int = 3) -> list[dict[str, str]]:
    """Reviews of `count` products: {"sku", "text"}."""
    return [
        {"sku": f"p{product}", "text": sentence(product * 100 + review)}
        for product in range(count)
        for review in range(reviews)
    ]


def texts(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """The texts of rows."""
    return [str(row["text"]) for row in rows]
