"""The readers of the environment: what they take, and the sentence for what they refuse."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from core import env


@pytest.fixture(autouse=True)
def forget_declared(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names made up here must not count as documented settings."""
    monkeypatch.setattr(env, "DECLARED", {})


@pytest.mark.parametrize(
    ("value", "expected"), [("1", True), ("Yes", True), ("off", False), ("FALSE", False), ("", False)]
)
def test_flag(monkeypatch: pytest.MonkeyPatch, value: str, expected: bool) -> None:
    monkeypatch.setenv("X_FLAG", value)
    assert env.flag("X_FLAG", about="") is expected


REFUSED: list[tuple[Callable[..., Any], dict[str, Any], str, str]] = [
    (env.flag, {}, "perhaps", "X: must be one of 1, true, yes, on, 0, false, no, off; it is 'perhaps'."),
    (env.integer, {"default": 1}, "two", "X: must be a whole number; it is 'two'."),
    (env.integer, {"default": 1, "minimum": 1, "maximum": 9}, "10", "X: must be between 1 and 9; it is 10."),
    (env.integer, {"default": 1, "minimum": 1}, "0", "X: must be at least 1; it is 0."),
    (env.choice, {"default": "a", "choices": {"a": 1, "b": 2}}, "c", "X: must be one of a, b; it is 'c'."),
    (env.amount, {}, "cheap", "X: must be a number such as 0.15; it is 'cheap'."),
    (env.amount, {}, "-1", "X: must be a number that is not negative; it is -1."),
    (env.amount, {}, "NaN", "X: must be a number that is not negative; it is NaN."),
]


@pytest.mark.parametrize(("reader", "options", "value", "sentence"), REFUSED)
def test_refused(
    monkeypatch: pytest.MonkeyPatch, reader: Callable[..., Any], options: dict[str, Any], value: str, sentence: str
) -> None:
    monkeypatch.setenv("X", value)
    with pytest.raises(env.EnvironmentProblem) as problem:
        reader("X", about="", **options)
    assert problem.value.sentence == sentence
    assert problem.value.code == sentence  # printed by the interpreter, without a traceback


def test_words_drops_blanks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("X", " a, ,b ,")
    assert env.words("X", about="") == ["a", "b"]


def test_a_secret_may_stand_in_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("from the file\n")
    monkeypatch.setenv("X_FILE", str(tmp_path / "key"))
    assert env.secret("X", None, about="") == "from the file"


def test_a_secret_without_value_or_default_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("X", raising=False)
    with pytest.raises(env.EnvironmentProblem, match="X: is not set, and there is no default for it"):
        env.secret("X", None, about="")


def test_database_url_over_tcp() -> None:
    found = env.database("postgres://al%40ice:p%2Fw@db.shop:6432/copylift?sslmode=require")
    assert found == {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": "copylift",
        "USER": "al@ice",
        "PASSWORD": "p/w",
        "HOST": "db.shop",
        "PORT": "6432",
        "OPTIONS": {"sslmode": "require"},
    }


def test_database_url_over_a_socket() -> None:
    found = env.database("postgres://postgres:x@/copylift?host=/tmp/a%20b&port=5433")
    assert (found["HOST"], found["PORT"], found["OPTIONS"]) == ("/tmp/a b", "5433", {})


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("mysql://a@b/c", "DATABASE_URL: must begin with postgres://; its scheme is 'mysql'."),
        ("nonsense", "DATABASE_URL: must begin with postgres://; its scheme is 'missing'."),
        ("postgres://a@b", "DATABASE_URL: names no database: postgres://user:password@host:5432/NAME."),
        ("postgres://a@b:port/c", "DATABASE_URL: its port is not a number from 1 to 65535."),
    ],
)
def test_database_url_refused(url: str, sentence: str) -> None:
    with pytest.raises(env.EnvironmentProblem) as problem:
        env.database(url)
    assert problem.value.sentence == sentence


def test_an_amount_is_exact_and_may_be_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    assert env.amount("X", about="") is None
    monkeypatch.setenv("X", "0.15")
    assert env.amount("X", about="") == Decimal("0.15")


def test_a_secret_that_may_be_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("X", raising=False)
    assert env.secret("X", "", about="") == ""
