"""Rows as tokens: the prompt of generation, the loss on the answer alone, what is cut, left out and refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models_ml.nn.progress import Cancelled
from models_ml.nn.tuning.plan import TuningError, TuningPlan
from models_ml.nn.tuning.rows import Encoder, Tally, TokenRow, chat_texts, judged_ids
from models_ml.nn.tuning.store import key_of, token_store
from tests.models_ml.nn.tuning import toys

USER = {"role": "user", "content": "write for a red lamp"}


def encoded(objective: str, rows: list[Any], *, encoder: bool = False, **changes: Any) -> tuple[list[TokenRow], Tally]:
    plan = TuningPlan(**{"base": "b", "dataset": "d", "objective": objective, "max_length": 32, **changes})
    labels = tuple(sorted(set(toys.MOODS.values()))) if objective == "classify" else ()
    work = Encoder(plan, toys.tokenizer(encoder=encoder), labels)
    return list(work(rows, "train")), work.tally


def words(row: TokenRow, *, encoder: bool = False) -> list[str]:
    return list(toys.tokenizer(encoder=encoder).convert_ids_to_tokens(row.ids))


def test_loss_begins_with_the_answer_and_ends_with_the_end_token() -> None:
    ((row,), _) = encoded("supervised", [{"messages": [USER, {"role": "assistant", "content": "the lamp is warm"}]}])
    assert words(row)[: row.start] == ["<|user|>", "write", "for", "a", "red", "lamp", "<|assistant|>"]
    assert words(row)[row.start :] == ["the", "lamp", "is", "warm", "<|end|>"]


def test_the_prompt_is_the_one_that_generation_continues() -> None:
    tokenizer = toys.tokenizer()
    head, tail = chat_texts(tokenizer, [USER], "good")
    assert head == tokenizer.apply_chat_template([USER], tokenize=False, add_generation_prompt=True)
    assert tail == "good<|end|>"


def test_a_template_that_refuses_a_system_message_gets_it_within_the_users() -> None:
    tokenizer = toys.tokenizer()
    tokenizer.chat_template = (
        "{%- if messages[0]['role'] == 'system' -%}{{ raise_exception('no system') }}{%- endif -%}" + toys.TEMPLATE
    )
    head, tail = chat_texts(tokenizer, [{"role": "system", "content": "rules"}, USER], "good")
    assert head == "<|user|> rules\n\nwrite for a red lamp<|assistant|> "
    assert tail == "good<|end|>"


def test_without_a_template_messages_stand_as_paragraphs() -> None:
    tokenizer = toys.tokenizer()
    tokenizer.chat_template = None
    assert chat_texts(tokenizer, [USER], "good") == ("write for a red lamp\n\n", "good<|end|>")


def test_a_template_that_rewrites_its_past_still_gives_prompt_and_answer() -> None:
    tokenizer = toys.tokenizer()
    tokenizer.chat_template = "{%- if add_generation_prompt -%}ask {% else -%}told {% endif -%}x"
    assert chat_texts(tokenizer, [USER], "good") == ("ask x", "good<|end|>")


def test_long_answers_are_left_out_whole_and_counted() -> None:
    rows = toys.toy("copy").splits["train"][:3]
    long = {"messages": [USER, {"role": "assistant", "content": "good " * 40}]}
    found, tally = encoded("supervised", [*rows, long])
    assert len(found) == 3
    assert tally == Tally(rows=4, left_out=1)


def test_long_texts_become_several_rows_with_one_end() -> None:
    found, tally = encoded("causal", [{"text": "good " * 70}])
    assert [len(row.ids) for row in found] == [32, 32, 7]
    assert [row.ids.count(1) for row in found] == [0, 0, 1]
    assert tally.cut == 1


def test_a_classified_text_keeps_its_beginning_and_its_last_special_token() -> None:
    ((row,), tally) = encoded("classify", [{"text": "red " + "good " * 50, "label": "warm"}], encoder=True)
    assert (len(row.ids), words(row, encoder=True)[:2], words(row, encoder=True)[-1]) == (32, ["[CLS]", "red"], "[SEP]")
    assert row.value == sorted(set(toys.MOODS.values())).index("warm")
    assert tally.cut == 1


def test_pairs_come_better_first_with_their_weight() -> None:
    row = {"messages": [USER], "chosen": "good", "rejected": "bad", "weight": 0.5}
    (better, worse), _ = encoded("score_pairs", [row], encoder=True)
    assert words(better, encoder=True)[-2:] == ["good", "[SEP]"]
    assert words(worse, encoder=True)[-2:] == ["bad", "[SEP]"]
    assert better.value == worse.value == 0.5
    assert encoded("score_pairs", [{**row, "messages": []}], encoder=True)[0][0].ids == [
        4,
        toys.tokenizer().get_vocab()["good"],
        5,
    ]


def test_a_long_pair_loses_the_beginning_of_its_prompt_not_the_copy() -> None:
    long = {"role": "user", "content": "red " * 60}
    ids = judged_ids(toys.tokenizer(), [long], "good")
    (better, _), tally = encoded("score_pairs", [{"messages": [long], "chosen": "good", "rejected": "bad"}])
    assert better.ids == [ids[0], *ids[-31:]]
    assert tally.cut == 2


def test_words_are_kept_for_whole_word_masking() -> None:
    ((row,), _) = encoded("masked", [{"text": "red lamp"}], encoder=True, whole_word=True)
    assert row.words == [-1, 0, 1, -1]


@pytest.mark.parametrize(
    ("objective", "row", "sentence"),
    [
        ("causal", {"text": ""}, "row 2 of train has no usable 'text'"),
        ("causal", {"label": "x"}, "row 2 of train has no usable 'text'"),
        ("supervised", {"messages": "hello"}, "row 2 of train has no usable 'messages'"),
        ("supervised", {"messages": [USER]}, "'messages' must hold at least 2 of role and content"),
        ("supervised", {"messages": [USER, {"role": "assistant"}]}, "'messages' must hold at least 2"),
        ("classify", {"text": "red", "label": "loud"}, "row 2 of train has the label 'loud', which is not in"),
        ("score_pairs", {"messages": [], "chosen": "good"}, "row 2 of train has no usable 'rejected'"),
        ("score_pairs", {"messages": [], "chosen": "a", "rejected": "b", "weight": -1}, "the weight -1"),
        ("score_pairs", {"messages": [], "chosen": "a", "rejected": "b", "weight": float("nan")}, "the weight nan"),
    ],
)  # fmt: skip
def test_a_row_that_cannot_be_used_is_named(objective: str, row: dict[str, Any], sentence: str) -> None:
    plan_task = TuningPlan("b", "d", objective=objective).task
    good = toys.toy(plan_task).splits["train"][0]
    with pytest.raises(TuningError, match=sentence):
        encoded(objective, [good, row])


def rows_of(count: int) -> Callable[[], list[TokenRow]]:
    return lambda: [TokenRow(list(range(index + 1)), start=index % 2, value=index / 2) for index in range(count)]


def test_a_store_gives_back_what_was_put_in(tmp_path: Path) -> None:
    store = token_store(tmp_path / "store", rows_of(5)(), Tally(rows=5, cut=1))
    assert len(store) == 5
    assert store.lengths.tolist() == [1, 2, 3, 4, 5]
    assert store.row(3).tolist() == [0, 1, 2, 3]
    assert store.starts.tolist() == [0, 1, 0, 1, 0]
    assert store.values.tolist() == [0, 0.5, 1, 1.5, 2]
    assert isinstance(store.ids, np.memmap)
    assert store.tally == Tally(rows=5, cut=1)


def test_a_store_is_made_once(tmp_path: Path) -> None:
    token_store(tmp_path / "store", rows_of(3)(), Tally())
    assert len(token_store(tmp_path / "store", rows_of(9)(), Tally())) == 3


def test_a_store_that_failed_or_was_stopped_leaves_nothing_that_is_taken_for_one(tmp_path: Path) -> None:
    def broken() -> Any:
        yield from rows_of(2)()
        raise TuningError("dataset", "row 3 is bad")

    with pytest.raises(TuningError):
        token_store(tmp_path / "store", broken(), Tally())
    with pytest.raises(Cancelled):
        token_store(tmp_path / "store", rows_of(2)(), Tally(), should_stop=lambda: True)
    assert not (tmp_path / "store").exists()
    assert len(token_store(tmp_path / "store", rows_of(4)(), Tally())) == 4


def test_an_empty_store_is_no_fault(tmp_path: Path) -> None:
    assert len(token_store(tmp_path / "store", [], Tally())) == 0


def test_a_key_follows_what_it_is_made_from() -> None:
    assert key_of("a", 1) == key_of("a", 1) != key_of("a", 2)
