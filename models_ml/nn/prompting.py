"""From a brief to the very text a model continues: its chat template, or plain text where it has none."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from jinja2.exceptions import TemplateError

from models_ml.brief import SLOTS, Brief, messages, slots
from models_ml.nn.loading import LoadedModel


@dataclass(frozen=True)
class Prompt:
    """The text to continue.

    `banned` are tokens the answer may not hold: the slots that the brief does not offer, where a slot is one token.
    """

    text: str
    banned: tuple[int, ...]

    @property
    def hash(self) -> str:
        """SHA-256 of the text, in hex."""
        return hashlib.sha256(self.text.encode()).hexdigest()


def prompt_of(loaded: LoadedModel, brief: Brief) -> Prompt:
    """The prompt for a brief, by the model's chat template or as plain text."""
    chat, banned = messages(brief), _banned(loaded, brief)
    if not loaded.has_chat_template:
        return Prompt("\n\n".join([*(message["content"] for message in chat), ""]), banned)
    try:
        text = _templated(loaded, chat)
    except TemplateError:  # some templates refuse a system message: its rules then open the user's
        merged = "\n\n".join(message["content"] for message in chat)
        text = _templated(loaded, [{"role": "user", "content": merged}])
    return Prompt(text, banned)


def _banned(loaded: LoadedModel, brief: Brief) -> tuple[int, ...]:
    known = loaded.tokenizer.get_vocab()
    return tuple(known[name] for slot in SLOTS if slot not in slots(brief) and (name := f"{{{slot}}}") in known)


def _templated(loaded: LoadedModel, chat: list[dict[str, str]]) -> str:
    # enable_thinking is read by templates of reasoning models and ignored by all others: copy needs no essay before it
    return str(
        loaded.tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True, enable_thinking=False)
    )
