"""From the roles of a raw row to the row a task teaches, cleaned and masked, or the reason why it is dropped.

The rows, by task (see docs/datasets.md): text {"text"}, labels {"text", "label"}, copy {"messages"} ending in the
answer, pairs {"messages", "chosen", "rejected", "weight"}; each with "language" and "group". A prompt made from a
brief is exactly what `models_ml.brief.messages` gives a model later; only personal data is masked in it.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from models_ml.brief import Brief, BriefError, messages
from models_ml.data.cleaning import MOST_RAW, clean_text, is_broken, is_missing, normalised
from models_ml.data.errors import DataError
from models_ml.data.language import OTHER, detect_language
from models_ml.data.personal import mask
from models_ml.data.plan import COPY_PARTS, DatasetPlan
from models_ml.data.reading import RawRow

_LONGEST_GROUP = 200
_MESSAGE_ROLES = ("system", "user", "assistant")
Row = dict[str, Any]
Chat = list[dict[str, str]]


class Dropped(Exception):
    """A row is left out. The message is the reason as the report counts it; `text` shows what was dropped."""

    def __init__(self, reason: str, text: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.text = text


@dataclass
class RowMaker:
    """Makes the rows of one source. `columns` are the columns of each role; `masked` counts what was masked."""

    plan: DatasetPlan
    columns: Mapping[str, tuple[str, ...]]
    name: str
    language: str | None = None
    masked: Counter[str] = field(default_factory=Counter)

    def make(self, raw: RawRow) -> Row:
        """The row. Raises Dropped with the reason, DataError for a label outside the plan's set."""
        cells = {role: _cell(raw, names) for role, names in self.columns.items()}
        body = {"text": self._text_row, "labels": self._label_row, "copy": self._copy_row, "pairs": self._pair_row}
        row = body[self.plan.task](cells, raw)
        declared = row.pop("language", None) or self.language
        language = self._language(self._spoken(row), declared)
        return {**row, "language": language, "group": self._group(cells, row)}

    def _text_row(self, cells: Mapping[str, Any], _raw: RawRow) -> Row:
        return {"text": self._clean("text", cells)}

    def _label_row(self, cells: Mapping[str, Any], raw: RawRow) -> Row:
        text, label = self._clean("text", cells), clean_text(text_of(cells["label"]))
        if is_missing(label) or is_broken(label):
            raise Dropped("missing label", text)
        if self.plan.labels and label not in self.plan.labels:
            known = ", ".join(self.plan.labels)
            raise DataError("labels", f"{self.name}, line {raw.line}: the label {label!r} is outside the set {known}")
        return {"text": text, "label": label}

    def _copy_row(self, cells: Mapping[str, Any], _raw: RawRow) -> Row:
        if "messages" in cells:
            return {"messages": self._chat(cells["messages"])}
        if "prompt" in cells:
            prompt, answer = self._clean("prompt", cells), self._clean("answer", cells)
            return {"messages": [_message("user", prompt), _message("assistant", answer)]}
        chat, language = self._brief(cells["brief"])
        parts = {part: " ".join(self._clean(part, cells).split()) for part in COPY_PARTS}
        return {"messages": [*chat, _message("assistant", four_lines(parts))], "language": language}

    def _pair_row(self, cells: Mapping[str, Any], _raw: RawRow) -> Row:
        chosen, rejected = self._clean("chosen", cells), self._clean("rejected", cells)
        if normalised(chosen) == normalised(rejected):
            raise Dropped("chosen and rejected are the same text", chosen)
        declared = None
        if "brief" in cells:
            chat, declared = self._brief(cells["brief"])
        else:
            chat = [_message("user", self._clean("prompt", cells))]
        row = {"messages": chat, "chosen": chosen, "rejected": rejected, "weight": _weight(cells.get("weight", 1.0))}
        return {**row, "language": declared}

    def _brief(self, cell: object) -> tuple[Chat, str]:
        try:
            brief = Brief.from_json(json.loads(cell) if isinstance(cell, str) else cell)
        except (BriefError, ValueError, RecursionError, TypeError) as error:
            raise Dropped("the brief cannot be read", str(error)) from error
        return [_message(item["role"], self._mask(item["content"])) for item in messages(brief)], brief.language

    def _chat(self, cell: object) -> Chat:
        try:
            items: Any = json.loads(cell) if isinstance(cell, str) else cell
            chat = [_message(item["role"], self._bounded(str(item["content"]), "messages")) for item in items]
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise Dropped("messages are no list of role and content", str(cell)) from error
        roles = [item["role"] for item in chat]
        if roles[-1:] != ["assistant"] or "user" not in roles or not set(roles) <= set(_MESSAGE_ROLES):
            raise Dropped("messages do not go from a user to an answer of the assistant", str(roles))
        return chat

    def _clean(self, role: str, cells: Mapping[str, Any]) -> str:
        return self._bounded(text_of(cells[role]), role)

    def _bounded(self, raw: str, role: str) -> str:
        """The text of a cell, cleaned and masked, within the plan's lengths. Raises Dropped."""
        if len(raw) > MOST_RAW:
            raise Dropped(f"{role} too long", raw)
        text = clean_text(raw)
        if is_missing(text):
            raise Dropped(f"missing {role}", raw)
        if is_broken(text):
            raise Dropped(f"broken characters in {role}", text)
        if role not in ("theme", "call_to_action") and len(text) < self.plan.least_characters:
            raise Dropped(f"{role} too short", text)
        if len(text) > self.plan.most_characters:
            raise Dropped(f"{role} too long", text)
        return self._mask(text)

    def _mask(self, text: str) -> str:
        if not self.plan.mask_personal:
            return text
        masked, found = mask(text)
        self.masked.update(found)
        return masked

    def _spoken(self, row: Row) -> str:
        return "\n".join(compared(row))

    def _language(self, text: str, declared: str | None) -> str:
        detected = detect_language(text)
        if not normalised(text):
            raise Dropped("no words", text)
        language = declared or detected
        if declared and self.language is None and detected not in ("", declared):
            raise Dropped("not in the language of its brief", text)
        if language in ("", OTHER) or language not in self.plan.languages:
            raise Dropped("no words" if language == "" else "another language", text)
        return language

    def _group(self, cells: Mapping[str, Any], row: Row) -> str:
        given = " ".join(text_of(cells.get("group")).encode("utf-8", "replace").decode().split())
        if self.plan.group_by == "text" or is_missing(given):
            return f"text-{digest(group_text(row))[:16]}"
        # A group may be the address or number of a customer; the row needs to know that it is the same, not which.
        personal = self.plan.mask_personal and bool(mask(given)[1])
        return f"hidden-{digest(given)[:16]}" if personal or len(given) > _LONGEST_GROUP else given


def compared(row: Row) -> list[str]:
    """The texts of a row that must not come twice: the text; the answer; both copies of a pair."""
    if "chosen" in row:
        return [row["chosen"], row["rejected"]]
    return [row["text"] if "text" in row else row["messages"][-1]["content"]]


def group_text(row: Row) -> str:
    """What stands for the group where none is given: the text, or all that comes before the answer."""
    if "text" in row:
        return normalised(row["text"])
    prompt = row["messages"] if "chosen" in row else row["messages"][:-1]
    return json.dumps(prompt, ensure_ascii=False)


def identity(row: Row) -> str:
    """Rows of the same identity are the same row; a label is not part of it, so that contradictions meet."""
    own = " | ".join(normalised(text) for text in compared(row))
    return own if "text" in row else f"{group_text(row)} | {own}"


def kind(row: Row) -> str:
    """Near-duplicates are dropped only within a kind: the label; the prompt."""
    return str(row["label"]) if "label" in row else "" if "text" in row else digest(group_text(row))


def four_lines(parts: Mapping[str, str]) -> str:
    """The answer as models are asked for it: theme, headline, body and call to action, a line each."""
    return "\n".join(f"{'cta' if part == 'call_to_action' else part}: {parts[part]}" for part in COPY_PARTS)


def text_of(value: object) -> str:
    """A cell as text: lists joined by commas, objects as `key: value; …`, nothing for None and NaN."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, Mapping):
        return "; ".join(f"{key}: {text_of(item)}" for key, item in value.items() if text_of(item))
    if isinstance(value, list | tuple):
        return ", ".join(text_of(item) for item in value)
    return value if isinstance(value, str) else str(value)


def digest(text: str) -> str:
    """SHA-256 of a text, in hex."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _cell(raw: RawRow, names: tuple[str, ...]) -> object:
    """The value of one column; several are joined, a line each, those without value left out."""
    if len(names) == 1:
        return raw.values.get(names[0])
    texts = [text_of(raw.values.get(name)) for name in names]
    return "\n".join(text for text in texts if not is_missing(text))


def _message(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}


def _weight(value: object) -> float:
    try:
        weight = float(str(value))
    except ValueError:
        weight = math.nan
    if not (math.isfinite(weight) and weight > 0):
        raise Dropped("weight is not a number above 0", str(value))
    return weight
