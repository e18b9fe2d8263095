"""The labelled cases: their number and balance, recall and precision, and the page that reports them."""

from __future__ import annotations

from pathlib import Path

import pytest

from models_ml.fact_check import KINDS
from tests.models_ml.fact_check.cases import HELD_OUT, TUNED, Case, cases, findings, score
from tests.models_ml.fact_check.reporting import shares, table

BEGIN, END = "<!-- table -->", "<!-- end of table -->"
PAGE = Path(__file__).resolve().parents[3] / "docs" / "fact-check.md"


def name(case: Case) -> str:
    """A short name for a case's test."""
    return f"{case.support}: {case.text}"[:60]


@pytest.mark.parametrize("case", cases(*TUNED), ids=name)
def test_each_case_gives_its_findings(case: Case) -> None:
    assert [(finding.kind, finding.excerpt) for finding in findings(case)] == list(case.expect)


def test_the_cases_are_many_and_half_of_them_are_hard_negatives() -> None:
    tuned, held_out = cases(*TUNED), cases(*HELD_OUT)
    assert len(tuned) >= 240
    assert len(held_out) >= 80
    for chosen in (tuned, held_out):
        for language in ("en", "zh"):
            own = [case for case in chosen if case.language == language]
            assert len(own) >= 40
            assert sum(not case.expect for case in own) >= 0.4 * len(own)
    assert sum(not case.expect for case in tuned) >= 0.5 * len(tuned)
    assert len({(case.text, case.support) for case in (*tuned, *held_out)}) == len(tuned) + len(held_out)


def test_every_kind_is_labelled() -> None:
    assert {kind for case in cases(*TUNED) for kind, _ in case.expect} == set(KINDS)


def test_recall_and_precision_over_all_cases() -> None:
    total = score(cases(*TUNED, *HELD_OUT))["both", "all"]
    assert total.recall >= 0.98, total.examples
    assert total.precision >= 0.98, total.examples


def test_recall_and_precision_over_the_held_out_cases() -> None:
    total = score(cases(*HELD_OUT))["both", "all"]
    assert total.recall >= 0.95, total.examples
    assert total.precision >= 0.9, total.examples


def test_held_out_texts_are_blocked_and_let_through() -> None:
    blocked, passed = shares(cases(*HELD_OUT))
    assert blocked >= 0.95
    assert passed >= 0.93


def test_the_page_holds_the_table_as_printed() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert text.split(BEGIN)[1].split(END)[0].strip() == table().strip()
