"""From a brief to the very text a model continues: its chat template, or plain text where it has none.

Winners of the past stand before the brief as earlier turns of the chat, where the model reads them. A theme that the
brief fixes opens the answer (`theme: …`), so that any causal model, however small, goes on from it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from jinja2.exceptions import TemplateError

from models_ml.brief import SLOTS, Brief, clean, messages, slots
from models_ml.examples import Winner, shown_brief
from models_ml.nn.loading import LoadedModel

ANSWER_ROOM = 224  # tokens kept for the answer when examples are fitted in


@dataclass(frozen=True)
class Prompt:
    """The text to continue, and `opening`, the words its answer begins with.

    `banned` are tokens the answer may not hold: the slots that the brief does not offer, where a slot is one token.
    `examples` are the ids of the winners shown; `left_out` says why others are not.
    """

    text: str
    banned: tuple[int, ...]
    opening: str = ""
    examples: tuple[str, ...] = ()
    left_out: str = ""

    @property
    def hash(self) -> str:
        """SHA-256 of the text and the opening, in hex."""
        return hashlib.sha256((self.text + self.opening).encode()).hexdigest()


def prompt_of(loaded: LoadedModel, brief: Brief, examples: Sequence[Winner] = ()) -> Prompt:
    """The prompt for a brief, by the model's chat template or as plain text, with as many examples as fit."""
    opening = f"theme: {clean(brief.theme, 80)}" if brief.theme else ""
    banned = _banned(loaded, brief)
    if not examples:
        return Prompt(_text(loaded, messages(brief)), banned, opening)
    if not loaded.reads_examples:
        reason = "the model was not made to read examples"
        return Prompt(_text(loaded, messages(brief)), banned, opening, left_out=reason)
    for count in range(len(examples), -1, -1):
        text = _text(loaded, chat_with(brief, examples[:count]))
        if count == 0 or len(token_ids(loaded, text)) + ANSWER_ROOM <= loaded.context:
            break
    shown = tuple(one.id for one in examples[:count])
    reason = "the others do not fit the model's context" if count < len(examples) else ""
    return Prompt(text, banned, opening, shown, reason)


def chat_with(brief: Brief, examples: Sequence[Winner]) -> list[dict[str, str]]:
    """The chat for a brief in which each example is a turn before it: its brief asked, its copy answered."""
    system, question = messages(brief)
    turns: list[dict[str, str]] = []
    for one in examples:
        turns += [messages(shown_brief(one))[1], {"role": "assistant", "content": one.answer()}]
    return [system, *turns, question]


def token_ids(loaded: LoadedModel, text: str) -> list[int]:
    """The tokens of a prompt's text, with the tokenizer's own special ones where no template wrote them."""
    return list(loaded.tokenizer(text, add_special_tokens=not loaded.has_chat_template)["input_ids"])


def prompt_ids(loaded: LoadedModel, prompt: Prompt) -> list[int]:
    """Prompt and opening, tokenized apart: training too puts the answer's tokens behind those of the prompt alone."""
    ids = token_ids(loaded, prompt.text)
    if prompt.opening:
        ids += loaded.tokenizer(prompt.opening, add_special_tokens=False)["input_ids"]
    return ids


def _text(loaded: LoadedModel, chat: list[dict[str, str]]) -> str:
    if not loaded.has_chat_template:
        return "\n\n".join([*(message["content"] for message in chat), ""])
    try:
        return _templated(loaded, chat)
    except TemplateError:  # some templates refuse a system message: its rules then open the user's
        merged = "\n\n".join(message["content"] for message in chat[:2])
        return _templated(loaded, [{"role": "user", "content": merged}, *chat[2:]])


def _banned(loaded: LoadedModel, brief: Brief) -> tuple[int, ...]:
    known = loaded.tokenizer.get_vocab()
    return tuple(known[name] for slot in SLOTS if slot not in slots(brief) and (name := f"{{{slot}}}") in known)


def _templated(loaded: LoadedModel, chat: list[dict[str, str]]) -> str:
    # enable_thinking is read by templates of reasoning models and ignored by all others: copy needs no essay before it
    return str(
        loaded.tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True, enable_thinking=False)
    )
