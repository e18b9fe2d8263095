"""The yardstick itself: its checks on texts with known answers, and its figures for the shipped model."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from models_ml.brief import Brief, Offer, Product
from models_ml.nn.evaluation import CHECKS, checks, greedy_is_stable, main, recited, samples
from models_ml.nn.loading import SHIPPED, LoadedModel
from models_ml.nn.overlap import KnownText, items, sentences

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
        (
            "theme: a\nheadline: Hi\nbody: {discount}\ncta: Go",
            set(CHECKS) - {"names the product", "carries offer and facts"},
        ),
        ("theme: a\nheadline: {product}\nbody: Nice.\ncta: Go", set(CHECKS) - {"carries offer and facts"}),
        (
            "theme: a\nheadline: {product}\nbody: Silk, {discount} off.\ncta: Go",
            set(CHECKS) - {"passes the fact check"},
        ),
        (
            "theme: a\nheadline: {product}\nbody: {discount} {price}\ncta: Go",
            {"parses", "names the product", "reads clean"},
        ),
    ],
)  # fmt: skip
def test_checks_tell_apart_what_is_wrong(text: str, passed: set[str]) -> None:
    assert {name for name, holds in checks(BRIEF, text).items() if holds} == passed


def test_figures_of_the_shipped_model(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    folder = Path(shutil.copytree(SHIPPED, tmp_path / "copy"))
    assert main(["--model", str(folder), "--briefs", "12", "--n", "4", "--no-recital", "--write"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["of briefs, best of 4"]["passes all"] >= 0.75
    assert figures["draws equal to another of their brief"] <= 0.1
    assert figures["greedy is stable"] is True
    assert {"en", "zh"} <= figures["best of 4 passes all"].keys()
    assert json.loads((folder / "evaluation.json").read_text()) == figures
    card = (folder / "README.md").read_text()
    assert "--briefs 12 --n 4 --seed 11" in card
    assert f"| of briefs, best of 4: passes all | {figures['of briefs, best of 4']['passes all']:.1%} |" in card


def test_the_shipped_folder_states_the_figures_issue_5_asks_for() -> None:
    figures = json.loads((SHIPPED / "evaluation.json").read_text())
    assert (figures["briefs"], figures["draws a brief"]) == (200, 8)
    assert figures["of briefs, best of 8"]["passes all"] >= 0.95
    assert all(share >= 0.95 for name, share in figures["best of 8 passes all"].items() if name in ("en", "zh"))
    assert figures["draws equal to another of their brief"] == 0
    assert figures["greedy is stable"] is True
    assert set(figures["also in the training text"]["zh"]) == {"8-grams", "12-grams", "sentences"}


def test_candidates_are_shown_with_their_brief_and_filled(
    shipped: LoadedModel, capsys: pytest.CaptureFixture[str]
) -> None:
    once = samples(shipped, 3, seed=4)
    assert once == samples(shipped, 3, seed=4)
    assert len(once) == 3
    for text in once:
        head, *lines = text.splitlines()
        assert head.startswith("[en " if head[1:3] == "en" else "[zh ")
        assert [line.split(":")[0].strip() for line in lines] == ["theme", "headline", "body", "call_to_action"]
        assert "{" not in text
    assert main(["--show", "1", "--seed", "4"]) == 0
    assert capsys.readouterr().out.count("headline:") == 1


def test_what_stands_in_known_text_is_counted_in_words_characters_and_slots() -> None:
    assert items("en", "Save {discount} now.") == ("Save", "{discount}", "now.")
    assert items("zh", "享{discount}，好") == ("享", "{discount}", "，", "好")
    assert sentences("Take it. Why not? 好的。走！End") == ["Take it.", "Why not?", "好的。", "走！", "End"]
    frame = "theme: t\nheadline: h\nbody: {body}\ncta: c"
    known = KnownText("en")
    known.add(frame.replace("{body}", "a b c d e f g h i. Now."))
    assert known.shares([frame.replace("{body}", "a b c d e f g h x. Now.")]) == {
        "8-grams": pytest.approx(1 / 3), "12-grams": 0.0, "sentences": 0.5,
    }  # fmt: skip
    assert known.shares([frame.replace("{body}", "a b c d e f g h i. Now.")])["8-grams"] == 1.0
    assert known.shares(["no copy at all"]) == {}


def test_recital_reads_the_training_text_of_both_stages(tiny: LoadedModel, tiny_folder: Path) -> None:
    shares = recited(tiny, tiny_folder, briefs=2)
    assert set(shares) == {"en", "zh"}
    assert all(0 <= share <= 1 for found in shares.values() for share in found.values())


def test_greedy_is_stable_on_the_tiny_model(tiny: LoadedModel) -> None:
    assert greedy_is_stable(tiny)


def test_an_unusable_model_is_a_sentence_and_two(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--model", str(tmp_path)]) == 2
    assert "holds no config.json" in capsys.readouterr().err
