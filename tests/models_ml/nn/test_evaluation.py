"""The yardstick itself: its checks on texts with known answers, and its figures for the shipped model."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from models_ml.brief import Brief, Offer, Product
from models_ml.nn.evaluation import CHECKS, checks, greedy_is_stable, main
from models_ml.nn.loading import SHIPPED, LoadedModel

BRIEF = Brief("en", "search_ad", Product("Halden Flask"), offer=Offer("percent", "20%"))


@pytest.mark.parametrize(
    ("text", "passed"),
    [
        ("theme: a\nheadline: {product}\nbody: Save {discount}.\ncta: Go", set(CHECKS)),
        ("theme: a\nheadline: {product}", set()),
        (
            "theme: a\nheadline: {product} {product} {product}\nbody: {discount}\ncta: Go",
            set(CHECKS) - {"fits the channel"},
        ),
        ("theme: a\nheadline: Hi\nbody: {discount}\ncta: Go", {"parses", "fits the channel", "reads clean"}),
        ("theme: a\nheadline: {product}\nbody: Nice.\ncta: Go", set(CHECKS) - {"carries offer and facts"}),
        (
            "theme: a\nheadline: {product}\nbody: {discount} {price}\ncta: Go",
            {"parses", "names the product", "reads clean"},
        ),
    ],
)
def test_checks_tell_apart_what_is_wrong(text: str, passed: set[str]) -> None:
    assert {name for name, holds in checks(BRIEF, text).items() if holds} == passed


def test_figures_of_the_shipped_model(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    folder = Path(shutil.copytree(SHIPPED, tmp_path / "copy"))
    assert main(["--model", str(folder), "--briefs", "12", "--n", "4", "--no-recital", "--write"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["of briefs, best of 4"]["passes all"] >= 0.75
    assert figures["draws equal to another of their brief"] <= 0.1
    assert figures["greedy is stable"] is True
    assert json.loads((folder / "evaluation.json").read_text()) == figures
    card = (folder / "README.md").read_text()
    assert "--briefs 12 --n 4 --seed 11" in card
    assert f"| of briefs, best of 4: passes all | {figures['of briefs, best of 4']['passes all']:.1%} |" in card


def test_greedy_is_stable_on_the_tiny_model(tiny: LoadedModel) -> None:
    assert greedy_is_stable(tiny)


def test_an_unusable_model_is_a_sentence_and_two(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--model", str(tmp_path)]) == 2
    assert "holds no config.json" in capsys.readouterr().err
