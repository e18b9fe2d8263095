"""The syntax of JavaScript's regular expressions (ECMA-262, 22.2.1 with Annex B.1.2), read into a tree.

Without flags but i: characters are UTF-16 code units, `$` is the very end, `\\d` and `\\w` are ASCII. As in every
browser a brace that begins no repetition stands for itself. Refused with ValueError: references back to a group and
looking behind, which an automaton cannot follow, and what is no pattern. Pure.
"""

from __future__ import annotations

import re
import string
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Literal, NamedTuple, NoReturn

Ranges = tuple[tuple[int, int], ...]

MAX_NESTING = 50
MAX_REPEAT = 1_000
_LAST = 0xFFFF
_REPETITION = re.compile(r"\{([0-9]{1,9})(,([0-9]{0,9}))?\}")
_WORD: Ranges = ((48, 57), (65, 90), (95, 95), (97, 122))
_DIGIT: Ranges = ((48, 57),)
_SPACE: Ranges = (
    (9, 13), (32, 32), (0xA0, 0xA0), (0x1680, 0x1680), (0x2000, 0x200A), (0x2028, 0x2029), (0x202F, 0x202F),
    (0x205F, 0x205F), (0x3000, 0x3000), (0xFEFF, 0xFEFF),
)  # fmt: skip
_LINE_END: Ranges = ((10, 10), (13, 13), (0x2028, 0x2029))
_CLASSES = {"d": _DIGIT, "w": _WORD, "s": _SPACE}
_CONTROLS = {"t": 9, "n": 10, "v": 11, "f": 12, "r": 13, "0": 0}


class Assertion(StrEnum):
    """What must be so between two characters."""

    START = "^"
    END = "$"
    BOUNDARY = "b"
    NO_BOUNDARY = "B"

    def holds(self, codes: Sequence[int], index: int) -> bool:
        """Whether it is so before the character at an index."""
        if self is Assertion.START:
            return index == 0
        if self is Assertion.END:
            return index == len(codes)
        before = index > 0 and _within(codes[index - 1], _WORD)
        after = index < len(codes) and _within(codes[index], _WORD)
        return (before != after) is (self is Assertion.BOUNDARY)


@dataclass(frozen=True)
class CharacterSet:
    """Ranges of code units, or all others; `any_case` compares as the flag i does."""

    ranges: Ranges
    negated: bool = False
    any_case: bool = False

    def __contains__(self, code: int) -> bool:
        if code < 128:
            return bool(self._ascii >> code & 1)
        return self._holds(code)

    @cached_property
    def _ascii(self) -> int:
        return sum(1 << code for code in range(128) if self._holds(code))

    def _holds(self, code: int) -> bool:
        forms = _forms(code) if self.any_case else {code}
        return any(_within(form, self.ranges) for form in forms) is not self.negated


class Node(NamedTuple):
    """A piece of a pattern."""

    kind: Literal["set", "assert", "look", "either", "repeat", "sequence"]
    parts: tuple[Node, ...] = ()
    characters: CharacterSet | None = None
    assertion: Assertion | None = None
    negated: bool = False
    least: int = 0
    most: int | None = None


def parse(pattern: str, *, any_case: bool = False) -> Node:
    """The tree of a pattern. Raises ValueError."""
    return _Parser(pattern, any_case).whole()


class _Parser:
    """Reads from left to right; `at` is the next character."""

    def __init__(self, pattern: str, any_case: bool) -> None:
        raw = pattern.encode("utf-16-be", "surrogatepass")
        # One character a code unit, so that a pair counts as two, as in JavaScript.
        self.text = "".join(chr(raw[index] << 8 | raw[index + 1]) for index in range(0, len(raw), 2))
        self.any_case = any_case
        self.at = 0
        self.depth = 0

    def whole(self) -> Node:
        """The pattern to its end."""
        found = self.alternatives()
        if self.at < len(self.text):
            self.refuse("a bracket is closed that was never opened")
        return found

    def refuse(self, reason: str) -> NoReturn:
        """It is no pattern, or none that can be had."""
        raise ValueError(f"pattern: {reason} at character {self.at + 1}")

    def take(self, text: str) -> bool:
        """Whether this comes next; steps over it."""
        found = self.text.startswith(text, self.at)
        self.at += len(text) * found
        return found

    def next(self) -> str:
        """The next character; steps over it."""
        if self.at >= len(self.text):
            self.refuse("something is missing")
        self.at += 1
        return self.text[self.at - 1]

    def alternatives(self) -> Node:
        """One or more sequences with bars between."""
        self.depth += 1
        if self.depth > MAX_NESTING:
            self.refuse(f"brackets are nested more than {MAX_NESTING} deep")
        found = [self.sequence()]
        while self.take("|"):
            found.append(self.sequence())
        self.depth -= 1
        return found[0] if len(found) == 1 else Node("either", tuple(found))

    def sequence(self) -> Node:
        """Terms up to a bar, a closing bracket or the end."""
        terms = []
        while self.at < len(self.text) and self.text[self.at] not in "|)":
            terms.append(self.repeated(self.term()))
        return Node("sequence", tuple(terms))

    def repeated(self, node: Node) -> Node:
        """A term with the repetition after it, if any."""
        limits = self.limits()
        if limits is None:
            return node
        least, most = limits
        self.take("?")
        if most is not None and least > most:
            self.refuse("a repetition has its limits the wrong way round")
        if max(least, most or 0) > MAX_REPEAT:
            self.refuse(f"a repetition of more than {MAX_REPEAT}")
        if node.kind == "assert":
            self.refuse("there is nothing to repeat")
        return Node("repeat", (node,), least=least, most=most)

    def limits(self) -> tuple[int, int | None] | None:
        """Least and most of a repetition, None where there is none here."""
        for sign, limits in (("*", (0, None)), ("+", (1, None)), ("?", (0, 1))):
            if self.take(sign):
                return limits
        counted = _REPETITION.match(self.text, self.at)
        if counted is None:
            return None
        self.at = counted.end()
        least, comma, most = counted.groups()
        return int(least), int(most) if most else None if comma else int(least)

    def term(self) -> Node:
        """A group, an assertion, a class or a character."""
        if self.text[self.at] in "*+?" or _REPETITION.match(self.text, self.at):
            self.refuse("there is nothing to repeat")
        character = self.next()
        if character == "(":
            return self.group()
        if character in "^$":
            return Node("assert", assertion=Assertion(character))
        if character == "[":
            return self.characters()
        if character == ".":
            return self.set_of(_LINE_END, negated=True)
        return self.escape() if character == "\\" else self.set_of(_single(character))

    def group(self) -> Node:
        """What stands in brackets, after the opening one."""
        look = next((sign for sign in ("?=", "?!") if self.take(sign)), None)
        if look is None and not self.take("?:") and self.take("?"):
            self.name()
        found = self.alternatives()
        if not self.take(")"):
            self.refuse("a bracket is not closed")
        # As a sequence, so that a repetition after it repeats all of it.
        return Node("look", (found,), negated=look == "?!") if look else Node("sequence", (found,))

    def name(self) -> None:
        """Steps over a group's name."""
        named = re.compile(r"<[A-Za-z_$][A-Za-z0-9_$]*>").match(self.text, self.at)
        if named is None:
            self.refuse("looking behind is not available" if self.take("<") else "an unknown kind of group")
        self.at = named.end()

    def escape(self) -> Node:
        """What follows a backslash, outside a class."""
        character = self.next()
        if character in "bB":
            return Node("assert", assertion=Assertion(character))
        if character in "123456789":
            self.refuse("a reference back to a group is not available")
        if character.lower() in _CLASSES:
            return self.set_of(_CLASSES[character.lower()], negated=character.isupper())
        return self.set_of(_single(chr(self.escaped(character))))

    def escaped(self, character: str) -> int:
        """The code unit that a backslash and a character stand for."""
        if character in _CONTROLS:
            return _CONTROLS[character]
        digits = {"x": 2, "u": 4}.get(character, 0)
        written = self.text[self.at : self.at + digits]
        if digits and len(written) == digits and all(digit in string.hexdigits for digit in written):
            self.at += digits
            return int(written, 16)
        if character == "c" and self.at < len(self.text) and self.text[self.at] in string.ascii_letters:
            return ord(self.next()) % 32
        return ord(character)

    def characters(self) -> Node:
        """A class, after its opening bracket."""
        negated = self.take("^")
        ranges: list[tuple[int, int]] = []
        while not self.take("]"):
            first = self.member()
            if self.text.startswith("-", self.at) and not self.text.startswith("-]", self.at):
                self.at += 1
                ranges += self.ranged(first, self.member())
            else:
                ranges += first
        return self.set_of(tuple(ranges), negated=negated)

    def member(self) -> Ranges:
        """One member of a class: a character or a class of its own."""
        character = self.next()
        if character != "\\":
            return _single(character)
        character = self.next()
        if character.lower() in _CLASSES:
            ranges = _CLASSES[character.lower()]
            return _others(ranges) if character.isupper() else ranges
        if character in "1234567":  # in a class alone these are octal (Annex B.1.2, LegacyOctalEscapeSequence)
            return _single(chr(int(character, 8)))
        return _single(chr(8) if character == "b" else chr(self.escaped(character)))

    def ranged(self, first: Ranges, last: Ranges) -> Ranges:
        """From one member to another; with a class at an end the hyphen stands for itself."""
        if not _is_single(first) or not _is_single(last):
            return (*first, *_single("-"), *last)
        if first[0][0] > last[0][0]:
            self.refuse("a range ends before it begins")
        return ((first[0][0], last[0][0]),)

    def set_of(self, ranges: Ranges, *, negated: bool = False) -> Node:
        """A node for a set of characters."""
        return Node("set", characters=CharacterSet(ranges, negated, self.any_case))


def _single(character: str) -> Ranges:
    return ((ord(character), ord(character)),)


def _is_single(ranges: Ranges) -> bool:
    return len(ranges) == 1 and ranges[0][0] == ranges[0][1]


def _others(ranges: Ranges) -> Ranges:
    edges = [-1, *(edge for pair in ranges for edge in pair), _LAST + 1]
    return tuple((edges[index] + 1, edges[index + 1] - 1) for index in range(0, len(edges), 2))


def _within(code: int, ranges: Ranges) -> bool:
    return any(low <= code <= high for low, high in ranges)


def _canonical(code: int) -> int:
    """ECMA-262, 22.2.2.7.3 Canonicalize without u: the capital, where it is one code unit and no ASCII made of more."""
    upper = chr(code).upper()
    if len(upper) != 1 or ord(upper) > _LAST or (code >= 128 > ord(upper)):
        return code
    return ord(upper)


def _forms(code: int) -> set[int]:
    canonical = _canonical(code)
    small = {ord(lower) for form in (code, canonical) if len(lower := chr(form).lower()) == 1}
    return {code, canonical} | {form for form in small if form <= _LAST and _canonical(form) == canonical}
