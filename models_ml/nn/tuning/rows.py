"""Dataset rows as token sequences: one encoder an objective, each a generator over rows in their order.

Peculiar: prompt and answer are tokenised apart, since generation too starts from the tokens of the prompt alone, and
the prompt is the very text that `models_ml.nn.prompting` would make. A row that does not fit is left out whole where
its answer would be cut, and cut where only a label hangs on it; both are counted.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Protocol

from jinja2.exceptions import TemplateError
from transformers import PreTrainedTokenizerBase

from models_ml.nn.tuning.plan import TuningError, TuningPlan

_BATCH = 256  # rows tokenised at once


class Dataset(Protocol):
    """What is needed of `models_ml.data.StoredDataset`."""

    @property
    def record(self) -> Any:
        """Its `task`, `hash` and `labels`."""

    def count(self, split: str) -> int:
        """Rows in a split; 0 where it is empty."""

    def rows(self, split: str) -> Iterator[dict[str, Any]]:
        """The rows of a split in order, read as they are asked for."""


@dataclass(frozen=True)
class TokenRow:
    """Token ids, the first position that carries loss, a label or weight, and the word of each token (or none)."""

    ids: list[int]
    start: int = 0
    value: float = 0.0
    words: list[int] | None = None


@dataclass
class Tally:
    """What happened to the rows of a split."""

    rows: int = 0
    left_out: int = 0  # too long whole
    cut: int = 0  # made shorter


@dataclass(frozen=True)
class Encoder:
    """Turns the rows of one split into sequences. `pairs` come as two sequences each, the better one first."""

    plan: TuningPlan
    tokenizer: PreTrainedTokenizerBase
    labels: tuple[str, ...] = ()
    tally: Tally = field(default_factory=Tally)

    def __call__(self, rows: Iterable[dict[str, Any]], split: str) -> Iterator[TokenRow]:
        """Sequences in the order of the rows. Raises TuningError naming the row that cannot be used."""
        work = _ENCODERS[self.plan.objective]
        source, done = iter(rows), 0
        while batch := list(islice(source, _BATCH)):
            self.tally.rows += len(batch)
            yield from work(self, batch, _where(split, done))
            done += len(batch)


_Where = Callable[[int], str]


def _where(split: str, done: int) -> _Where:
    return lambda index: f"row {done + index + 1} of {split}"


def _column(rows: Sequence[Mapping[str, Any]], name: str, kind: type, where: _Where) -> list[Any]:
    found = [row.get(name) for row in rows]
    for index, value in enumerate(found):
        if not isinstance(value, kind) or (kind is str and not str(value).strip()):
            raise TuningError("dataset", f"{where(index)} has no usable {name!r}")
    return found


def _causal(encoder: Encoder, rows: Sequence[Mapping[str, Any]], where: _Where) -> Iterator[TokenRow]:
    end, longest = encoder.tokenizer.eos_token_id, encoder.plan.max_length
    for ids in encoder.tokenizer(_column(rows, "text", str, where), verbose=False)["input_ids"]:
        whole = ids if end is None or (ids and ids[-1] == end) else [*ids, int(end)]
        encoder.tally.cut += len(whole) > longest
        for begin in range(0, len(whole), longest):
            if len(whole) - begin > 1 or len(whole) == 1:  # one token alone predicts nothing
                yield TokenRow(whole[begin : begin + longest])


def _masked(encoder: Encoder, rows: Sequence[Mapping[str, Any]], where: _Where) -> Iterator[TokenRow]:
    if encoder.plan.whole_word and not encoder.tokenizer.is_fast:
        raise TuningError("whole_word", "needs a fast tokenizer, which tells the word of each token")
    found = encoder.tokenizer(
        _column(rows, "text", str, where),
        truncation=True,
        max_length=encoder.plan.max_length,
        return_overflowing_tokens=encoder.tokenizer.is_fast,
    )
    encoder.tally.cut += max(0, len(found["input_ids"]) - len(rows))
    for index, ids in enumerate(found["input_ids"]):
        words = found.word_ids(index) if encoder.plan.whole_word else None
        yield TokenRow(ids, words=None if words is None else [-1 if word is None else word for word in words])


def _supervised(encoder: Encoder, rows: Sequence[Mapping[str, Any]], where: _Where) -> Iterator[TokenRow]:
    chats = _column(rows, "messages", list, where)
    for index, chat in enumerate(chats):
        _check_chat(chat, where(index), least=2)
    texts = [chat_texts(encoder.tokenizer, chat[:-1], str(chat[-1]["content"])) for chat in chats]
    for head, tail in _tokenised(encoder.tokenizer, texts):
        if len(head) + len(tail) > encoder.plan.max_length:
            encoder.tally.left_out += 1
            continue
        yield TokenRow(head + tail, start=len(head))


def _classify(encoder: Encoder, rows: Sequence[Mapping[str, Any]], where: _Where) -> Iterator[TokenRow]:
    places = {label: index for index, label in enumerate(encoder.labels)}
    labels = _column(rows, "label", str, where)
    for index, label in enumerate(labels):
        if label not in places:
            raise TuningError("dataset", f"{where(index)} has the label {label!r}, which is not in the label set")
    found = encoder.tokenizer(_column(rows, "text", str, where), verbose=False)["input_ids"]
    for ids, label in zip(found, labels, strict=True):
        longest = encoder.plan.max_length
        encoder.tally.cut += len(ids) > longest
        yield TokenRow(ids if len(ids) <= longest else [*ids[: longest - 1], ids[-1]], value=float(places[label]))


def _pairs(encoder: Encoder, rows: Sequence[Mapping[str, Any]], where: _Where) -> Iterator[TokenRow]:
    chats = _column(rows, "messages", list, where)
    chosen, rejected = _column(rows, "chosen", str, where), _column(rows, "rejected", str, where)
    for index, (chat, better, worse) in enumerate(zip(chats, chosen, rejected, strict=True)):
        _check_chat(chat, where(index), least=0)
        weight = _weight(rows[index].get("weight", 1.0), where(index))
        for answer in (better, worse):
            yield TokenRow(_shortened(encoder, judged_ids(encoder.tokenizer, chat, answer)), value=weight)


def _shortened(encoder: Encoder, ids: list[int]) -> list[int]:
    """At most `max_length` tokens: the first one (it may be the classifier's own) and the end, where the answer is."""
    if len(ids) <= encoder.plan.max_length:
        return ids
    encoder.tally.cut += 1
    return [ids[0], *ids[len(ids) - encoder.plan.max_length + 1 :]]


def judged_ids(tokenizer: PreTrainedTokenizerBase, chat: Sequence[Mapping[str, str]], answer: str) -> list[int]:
    """The tokens by which a copy is scored: as a chat where there is a template, else as prompt and text."""
    if tokenizer.chat_template:
        ((head, tail),) = _tokenised(tokenizer, [chat_texts(tokenizer, chat, answer)] if chat else [("", answer)])
        return head + tail
    prompt = "\n\n".join(str(message["content"]) for message in chat)
    return list(tokenizer(*([prompt] if prompt else []), answer, verbose=False)["input_ids"])


def _weight(value: Any, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value) or value < 0:
        raise TuningError("dataset", f"{where} has the weight {value!r}, which is no number from 0 up")
    return float(value)


def _check_chat(chat: Sequence[Any], where: str, *, least: int) -> None:
    whole = all(isinstance(one, Mapping) and {"role", "content"} <= set(one) for one in chat)
    if len(chat) < least or not whole:
        raise TuningError("dataset", f"{where}: 'messages' must hold at least {least} of role and content")


def chat_texts(tokenizer: PreTrainedTokenizerBase, prompt: Sequence[Any], answer: str) -> tuple[str, str]:
    """The prompt as text, ready for an answer, and the answer as text with the end that the template gives it."""
    end = str(tokenizer.eos_token or "")
    if not tokenizer.chat_template:
        return "\n\n".join([*(str(message["content"]) for message in prompt), ""]), answer + end
    try:
        return _templated(tokenizer, list(prompt), answer, end)
    except TemplateError:  # some templates refuse a system message: its rules then open the user's
        merged = "\n\n".join(str(message["content"]) for message in prompt)
        return _templated(tokenizer, [{"role": "user", "content": merged}], answer, end)


def _templated(
    tokenizer: PreTrainedTokenizerBase, prompt: list[dict[str, str]], answer: str, end: str
) -> tuple[str, str]:
    # enable_thinking is read by templates of reasoning models and ignored by all others, as in generation
    head = str(tokenizer.apply_chat_template(prompt, tokenize=False, add_generation_prompt=True, enable_thinking=False))
    chat = [*prompt, {"role": "assistant", "content": answer}]
    whole = str(tokenizer.apply_chat_template(chat, tokenize=False, enable_thinking=False))
    if not whole.startswith(head) or answer not in whole[len(head) :]:
        return head, answer + end  # the template rewrites its own past; generation would start from `head`
    tail = whole[len(head) :].rstrip("\n")
    return head, tail if tail != answer.rstrip("\n") else answer + end


def _tokenised(
    tokenizer: PreTrainedTokenizerBase, texts: Sequence[tuple[str, str]]
) -> Iterator[tuple[list[int], list[int]]]:
    plain = not tokenizer.chat_template  # a template writes its special tokens itself
    heads = tokenizer([head for head, _ in texts], add_special_tokens=plain, verbose=False)["input_ids"]
    tails = tokenizer([tail for _, tail in texts], add_special_tokens=False, verbose=False)["input_ids"]
    yield from zip(heads, tails, strict=True)


_ENCODERS: Mapping[str, Callable[[Encoder, Sequence[Mapping[str, Any]], _Where], Iterator[TokenRow]]] = {
    "causal": _causal,
    "masked": _masked,
    "supervised": _supervised,
    "classify": _classify,
    "score_pairs": _pairs,
}
