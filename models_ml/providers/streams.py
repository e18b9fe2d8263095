"""Reads the answer of a chat completion, streamed as server-sent events or sent whole, piece by piece.

Pure: lines in, an Answer out. What arrived before a break stays readable, so that its tokens can be counted.
Format: OpenAI's chat completions API; servers differ in whether `[DONE]`, a finish reason or usage comes, so any one
of the first two ends an answer.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

LARGEST = 4_000_000  # characters of one answer with its events; copy takes a few thousand


class Broken(Exception):
    """The answer is not what the protocol says, or ended too soon; says how."""


@dataclass
class Answer:
    """What has arrived: text pieces, whether the answer is complete, the tokens the server counted (None: not told).

    `closed` is set by `[DONE]`: nothing of use can follow.
    """

    pieces: list[str] = field(default_factory=list)
    finished: bool = False
    closed: bool = False
    prompt_tokens: int | None = None
    completion_tokens: int | None = None

    @property
    def text(self) -> str:
        """All pieces as one."""
        return "".join(self.pieces)

    @property
    def written(self) -> int:
        """Tokens written: the server's count, else one a piece that arrived."""
        return self.completion_tokens if self.completion_tokens is not None else len(self.pieces)

    def feed(self, line: str) -> None:
        """One line of an event stream. Raises Broken for anything that is no event of this protocol."""
        if not line.startswith("data:"):
            return  # comments, event names, empty lines
        data = line.removeprefix("data:").strip()
        if data == "[DONE]":
            self.finished = self.closed = True
            return
        self._take(_object(data), "delta")

    def whole(self, text: str) -> None:
        """A complete answer, from a server that does not stream. Raises Broken."""
        self._take(_object(text), "message")
        if not self.pieces:
            raise Broken("the answer holds no text")
        self.finished = True

    def close(self) -> None:
        """The stream has ended. Raises Broken where the answer had not."""
        if not self.finished:
            raise Broken("the stream ended before the answer did")

    def _take(self, event: dict[str, Any], part: str) -> None:
        if "error" in event:
            raise Broken("the server reported an error in its answer")
        choices = event.get("choices") or []
        choice: Any = choices[0] if isinstance(choices, list) and choices else {}
        inner = choice.get(part) if isinstance(choice, dict) else None
        content = inner.get("content") if isinstance(inner, dict) else None
        if isinstance(content, str) and content:
            self.pieces.append(content)
        if isinstance(choice, dict) and choice.get("finish_reason"):
            self.finished = True
        self._count(event.get("usage"))

    def _count(self, usage: object) -> None:
        if not isinstance(usage, dict):
            return
        self.prompt_tokens = _whole(usage.get("prompt_tokens"), self.prompt_tokens)
        self.completion_tokens = _whole(usage.get("completion_tokens"), self.completion_tokens)


_THOUGHT = re.compile(r"<think>.*?</think>", re.DOTALL)
_SPECIAL = re.compile(r"<\|[a-z_]{1,24}\|>", re.IGNORECASE)


def answer_of(text: str, chat: Sequence[dict[str, str]]) -> str:
    """The answer itself: without the prompt that some servers repeat before it, thoughts, and special tokens around it.

    transformers serve repeats the prompt of a model whose type has a response template and whose chat template differs
    from that type's own; special tokens then stand in the text too.
    """
    text = _THOUGHT.sub("", _without_prompt(text, chat[-1]["content"])).strip()
    while (match := _SPECIAL.match(text)) is not None:
        text = text[match.end() :].lstrip()
    return _SPECIAL.split(text, maxsplit=1)[0].strip()


def _without_prompt(text: str, question: str) -> str:
    """The text after the question, or, where a template showed some of its lines only, after those at the start."""
    for repeated in (question, question.split("\n\n", maxsplit=1)[0]):
        if repeated and repeated in text:
            return text.rsplit(repeated, 1)[1]
    asked = {line.strip() for line in question.splitlines()}
    lines = text.splitlines()
    while lines and _SPECIAL.sub("", lines[0]).strip() in asked | {""}:
        del lines[0]
    return "\n".join(lines)


def _object(data: str) -> dict[str, Any]:
    try:
        event = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise Broken("the answer is not JSON") from error
    if not isinstance(event, dict):
        raise Broken("the answer is no JSON object")
    return event


def _whole(value: object, before: int | None) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else before
