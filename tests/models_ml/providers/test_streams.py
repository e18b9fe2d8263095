"""Answers read piece by piece, and waits: whatever a server sends is an answer or Broken, and waits stay in bounds."""

from __future__ import annotations

import contextlib
import json
import random
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models_ml.providers.retrying import Backoff, retry_after
from models_ml.providers.streams import Answer, Broken, answer_of

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
shaped = st.dictionaries(
    st.sampled_from(["choices", "usage", "error", "delta", "message", "content", "finish_reason", "prompt_tokens"]),
    st.recursive(
        json_values,
        lambda inner: (
            st.lists(inner, max_size=2)
            | st.dictionaries(st.sampled_from(["delta", "message", "content", "finish_reason"]), inner)
        ),
        max_leaves=6,
    ),
)


@settings(max_examples=50)
@given(
    st.lists(st.text(max_size=40) | (json_values | shaped).map(lambda value: f"data: {json.dumps(value)}"), max_size=8)
)
def test_whatever_comes_is_read_or_broken(lines: list[str]) -> None:
    answer = Answer()
    with contextlib.suppress(Broken):
        for line in lines:
            answer.feed(line)
        answer.close()
        assert answer.finished
    assert answer.written >= 0


@settings(max_examples=50)
@given(json_values | shaped)
def test_whatever_comes_whole_is_read_or_broken(value: object) -> None:
    answer = Answer()
    with contextlib.suppress(Broken):
        answer.whole(json.dumps(value))
        assert answer.text


def test_a_stream_is_put_together_and_counted() -> None:
    answer = Answer()
    for part in ("Hel", "lo"):
        answer.feed(f"data: {json.dumps({'choices': [{'delta': {'content': part}, 'finish_reason': None}]})}")
    assert (answer.text, answer.written, answer.finished) == ("Hello", 2, False)
    answer.feed(": a comment")
    answer.feed('data: {"choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 3}}')
    answer.feed("data: [DONE]")
    assert (answer.prompt_tokens, answer.written, answer.closed) == (5, 3, True)


QUESTION = [
    {"role": "system", "content": "Rules."},
    {"role": "user", "content": "language: en\nmust: x\n\nShop data: {}"},
]


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("theme: A\nbody: B", "theme: A\nbody: B"),
        ("<|user|>\nlanguage: en\nmust: x<|assistant|>\ntheme: A<|end|>", "theme: A"),
        (f"<|im_start|>user\n{QUESTION[1]['content']}<|im_end|>\n<|im_start|>\ntheme: A<|im_end|>", "theme: A"),
        ("<think>first the theme: Z</think>\n\ntheme: A", "theme: A"),
        ("theme: A<|endoftext|>theme: B", "theme: A"),
        ("", ""),
    ],
)
def test_what_servers_put_around_an_answer_is_taken_off(text: str, answer: str) -> None:
    assert answer_of(text, QUESTION) == answer


@given(st.integers(1, 20), st.integers(1, 12), st.none() | st.floats(0, 200), st.integers(0, 10_000))
def test_waits_are_within_their_bounds(attempt: int, attempts: int, asked: float | None, seed: int) -> None:
    backoff = Backoff(attempts=attempts, base=0.5, cap=8.0, longest_asked=60.0)
    pause = backoff.wait(attempt, random.Random(seed).uniform, asked)
    if attempt >= attempts or (asked is not None and asked > 60):
        assert pause is None
    else:
        assert pause is not None
        assert (asked or 0) <= pause <= (asked or 0) + min(8.0, 0.5 * 2 ** (attempt - 1))


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("", None),
        ("7", 7.0),
        ("soon", None),
        ("-3", None),
        ("Wed, 21 Oct 2026 07:28:30 GMT", 30.0),
        ("Wed, 21 Oct 2026 07:27:00 GMT", 0.0),
    ],
)
def test_retry_after_is_a_number_or_a_date(header: str | None, seconds: float | None) -> None:
    assert retry_after(header, datetime(2026, 10, 21, 7, 28, tzinfo=UTC)) == seconds
