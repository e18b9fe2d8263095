"""Rows by task: what each holds, and every reason for which one is dropped."""

from __future__ import annotations

import json
from typing import Any

import pytest

from models_ml.brief import Brief, Product, messages, parse
from models_ml.data import DataError, DatasetPlan
from models_ml.data.reading import RawRow
from models_ml.data.rows import Dropped, RowMaker, compared, identity, kind, text_of

BRIEF = Brief("en", "email", Product("Oak Lamp", "lamps", {"note": "ask ann@example.com"}))


def _make(task: str, values: dict[str, Any], **plan: Any) -> dict[str, Any]:
    language = plan.pop("source_language", None)
    columns = {name: (name,) for name in values}
    maker = RowMaker(DatasetPlan(task, **plan), columns, "a.csv", language)
    return maker.make(RawRow(7, values))


def test_text_row() -> None:
    assert _make("text", {"text": "<b>Soft</b> shirt, mail ann@example.com", "group": 12}) == {
        "text": "Soft shirt, mail [EMAIL]",
        "language": "en",
        "group": "12",
    }


def test_personal_data_stays_when_asked() -> None:
    assert _make("text", {"text": "mail ann@example.com"}, mask_personal=False)["text"] == "mail ann@example.com"


def test_label_row() -> None:
    row = _make("labels", {"text": "很好用的保温杯", "label": 1, "group": "p1"}, labels=("0", "1"))
    assert row == {"text": "很好用的保温杯", "label": "1", "language": "zh", "group": "p1"}


def test_a_label_outside_the_set_names_line_and_label() -> None:
    with pytest.raises(DataError, match=r"a\.csv, line 7: the label 'fine' is outside the set good, bad") as caught:
        _make("labels", {"text": "a shirt", "label": "fine"}, labels=("good", "bad"))
    assert caught.value.field == "labels"


def test_copy_row_from_prompt_and_answer() -> None:
    row = _make("copy", {"prompt": "类型#裙", "answer": "轻柔的裙子"})
    assert row["messages"] == [{"role": "user", "content": "类型#裙"}, {"role": "assistant", "content": "轻柔的裙子"}]
    assert row["language"] == "zh"


def test_copy_row_from_messages_as_list_or_text() -> None:
    chat = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hi"}]
    chat.append({"role": "assistant", "content": "Hello to you"})
    assert _make("copy", {"messages": chat})["messages"] == chat
    assert _make("copy", {"messages": json.dumps(chat)})["messages"] == chat


@pytest.mark.parametrize("as_text", [True, False])
def test_copy_row_from_a_brief_is_what_the_model_is_asked_later(as_text: bool) -> None:
    cell: object = json.dumps(BRIEF.to_json()) if as_text else BRIEF.to_json()
    parts = {
        "theme": "Warm light",
        "headline": "Meet {product}",
        "body": "Light for\nlate hours.",
        "call_to_action": "See it",
    }
    row = _make("copy", {"brief": cell, **parts, "group": "lamp"})
    asked = messages(BRIEF)
    assert row["messages"][0] == asked[0]
    assert row["messages"][1]["content"] == asked[1]["content"].replace("ann@example.com", "[EMAIL]")
    answer = row["messages"][2]["content"]
    assert answer == "theme: Warm light\nheadline: Meet {product}\nbody: Light for late hours.\ncta: See it"
    assert parse(answer) == parse(answer.replace("cta", "call to action"))


def test_pair_row() -> None:
    row = _make("pairs", {"prompt": "A headline", "chosen": "Soft linen", "rejected": "Buy linen", "weight": "2.5"})
    assert row == {
        "messages": [{"role": "user", "content": "A headline"}],
        "chosen": "Soft linen",
        "rejected": "Buy linen",
        "weight": 2.5,
        "language": "en",
        "group": row["group"],
    }
    assert _make("pairs", {"brief": BRIEF.to_json(), "chosen": "Soft", "rejected": "Buy"})["weight"] == 1.0


def test_without_a_group_equal_texts_and_equal_prompts_share_one() -> None:
    one, two = _make("text", {"text": "Soft Linen!"}), _make("text", {"text": "soft linen"})
    assert one["group"] == two["group"]
    assert one["group"].startswith("text-")
    first = _make("copy", {"prompt": "lamp", "answer": "A warm light"})
    second = _make("copy", {"prompt": "lamp", "answer": "A bright light"})
    assert first["group"] == second["group"]
    assert first["group"] != _make("copy", {"prompt": "cup", "answer": "A warm light"})["group"]


def test_group_by_text_does_not_read_the_group() -> None:
    row = _make("text", {"text": "soft linen", "group": "p1"}, group_by="text")
    assert row["group"].startswith("text-")


@pytest.mark.parametrize("group", ["ann@example.com", "+44 20 7946 0958", "x" * 300])
def test_a_group_that_names_a_person_or_is_too_long_is_hidden(group: str) -> None:
    row = _make("text", {"text": "soft linen", "group": group})
    assert row["group"].startswith("hidden-")
    assert group[:4] not in row["group"]
    assert row["group"] == _make("text", {"text": "other linen", "group": group})["group"]
    assert row["group"] != _make("text", {"text": "soft linen", "group": f"{group}1"})["group"]


TEXT = {"text": "a soft shirt for you"}
SIDES = {"chosen": "a b", "rejected": "c d"}
SIDES_ZH = {"chosen": "轻柔的衬衫", "rejected": "买衬衫"}
PAIR = {"prompt": "p q", **SIDES}
CHAT = [{"role": "user", "content": "Hi"}]


@pytest.mark.parametrize(
    ("task", "values", "plan", "reason"),
    [
        ("text", {"text": None}, {}, "missing text"),
        ("text", {"text": float("nan")}, {}, "missing text"),
        ("text", {"text": "<br>"}, {}, "missing text"),
        ("text", {"text": "N/A"}, {}, "missing text"),
        ("text", {"text": "caf\ufffd is open"}, {}, "broken characters in text"),
        ("text", {"text": "x"}, {}, "text too short"),
        ("text", {"text": "word " * 40}, {"most_characters": 100}, "text too long"),
        ("text", {"text": "x" * 1_000_001}, {}, "text too long"),
        ("text", {"text": "12,345"}, {}, "no words"),
        ("text", {"text": "…！？"}, {}, "no words"),
        ("text", {"text": "Das ist sehr weich und leicht"}, {}, "another language"),
        ("text", {"text": "轻柔的衬衫"}, {"languages": ("en",)}, "another language"),
        ("labels", {**TEXT, "label": None}, {}, "missing label"),
        ("labels", {**TEXT, "label": "\ud800"}, {}, "missing label"),
        ("copy", {"prompt": "", "answer": "yes"}, {}, "missing prompt"),
        ("copy", {"prompt": "lamp", "answer": ""}, {}, "missing answer"),
        ("copy", {"messages": "no json"}, {}, "messages are no list of role and content"),
        ("copy", {"messages": [{"role": "user"}]}, {}, "messages are no list of role and content"),
        ("copy", {"messages": None}, {}, "messages are no list of role and content"),
        ("copy", {"messages": CHAT}, {}, "messages do not go from a user to an answer of the assistant"),
        ("copy", {"messages": []}, {}, "messages do not go from a user to an answer of the assistant"),
        (
            "pairs",
            {"prompt": "p q", "chosen": "Same!", "rejected": "same"},
            {},
            "chosen and rejected are the same text",
        ),
        ("pairs", {**PAIR, "weight": 0}, {}, "weight is not a number above 0"),
        ("pairs", {**PAIR, "weight": "x"}, {}, "weight is not a number above 0"),
        ("pairs", {**PAIR, "weight": "inf"}, {}, "weight is not a number above 0"),
        ("pairs", {**SIDES, "brief": "{}"}, {}, "the brief cannot be read"),
        ("pairs", {**SIDES, "brief": "[" * 99_999}, {}, "the brief cannot be read"),
        ("pairs", {**SIDES_ZH, "brief": BRIEF.to_json()}, {}, "not in the language of its brief"),
    ],
)
def test_drops_with_a_reason(task: str, values: dict[str, Any], plan: dict[str, Any], reason: str) -> None:
    with pytest.raises(Dropped) as caught:
        _make(task, values, **plan)
    assert caught.value.reason == reason


def test_a_declared_language_is_taken_for_given() -> None:
    assert _make("text", {"text": "Boots LA 2000 XL"}, source_language="zh")["language"] == "zh"


def test_cells_become_texts() -> None:
    assert text_of({"颜色": ["红", "蓝"], "尺寸": None}) == "颜色: 红, 蓝"
    assert text_of([1, "a", None]) == "1, a, "
    assert text_of(2.5) == "2.5"


def test_what_is_compared() -> None:
    pair = _make("pairs", {"prompt": "A headline", "chosen": "Soft linen", "rejected": "Buy linen"})
    assert compared(pair) == ["Soft linen", "Buy linen"]
    copy = _make("copy", {"prompt": "lamp", "answer": "A warm light"})
    assert compared(copy) == ["A warm light"]
    assert identity(copy) != identity(_make("copy", {"prompt": "cup", "answer": "A warm light"}))
    one = _make("labels", {**TEXT, "label": "a"})
    two = _make("labels", {**TEXT, "label": "b"})
    assert identity(one) == identity(two)
    assert (kind(one), kind(two)) == ("a", "b")
