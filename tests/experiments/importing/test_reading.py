"""What good files become: formats, kinds, row rules, repeats, keys, moments."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from experiments.importing.reading import read
from experiments.importing.request import metric_of
from experiments.stats.moments import Moments
from tests.experiments.importing.files import UNITS, imported, parquet, request, written

COLUMNS = {"unit": ["u1", "u2", "u3", "u4"], "arm": ["a", "a", "b", "b"], "converted": [1, 0, 1, 1]}


@pytest.mark.parametrize(
    ("content", "packed"),
    [
        (UNITS, False),
        (UNITS, True),
        ("\ufeff" + UNITS, False),
        (UNITS.replace(",", ";"), False),
        (UNITS.replace(",", "\t"), True),
        (UNITS.replace(",", "|"), False),
        (UNITS.replace("\n", "\r\n"), False),
        (UNITS.replace("u1,", '"u\n1",'), False),
        (UNITS + "\n\n", False),
        (UNITS.rstrip("\n"), False),
        (UNITS.replace("unit,", " unit ,"), False),
    ],
)
def test_all_dialects_give_the_same_moments(tmp_path: Path, content: str, packed: bool) -> None:
    path = written(tmp_path, content, packed=packed)
    found = read(path, request("converted=converted", "revenue=revenue:money", unit="unit"))
    arms = found.cleaned.experiments[0].arms
    assert [arm.label for arm in arms] == ["a", "b"]
    assert arms[0].moments == Moments.from_rows(("converted", "revenue"), [[1.0, 10.5], [0.0, 0.0]])
    assert arms[1].moments == Moments.from_rows(("converted", "revenue"), [[1, 7], [1, 3]])
    assert found.rows.kinds == {"converted": "share", "revenue": "money"}
    assert found.rows.refused() == {}


@pytest.mark.parametrize("packed", [False, True])
def test_parquet_with_its_own_types(tmp_path: Path, packed: bool) -> None:
    columns = {
        **COLUMNS,
        "converted": [True, False, True, True],
        "price": [Decimal("1.10"), None, Decimal(2), Decimal(3)],
    }
    path = parquet(tmp_path, columns, packed=packed)
    found = read(path, request("converted=converted", "price=price:money", empty="zero"))
    assert found.about["format"] == "Parquet"
    assert found.cleaned.experiments[0].arms[0].moments == Moments.from_rows(
        ("converted", "price"), [[1.0, 1.1], [0.0, 0.0]]
    )


def test_the_name_of_a_file_says_nothing(tmp_path: Path) -> None:
    path = written(tmp_path, parquet(tmp_path, COLUMNS).read_bytes(), "misnamed.csv.gz")
    assert read(path, request()).about == {"format": "Parquet", "packing": "none"}


def test_kinds_are_found_over_all_rows(tmp_path: Path) -> None:
    text = "arm,flag,bit,number\na,TRUE,1,1\na,no,0,0\nb,Yes,1,2.5\nb,f,1,1\n"
    found = imported(tmp_path, text, "flag=flag", "bit=bit", "number=number", "forced=bit:count")
    assert found.rows.kinds == {"flag": "share", "bit": "share", "number": "mean", "forced": "count"}
    assert [(one["kind"], one["format"]) for one in found.metrics] == [
        ("proportion", "share"), ("proportion", "share"), ("mean", "number"), ("mean", "number"),
    ]  # fmt: skip


def test_each_refused_row_has_one_reason_and_its_number(tmp_path: Path) -> None:
    text = (
        "unit,arm,converted,items\n"
        "u1,a,1,2\n"
        "u2,,1,2\n"  # 3
        "u3,a,maybe,2\n"  # 4
        "u4,a,,2\n"  # 5
        "u5,a,nan,2\n"  # 6
        "u6,a,7,2\n"  # 7
        "u7,a,1,-3\n"  # 8
        "u8,a,1,2.5\n"  # 9
        "u9,a,1\n"  # 10: too narrow
        ",b,1,2\n"  # 11
        "u11,b,1,1_000\n"  # 12
        "u12,b,0,4\n"
        "u13,a,0,1\n"
    )
    found = imported(tmp_path, text, "converted=converted:share", "items=items:count", unit="unit")
    assert found.rows.refused() == {
        "arm is empty": 1,
        "converted is not a number": 1,
        "converted is empty": 1,
        "converted is not a finite number": 1,
        "converted is not 0 or 1 (or true, false, yes, no)": 1,
        "items is negative": 1,
        "items is not a whole number": 1,
        "unit is empty": 1,
        "items is not a number": 1,
    }
    examples = {reason.sentence: reason.examples for reason in found.rows.ledger.reasons}
    assert examples["converted is not a number"] == ["row 4, column converted: 'maybe'"]
    assert examples["items is not a number"] == ["row 12, column items: '1_000'"]
    assert found.rows.misshapen == [(10, 3)]
    assert [arm.moments.n for arm in found.cleaned.experiments[0].arms] == [2, 1]


def test_rules_repeats_and_two_arms_are_cleaned_and_can_be_kept(tmp_path: Path) -> None:
    text = (
        "unit,arm,page,converted\n"
        "u1,a,old,1\n"
        "u2,a,new,1\n"  # breaks the rule
        "u3,b,new,0\n"
        "u3,b,new,1\n"  # repeated in its arm
        "u4,a,old,0\n"
        "u4,b,new,0\n"  # in both arms
        "u5,b,new,1\n"
        "u6,b,new,broken\n"
    )
    found = imported(
        tmp_path, text, rules=("arm=a:page=old", "arm=b:page=new"), unit="unit", uncleaned=True, control="b"
    )
    assert found.rows.refused() == {
        "the unit is in two arms": 2,
        "breaks the rule arm=a:page=old": 1,
        "converted is not a number": 1,
        "the unit is in another row of its arm (the first is used)": 1,
    }
    assert found.uncleaned is not None
    cleaned, uncleaned = found.cleaned.experiments[0], found.uncleaned.experiments[0]
    assert [(arm.label, arm.moments.n, arm.moments.total("converted")) for arm in cleaned.arms] == [
        ("b", 2, 1),
        ("a", 1, 1),
    ]
    assert [(arm.label, arm.moments.n, arm.is_control) for arm in uncleaned.arms] == [("b", 4, True), ("a", 3, False)]
    assert (cleaned.key, uncleaned.key) == ("test", "test-uncleaned")
    assert uncleaned.refused == {"converted is not a number": 1}


def test_the_last_row_of_a_unit_can_be_the_one(tmp_path: Path) -> None:
    text = "unit,arm,converted\nu1,a,0\nu1,a,1\nu2,b,0\n"
    assert imported(tmp_path, text, unit="unit").cleaned.experiments[0].arms[0].moments.mean("converted") == 0
    last = imported(tmp_path, text, unit="unit", duplicates="last")
    assert last.cleaned.experiments[0].arms[0].moments.mean("converted") == 1


def test_aggregated_rows_are_arms_or_parts_of_arms(tmp_path: Path) -> None:
    rows = "x,Hello,100,7,4.5,1\nx,Hello,50,9,3.5,0.5\ny,Same,10,1,1,0\ny,Other,10,0,2,0\n"
    text = "test,text,seen,clicks,stars,spread\n" + rows
    alone = imported(tmp_path, text, "ctr=clicks", arm=None, label="text", count="seen", experiment="test")
    first = alone.cleaned.experiments[0]
    assert [(arm.key, arm.label, arm.weight) for arm in first.arms] == [
        ("arm-1", "Hello", 0.5),
        ("arm-2", "Hello", 0.5),
    ]
    assert first.arms[1].moments == Moments.of_proportion("ctr", successes=9, n=50)
    assert [one.key for one in alone.cleaned.experiments] == ["test-x", "test-y"]

    joined = imported(tmp_path, text.replace("y,Same", "x,Same"), "ctr=clicks", "stars=stars:mean:spread", arm="text",
                      count="seen", experiment="test")  # fmt: skip
    hello = joined.cleaned.experiments[0].arms[0].moments
    assert hello.n == 150
    assert hello.total("ctr") == pytest.approx(16)
    whole = Moments.of_summary("stars", n=100, mean=4.5, variance=1) + Moments.of_summary(
        "stars", n=50, mean=3.5, variance=0.25
    )
    assert hello.select(("stars",)) == whole
    assert joined.cleaned.skipped == [("y", "it has only one arm ('Other'), so there is nothing to compare")]


def test_counts_that_cannot_be_are_refused(tmp_path: Path) -> None:
    text = "arm,seen,clicks\na,100,7\nb,100,101\nb,-5,1\nb,10.5,1\nb,90,8\n"
    found = imported(tmp_path, text, "ctr=clicks", count="seen")
    assert found.rows.refused() == {"clicks is above seen": 1, "seen is negative": 1, "seen is not a whole number": 1}
    assert found.cleaned.experiments[0].arms[1].moments.n == 90


def test_a_ratio_keeps_both_columns_together(tmp_path: Path) -> None:
    text = "arm,clicks,seen\na,1,3\na,0,5\nb,2,2\nb,1,4\n"
    found = imported(tmp_path, text, "ctr=clicks:ratio:seen")
    moments = found.cleaned.experiments[0].arms[0].moments
    assert moments == Moments.from_rows(("ctr", "ctr_denominator"), [[1, 3], [0, 5]])
    assert found.metrics[0] | {"label": ""} == {
        "key": "ctr", "label": "", "format": "number", "kind": "ratio", "numerator": "ctr",
        "denominator": "ctr_denominator", "direction": "increase",
    }  # fmt: skip


def test_weights_are_shares_of_the_arms(tmp_path: Path) -> None:
    found = imported(tmp_path, UNITS, weights=(("a", 4.0), ("b", 1.0)))
    assert [arm.weight for arm in found.cleaned.experiments[0].arms] == [0.8, 0.2]


def test_keys_are_slugs_that_do_not_depend_on_the_rest_of_the_file(tmp_path: Path) -> None:
    names = ["春天", "夏天", "Plain", "plain", "x" * 300, "😀 emoji"]
    rows = "".join(f"{name},{arm},1\n" for name in names for arm in ("对照组", "新版"))
    found = imported(tmp_path, "test,arm,converted\n" + rows, experiment="test")
    keys = [one.key for one in found.cleaned.experiments]
    assert len(set(keys)) == 6
    assert all(len(key) <= 80 and key.isascii() for key in keys)
    assert keys[2] == "test-plain"
    alone = imported(tmp_path, "test,arm,converted\n夏天,a,1\n夏天,b,1\n", experiment="test")
    assert alone.cleaned.experiments[0].key == keys[1]
    arms = found.cleaned.experiments[0].arms
    assert [arm.label for arm in arms] == ["对照组", "新版"]
    assert len({arm.key for arm in arms}) == 2
    assert max(len(one.name) for one in found.cleaned.experiments) <= 200


def test_a_very_long_cell_and_letters_of_four_bytes_are_read(tmp_path: Path) -> None:
    text = f"test,arm,note,converted\nt,a😀,{'x' * 100_000},1\nt,b,short,0\n"
    found = imported(tmp_path, text, label="note")
    arms = found.cleaned.experiments[0].arms
    assert arms[0].label == "x" * 100_000
    assert len(arms[0].name) == 200
    assert imported(tmp_path, text).cleaned.experiments[0].arms[0].label == "a😀"


def test_many_chunks_read_as_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The fast way in chunks against the plain way in one."""
    rng = np.random.default_rng(7)
    lines = [f"u{rng.integers(0, 400)},{'ab'[rng.integers(0, 2)]},{rng.integers(0, 2)}\n" for _ in range(1000)]
    text = "unit,arm,converted\n" + "".join(lines)
    whole = imported(tmp_path, text, unit="unit")
    monkeypatch.setattr("experiments.importing.delimited.CHUNK_ROWS", 37)
    parts = imported(tmp_path, text, unit="unit")
    assert parts.cleaned.experiments == whole.cleaned.experiments
    assert parts.rows.refused() == whole.rows.refused()
    assert whole.rows.refused()["the unit is in two arms"] > 300


def test_what_is_on_the_command_line_is_read() -> None:
    assert metric_of("x=y").kind == "auto"
    assert metric_of("x=a column:ratio:other").columns == ("a column", "other")
