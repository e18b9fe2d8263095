"""Files and requests that cannot be used: one sentence that names the row and column, or the option."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from core.errors import InvalidInput
from experiments.importing.reading import read
from experiments.importing.request import metric_of, read_mapping, request_of, rule_of, weight_of
from tests.experiments.importing.files import UNITS, imported, parquet, request, written

NOT_UTF8 = UNITS.encode().replace(b"u3,b", b"u3,b\xe9\xff")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        ("\n\n\n", "blank lines only"),
        ("unit,arm,converted\n", "has a header and no rows"),
        ("only\n1\n", "row 1: only one column is found"),
        ("arm,converted,arm\na,1,b\n", "row 1: columns 1 and 3 are both named 'arm'"),
        (",,\n1,2,3\n", "row 1: no column has a name"),
        ("unit,arm,revenue\n", "--metric converted: the file has no column 'converted'"),
        ("arms,converted\na,1\n", "--arm: the file has no column 'arm'; did you mean 'arms'"),
        ("arm,converted\na,1\na,0\n", "arm: it has only one arm ('a'), so there is nothing to compare"),
        ("arm,converted\na,x\nb,z\n", "row 2, column converted: 'x': converted is not a number; all 2 rows"),
        ("arm,converted\na\nb\n", "row 2: has 1 cells"),
        (NOT_UTF8, "row 4, column arm: these bytes are not UTF-8"),
        (b"arm,conv\xe9\na,1\n", "row 1, column 2: these bytes are not UTF-8"),
        (UNITS.encode("utf-16"), "UTF-16"),
        (b"PK\x03\x04rest of a zip", "Excel workbook"),
        (b"\x00\x01\x02arm,converted", "not a text file"),
        (b"\x1f\x8b\x08\x00garbage that is no gzip", "begins as gzip but is cut off or damaged"),
        (b"PAR1" + b"\0" * 50, "damaged or cut off Parquet"),
        ('arm,converted\na,1\nb,"0\nc,1\n', "row 3: the file ends within a quoted cell"),
        ('arm,converted\na,1\n"b"x,0\n', "row 3: text follows the closing quote"),
        ("arm,converted\na," + "1" * 1_100_000 + "\n", "row 2: a cell is longer than 1,000,000"),
        ("arm,converted\n" + "".join(f"{n},1\n" for n in range(201)), "arm: it has 201 arms (at most 200)"),
    ],
)
def test_a_file_that_cannot_be_used_is_a_sentence(tmp_path: Path, content: str | bytes, words: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        imported(tmp_path, content)
    assert words in caught.value.message


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_files_cut_off_in_the_middle(tmp_path: Path, share: float) -> None:
    columns = {"arm": ["a", "b"] * 5000, "converted": list(range(10_000))}
    rows = "arm,converted\n" + "".join(f"{'ab'[n % 2]},{n}\n" for n in range(10_000))
    for whole in (
        parquet(tmp_path, columns),
        written(tmp_path, rows, packed=True),
        parquet(tmp_path, columns, packed=True),
    ):
        data = whole.read_bytes()
        with pytest.raises(InvalidInput, match="cut off"):
            read(written(tmp_path, data[: int(len(data) * share)], "cut"), request())


def test_what_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="cannot be read"):
        read(tmp_path / "nothing.csv", request())
    with pytest.raises(InvalidInput, match="is a folder"):
        read(tmp_path, request())


def test_nested_and_broken_parquet_columns(tmp_path: Path) -> None:
    nested = parquet(tmp_path, {"arm": ["a", "b"], "converted": [[1], [0]]})
    with pytest.raises(InvalidInput, match="column converted: holds list"):
        read(nested, request())
    broken = parquet(tmp_path, {"arm": [b"a", b"\xff"], "converted": [1, 0]})
    with pytest.raises(InvalidInput, match="row 2, column arm: these bytes are not UTF-8"):
        read(broken, request())


def test_parquet_text_that_breaks_its_own_rule(tmp_path: Path) -> None:
    broken = pa.Array.from_buffers(pa.string(), 2, pa.array([b"a", b"\xff"]).buffers())
    with pytest.raises(InvalidInput, match="row 2, column arm: these bytes are not UTF-8"):
        read(parquet(tmp_path, {"arm": broken, "converted": [1, 0]}), request())


def test_letters_that_no_database_takes(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="row 1: the name of a column has a NUL"):
        imported(tmp_path, "arm,conv\0erted\na,1\n", delimiter=",")
    text = "arm,converted\na,1\na\0,1\nb,0\n"
    found = imported(tmp_path, text, delimiter=",")
    assert found.rows.refused() == {"arm has a NUL character": 1}
    with pytest.raises(InvalidInput, match="control: has letters that cannot be stored"):
        request(control="\ud800")


def test_numbers_beyond_belief_are_refused(tmp_path: Path) -> None:
    text = "arm,money,items\na,1e300,1\na,1,1e13\na,1e15,5\nb,-1e16,1\nb,2,1\n"
    found = imported(tmp_path, text, "money=money:money", "items=items:count")
    assert found.rows.refused() == {"money is too large to be true": 2, "items is too large to be true": 1}


def test_names_that_the_file_does_not_have(tmp_path: Path) -> None:
    text = UNITS.replace(",a,", ",control,")
    with pytest.raises(InvalidInput, match="control: no arm is named 'contrl'; did you mean 'control'"):
        imported(tmp_path, text, control="contrl")
    with pytest.raises(InvalidInput, match="weight: no arm is named 'z'"):
        imported(tmp_path, text, weights=(("z", 1.0),))


def test_repeats_may_be_an_error(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="row 3, column unit: the unit was in a row above; 1 rows repeat one"):
        imported(tmp_path, "unit,arm,converted\nu1,a,1\nu1,a,1\nu2,b,0\n", unit="unit", duplicates="error")


def test_a_letter_cut_at_the_end_of_what_is_sniffed(tmp_path: Path) -> None:
    text = "arm,converted,note\na,1,x\nb,0," + "字" * 100_000 + "\n"
    assert len(imported(tmp_path, text).cleaned.experiments) == 1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"metrics": ()}, "metric: at least one"),
        ({"arm": None}, "arm: needed"),
        ({"unit": "u", "count": "c"}, "unit: an aggregated file"),
        ({"duplicates": "last"}, "duplicates: needs --unit"),
        (
            {"unit": "u", "duplicates": "frist"},
            "duplicates: 'frist' is not one of first, last, error; did you mean 'first'",
        ),
        ({"goal": "b"}, "goal: 'b' is not one of a"),
        ({"delimiter": ";;"}, "delimiter: must be one character"),
        ({"currency": "usd"}, "currency: 'usd'"),
        ({"metrics": (metric_of("a=x"), metric_of("a=y"))}, "named twice"),
        ({"metrics": (metric_of("a=x:shares"),)}, "metric a: 'shares' is not one of"),
        ({"metrics": (metric_of("a=x:ratio"),)}, "metric a: ratio needs a denominator column"),
        ({"metrics": (metric_of("a=x:mean:y"),)}, "metric a: mean takes no second column"),
        (
            {"count": "n", "metrics": (metric_of("a=x:mean"),)},
            "metric a: mean needs a column with the standard deviation",
        ),
        ({"count": "n", "metrics": (metric_of("a=x:ratio:y"),)}, "cannot be had from an aggregated file"),
    ],
)
def test_requests_that_contradict_themselves(options: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        request_of({"key": "k", "name": "n", "arm": "arm", "metrics": (metric_of("a=x"),), **options})
    assert words in caught.value.message


@pytest.mark.parametrize("text", ["x", "=y", "x=", "x y=z", "x=a:b:c:d", "é=y"])
def test_metrics_that_cannot_be_read(text: str) -> None:
    with pytest.raises(InvalidInput, match="metric"):
        metric_of(text)


def test_rules_and_weights_that_cannot_be_read() -> None:
    for text in ("a=b", "a=b:c", ":a=b", "=b:c=d"):
        with pytest.raises(InvalidInput, match="require"):
            rule_of(text)
    for text in ("a", "a=0", "a=x", "=1", "a=nan", "a=inf"):
        with pytest.raises(InvalidInput, match="weight"):
            weight_of(text)


def test_a_mapping_file(tmp_path: Path) -> None:
    toml = (
        'arm = "group"\nunit = "id"\nuncleaned = true\n[metrics]\nbuy = "bought"\n'
        'aov = {column = "a:b", kind = "ratio", second = "n"}\n'
        '[[rules]]\nwhere = {group = "a"}\nmust = {page = "b", lang = "en"}\n[weights]\na = 2\n'
    )
    options = read_mapping(written(tmp_path, toml, "map.toml"))
    found = request_of({"key": "k", "name": "n", **options})
    assert [metric.columns for metric in found.metrics] == [("bought",), ("a:b", "n")]
    assert (str(found.rules[0]), found.weights, found.uncleaned) == ("group=a:page=b,lang=en", (("a", 2.0),), True)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "neither JSON nor TOML"),
        ("[1]", "must hold an object"),
        ('{"metrcs": {}}', "mapping.metrcs: is not known; did you mean 'metrics'"),
        ('{"arm": 5}', "mapping.arm: 5 is not of the right type"),
        ('{"metrics": {"a": {"kind": "share"}}}', "mapping.metrics.a"),
        ('{"metrics": {"a": {"column": 7}}}', "mapping.metrics.a"),
        ('{"rules": [{"where": {"a": "b"}}]}', "mapping.rules.1"),
        (b'{"arm": "\xff"}', "is not UTF-8"),
        ("[" * 100_000, "mapping"),
    ],
)
def test_mapping_files_that_cannot_be_used(tmp_path: Path, content: str | bytes, words: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        read_mapping(written(tmp_path, content, "map.json"))
    assert words in caught.value.message
    with pytest.raises(InvalidInput, match="cannot be read"):
        read_mapping(tmp_path / "none.json")
    assert json.loads('{"a": 1}') == {"a": 1}
