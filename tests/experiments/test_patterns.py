"""Regular expressions without backtracking: the same answers as a backtracking matcher, on what both can do."""

from __future__ import annotations

import re
import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experiments.patterns import MAX_TEXT, Budget, Unusable, compiled


def found(pattern: str, text: str, *, any_case: bool = False) -> bool:
    return compiled(pattern, any_case=any_case).found_in(text, Budget(100_000))


_atoms = st.sampled_from(
    ["a", "b", ".", "[ab]", "[^a]", "[a-c1]", r"\d", r"\w", r"\W", r"\b", r"\B", "^", "", "1", "-"]
)
_patterns = st.recursive(
    _atoms,
    lambda inner: (
        st.builds("".join, st.lists(inner, max_size=3))
        | st.builds("(?:{}){}".format, inner, st.sampled_from(["*", "+", "?", "{2}", "{0,2}", "{1,}", "*?"]))
        | st.builds("({}|{})".format, inner, inner)
        | st.builds("(?{}{})".format, st.sampled_from("=!"), inner)
    ),
    max_leaves=8,
)


@settings(max_examples=500, deadline=None)
@given(pattern=_patterns, text=st.text("abC1- ", min_size=1, max_size=8), any_case=st.booleans())
def test_answers_are_those_of_a_backtracking_matcher(pattern: str, text: str, any_case: bool) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        expected = re.compile(pattern, re.ASCII | (re.IGNORECASE if any_case else 0)).search(text) is not None
    assert found(pattern, text, any_case=any_case) is expected


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("", "", True),
        ("a{,2}", "a{,2}", True),  # a brace that begins no repetition
        ("x{2", "x{2", True),
        ("]}", "]}", True),
        ("[]", "a", False),
        ("[^]", "\n", True),
        (r"[\d-x]", "-", True),
        (r"[\D]", "5", False),
        (r"[\b]", "\b", True),
        (r"[\1]", "\x01", True),
        (r"\u00e9\x41\cA\0", "\u00e9A\x01\0", True),
        (r"\u{3}", "uuu", True),
        (r"\/", "/", True),
        (r"\s", "\ufeff", True),
        ("^a|b$", "cb", True),
        ("(?<name>a)b", "ab", True),
        (".", "\u2028", False),
    ],
)
def test_the_syntax_of_javascript(pattern: str, text: str, expected: bool) -> None:
    assert found(pattern, text) is expected


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [("É", "é", True), ("\u017f", "s", False), ("\u212a", "k", False), ("σ", "ς", True), ("[a-z]", "Q", True)],
)
def test_any_case_is_that_of_the_flag_i(pattern: str, text: str, expected: bool) -> None:
    # Without the flag u no letter outside ASCII is the same as one within.
    assert found(pattern, text, any_case=True) is expected


@pytest.mark.parametrize(
    "pattern",
    ["(", ")", "[", "a**", "*", "{1}", "^*", r"\1", "(?<!a)", "(?i:a)", "[b-a]", "a{2,1}", "a{1001}", "\\", "(" * 51],
)
def test_what_is_no_pattern_or_cannot_be_had(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"^pattern: "):
        compiled(pattern)


@pytest.mark.parametrize("pattern", ["((a{100}){100}){100}", "(((){1000}){1000}){1000}", "a" * 501])
def test_what_is_too_large(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"^pattern: is (too large|longer)"):
        compiled(pattern)


def test_the_work_is_bounded_by_the_budget_and_the_text() -> None:
    budget = Budget(1_000)
    with pytest.raises(Unusable):
        compiled("(a*)*b").found_in("a" * 1_000, budget)
    assert budget.left == -1
    with pytest.raises(Unusable):
        found("a", "a" * (MAX_TEXT + 1))
