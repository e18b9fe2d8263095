"""What compares a version with production: the loss of given answers, a byte, in each model's own template."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from core import errors
from models_ml.jobs import measuring
from models_ml.jobs.checking import Measured, Subject
from models_ml.lifecycle import Kind
from models_ml.nn.answer_loss import Chat, answer_loss
from models_ml.nn.checks.rates import CheckError
from models_ml.nn.loading import SHIPPED, LoadedModel, load, set_threads
from models_ml.nn.progress import Cancelled, never
from models_ml.nn.tuning.rows import chat_texts

ROWS: list[tuple[Chat, str]] = [
    ([{"role": "user", "content": "language: en"}], "theme: calm\nheadline: Pack light\nbody: Go.\ncta: See it"),
    ([{"role": "user", "content": "language: zh"}], "theme: 轻\nheadline: 出门\nbody: 走。\ncta: 看看"),
]


@pytest.fixture(scope="module")
def starter() -> Iterator[LoadedModel]:
    """The shipped model, loaded once."""
    set_threads(1)
    yield load(SHIPPED)
    measuring.forget_models()


def by_hand(loaded: LoadedModel, prompt: Chat, answer: str) -> float:
    """The same by the library's own loss: the mean over the answer's tokens, times their number."""
    head, tail = chat_texts(loaded.tokenizer, prompt, answer)
    before = loaded.tokenizer(head, add_special_tokens=False)["input_ids"]
    own = loaded.tokenizer(tail, add_special_tokens=False)["input_ids"]
    ids = torch.tensor([before + own])
    labels = torch.tensor([[-100] * len(before) + own])
    with torch.inference_mode():
        return float(loaded.model(input_ids=ids, labels=labels).loss) * len(own)


def test_the_loss_is_that_of_the_library_summed_over_the_answer(starter: LoadedModel) -> None:
    found = answer_loss(starter, ROWS)
    expected = sum(by_hand(starter, prompt, answer) for prompt, answer in ROWS)
    size = sum(len(answer.encode()) for _prompt, answer in ROWS)
    assert (found.answers, found.bytes, found.cut) == (2, size, 0)
    assert found.nats == pytest.approx(expected, rel=1e-4)
    assert found.a_byte == pytest.approx(expected / size, rel=1e-4)


def test_rows_add_up_in_any_order(starter: LoadedModel) -> None:
    alone = [answer_loss(starter, [row]).nats for row in ROWS]
    assert answer_loss(starter, ROWS[::-1]).nats == pytest.approx(sum(alone), rel=1e-6)


def test_a_text_without_a_prompt_gives_its_first_token(starter: LoadedModel) -> None:
    found = answer_loss(starter, [((), "Pack light and go.")])
    assert found.answers == 1
    assert 0 < found.nats < 200
    assert math.isfinite(found.nats)


def test_what_does_not_fit_the_context_is_counted_and_left_out(starter: LoadedModel) -> None:
    found = answer_loss(starter, [*ROWS, ((), "word " * 5000)])
    assert (found.answers, found.cut) == (2, 1)
    assert answer_loss(starter, []).a_byte is None


def test_a_stop_is_heard(starter: LoadedModel) -> None:
    with pytest.raises(Cancelled):
        answer_loss(starter, ROWS, should_stop=lambda: True)


def test_what_does_not_apply_passes_and_says_so() -> None:
    subject = Subject(location=str(SHIPPED), kind=Kind.WRITER)
    measures = measuring.measures_of(measuring.Sizes(briefs=2, draws=1, rows=2))[Kind.WRITER]
    assert measures["parity"](subject, never) == Measured({"parity": True}, {"whole weights": True})
    assert measures["forgetting"](subject, never) == Measured({"forgetting": 0.0}, {"not tuned": True})


def test_a_version_is_as_good_as_itself(starter: LoadedModel) -> None:
    subject = Subject(location=str(SHIPPED), kind=Kind.WRITER, production=str(SHIPPED))
    found = measuring.measures_of(measuring.Sizes(rows=2))[Kind.WRITER]["loss"](subject, never)
    assert found.figures == {"loss_over_production": 0.0}
    assert found.details["answers"] == 2


def test_what_a_check_cannot_use_is_a_sentence() -> None:
    def fails(subject: Subject, should_stop: object) -> Measured:
        raise CheckError("no text has two tokens")

    with pytest.raises(errors.Conflict, match="cannot be measured: no text has two tokens"):
        measuring._said(fails, Subject(location=str(Path("x")), kind=Kind.WRITER), never)
