"""Near-duplicates: found where they are, not found where they are not, whatever the order; sets and splits."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models_ml.data import DataError
from models_ml.data.near import (
    MOST_MISSED,
    NearTexts,
    RowTexts,
    Sets,
    jaccard,
    miss_chance,
    rows_a_band,
    shingles,
)
from models_ml.data.shards import RowFile
from models_ml.data.splitting import assign, join_equal
from models_ml.nn.progress import Cancelled, never
from tests.models_ml.data.files import chinese, sentence


def _joined(folder: Path, texts: list[str], *, threshold: float = 0.8, kinds: list[str] | None = None) -> list[int]:
    path = folder / "rows.jsonl"
    rows = [{"text": text, "label": kind} for text, kind in zip(texts, kinds or [""] * len(texts), strict=True)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    sets = Sets(len(texts))
    with RowFile([path]) as file:
        source = RowTexts(file, range(len(texts)), by_kind=True)
        NearTexts(source, folder / "index", threshold=threshold, should_stop=never).join_all(sets)
    return [int(root) for root in sets.roots()]


def test_shingles_of_words_and_characters() -> None:
    assert shingles("A soft, warm Lamp") == {"a soft warm", "soft warm lamp"}
    assert shingles("轻柔衬衫") == {"轻 柔 衬", "柔 衬 衫"}
    assert shingles("新款iPhone 壳") == {"新 款 iphone", "款 iphone 壳"}
    assert shingles("Lamp") == {"lamp"}
    assert shingles("") == {""}


def test_jaccard() -> None:
    assert jaccard(frozenset("abc"), frozenset("bcd")) == 0.5
    assert jaccard(frozenset(), frozenset()) == 1.0


@pytest.mark.parametrize("threshold", [0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99])
def test_bands_miss_less_than_one_pair_in_a_million(threshold: float) -> None:
    rows = rows_a_band(threshold)
    assert miss_chance(threshold, rows) <= MOST_MISSED
    assert rows == 16 or miss_chance(threshold, rows + 1) > MOST_MISSED


def test_the_bands_of_the_default() -> None:
    assert rows_a_band(0.8) == 4
    assert miss_chance(0.8, 4) == pytest.approx(4.75e-8, rel=0.01)


def test_joins_near_texts_of_both_languages(tmp_path: Path) -> None:
    long = sentence(1, words=60)
    zh = "".join(chinese(number) for number in range(4))
    texts = [
        long,
        sentence(2, words=60),
        long.replace("is nice", "is fine"),
        zh,
        zh.replace("。", "！") + "好",
        chinese(9),
    ]
    assert _joined(tmp_path, texts) == [0, 1, 0, 3, 3, 5]


def test_keeps_kinds_apart(tmp_path: Path) -> None:
    text = sentence(1, words=60)
    assert _joined(tmp_path, [text, text + " ok", text + " so"], kinds=["a", "b", "a"]) == [0, 1, 0]


def test_agrees_with_comparing_all_pairs(tmp_path: Path) -> None:
    base = [sentence(number, words=30).split() for number in range(12)]
    texts = [
        " ".join(words[:cut] + ["changed"] * (copy > 0) + words[cut + copy :])
        for words in base
        for copy, cut in enumerate((0, 3, 29, 12))
    ]
    sets = Sets(len(texts))
    for one, other in itertools.combinations(range(len(texts)), 2):
        if jaccard(shingles(texts[one]), shingles(texts[other])) >= 0.7:
            sets.join(one, other)
    assert _joined(tmp_path, texts, threshold=0.7) == sets.roots().tolist()
    assert len(set(sets.roots().tolist())) == 12


def test_many_equal_texts_are_joined_in_little_time(tmp_path: Path) -> None:
    text = sentence(1, words=40)
    assert set(_joined(tmp_path, [text] * 2000)) == {0}


def test_stops_when_asked(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"text": "a"}\n', encoding="utf-8")
    with RowFile([path]) as file, pytest.raises(Cancelled):
        NearTexts(RowTexts(file, [0], by_kind=False), tmp_path / "i", threshold=0.8, should_stop=lambda: True)


@given(st.lists(st.tuples(st.integers(0, 19), st.integers(0, 19)), max_size=40))
@settings(max_examples=100, deadline=None)
def test_sets_are_the_components_and_bear_their_smallest_name(pairs: list[tuple[int, int]]) -> None:
    sets = Sets(20)
    for one, other in pairs:
        sets.join(one, other)
    expected = list(range(20))  # by flooding
    for _ in range(20):
        for one, other in pairs:
            expected[one] = expected[other] = min(expected[one], expected[other])
    assert sets.roots().tolist() == expected


def test_join_equal() -> None:
    sets = Sets(5)
    join_equal(sets, np.array([0, 2, 3, 4]), np.array([9, 7, 9, 7], dtype=np.uint64))
    assert sets.roots().tolist() == [0, 1, 2, 0, 2]


def test_shares_are_met_over_many_groups() -> None:
    groups = np.arange(20_000, dtype=np.uint64)
    parts = assign(np.arange(20_000), groups, shares=(0.8, 0.1, 0.1), seed=1)
    assert [round(float((parts == index).mean()), 2) for index in range(3)] == [0.8, 0.1, 0.1]


def test_a_group_stays_in_its_split_when_others_come() -> None:
    small = assign(np.arange(1000), np.arange(1000, dtype=np.uint64), shares=(0.8, 0.1, 0.1), seed=1)
    large = assign(np.arange(3000), np.arange(3000, dtype=np.uint64), shares=(0.8, 0.1, 0.1), seed=1)
    assert small.tolist() == large[:1000].tolist()
    other = assign(np.arange(1000), np.arange(1000, dtype=np.uint64), shares=(0.8, 0.1, 0.1), seed=2)
    assert small.tolist() != other.tolist()


@pytest.mark.parametrize("seed", range(20))
def test_no_split_stays_empty_even_with_three_groups(seed: int) -> None:
    parts = assign(np.arange(3), np.arange(3, dtype=np.uint64), shares=(0.8, 0.1, 0.1), seed=seed)
    assert sorted(parts.tolist()) == [0, 1, 2]


def test_a_split_without_share_gets_nothing() -> None:
    parts = assign(np.arange(500), np.arange(500, dtype=np.uint64), shares=(0.9, 0.0, 0.1), seed=1)
    assert set(parts.tolist()) == {0, 2}


def test_too_few_groups_are_refused() -> None:
    with pytest.raises(DataError, match=r"form 2 separate group\(s\), too few for 3 splits") as caught:
        assign(np.array([0, 0, 2]), np.array([1, 1, 2], dtype=np.uint64), shares=(0.8, 0.1, 0.1), seed=1)
    assert caught.value.field == "group"
