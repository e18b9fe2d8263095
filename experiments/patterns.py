"""Regular expressions in JavaScript's syntax that cannot run for ever: all alternatives are followed at once.

A backtracking matcher, Python's as JavaScript's, needs time exponential in the text for some patterns, and a pattern
comes from a person's form while the text comes from a request. This one simulates the automaton (Thompson,
Communications of the ACM 11, 1968, page 419; Cox, "Regular Expression Matching Can Be Simple And Fast", 2007): the work
is at most states times characters, every step is taken from a budget, and the lengths are limited. It only says
whether there is a match, so greedy or lazy is all one. Peculiar: it reads UTF-16 code units, as JavaScript does
without the flag u; references back to a group and looking behind are refused. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from experiments.pattern_syntax import Assertion, CharacterSet, Node, parse

MAX_PATTERN = 500
MAX_TEXT = 4_000
MAX_STATES = 2_000

# The state in which everything was found.
_FOUND = 0


class Unusable(Exception):
    """More work than was allowed, or a longer text."""


@dataclass(slots=True)
class Budget:
    """Steps that are left, shared by all that one evaluation does."""

    left: int

    def spend(self, steps: int) -> None:
        """Take steps; raises Unusable where none are left."""
        self.left -= steps
        if self.left < 0:
            raise Unusable


class _State(NamedTuple):
    """One state: a set of characters that leads on, an assertion that lets through, a look ahead, or a fork."""

    targets: tuple[int, ...]
    characters: CharacterSet | None = None
    assertion: Assertion | None = None
    # Of a look ahead: where what it looks for begins, and whether that must be absent.
    ahead: int | None = None
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Pattern:
    """A compiled pattern."""

    states: tuple[_State, ...]
    start: int

    def found_in(self, text: str, budget: Budget) -> bool:
        """Whether the pattern matches anywhere in a text. Raises Unusable past the budget, or for too long a text."""
        if len(text) > MAX_TEXT:
            raise Unusable
        codes = memoryview(text.encode("utf-16-le", "surrogatepass")).cast("B").cast("H").tolist()
        return _Search(self.states, codes, budget).run(self.start, 0, anywhere=True)


@lru_cache(maxsize=1024)
def compiled(pattern: str, *, any_case: bool = False) -> Pattern:
    """A pattern to search with. Raises ValueError for what is none, is too large or cannot be had."""
    if len(pattern) > MAX_PATTERN:
        raise ValueError(f"pattern: is longer than {MAX_PATTERN} characters")
    program = _Program()
    start = program.emit(parse(pattern, any_case=any_case), _FOUND)
    return Pattern(tuple(program.states), start)


class _Program:
    """States, each made after those it leads to."""

    def __init__(self) -> None:
        self.states: list[_State] = [_State(())]
        self.work = 0

    def emit(self, node: Node, following: int) -> int:
        """The state from which a node is matched and then what follows."""
        self.work += 1
        if self.work > 2 * MAX_STATES or len(self.states) > MAX_STATES:
            raise ValueError("pattern: is too large once its repetitions are written out")
        if node.kind == "set":
            return self.add(_State((following,), characters=node.characters))
        if node.kind == "assert":
            return self.add(_State((following,), assertion=node.assertion))
        if node.kind == "look":
            return self.add(_State((following,), ahead=self.emit(node.parts[0], _FOUND), negated=node.negated))
        if node.kind == "either":
            return self.add(_State(tuple(self.emit(part, following) for part in node.parts)))
        if node.kind == "repeat":
            return self.repeat(node, following)
        for part in reversed(node.parts):
            following = self.emit(part, following)
        return following

    def repeat(self, node: Node, following: int) -> int:
        """At least so often and at most so often, written out."""
        body, entry = node.parts[0], following
        if node.most is None:
            entry = self.add(_State(()))
            self.states[entry] = _State((self.emit(body, entry), following))
        else:
            for _ in range(node.most - node.least):
                entry = self.add(_State((self.emit(body, entry), following)))
        for _ in range(node.least):
            entry = self.emit(body, entry)
        return entry

    def add(self, state: _State) -> int:
        """Its number."""
        self.states.append(state)
        return len(self.states) - 1


class _Search:
    """One text searched: the set of states that are possible after each character."""

    def __init__(self, states: tuple[_State, ...], codes: list[int], budget: Budget) -> None:
        self.states = states
        self.codes = codes
        self.budget = budget
        self.looked: dict[tuple[int, int], bool] = {}

    def run(self, start: int, position: int, *, anywhere: bool) -> bool:
        """Whether the pattern matches from a position on, or, `anywhere`, from any later one."""
        waiting: list[int] = [start]
        for index in range(position, len(self.codes) + 1):
            ready = self.closure(waiting, index)
            if ready is None:
                return True
            if index == len(self.codes) or not (ready or anywhere):
                return False
            code = self.codes[index]
            waiting = [state.targets[0] for state in ready if state.characters and code in state.characters]
            if anywhere:
                waiting.append(start)
        return False

    def closure(self, waiting: list[int], index: int) -> list[_State] | None:
        """The states that wait for a character, reached without one; None where all was found."""
        seen, stack, ready = set(waiting), waiting, []
        while stack:
            number = stack.pop()
            if number == _FOUND:
                return None
            self.budget.spend(1)
            state = self.states[number]
            if state.characters is not None:
                ready.append(state)
            elif self.lets_through(state, number, index):
                fresh = [target for target in state.targets if target not in seen]
                seen.update(fresh)
                stack.extend(fresh)
        return ready

    def lets_through(self, state: _State, number: int, index: int) -> bool:
        """Whether a fork, an assertion or a look ahead leads on here."""
        if state.assertion is not None:
            return state.assertion.holds(self.codes, index)
        if state.ahead is None:
            return True
        known = self.looked.get((number, index))
        if known is None:
            known = self.looked[number, index] = self.run(state.ahead, index, anywhere=False) is not state.negated
        return known
