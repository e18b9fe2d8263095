"""A candidate read from a model's text: `key: value` lines or a JSON object, keys in English or Chinese.

Pure, and never raises: what cannot be read is a ParseFailure with its reason.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from models_ml.channels import PARTS

SLOT_PATTERN = re.compile(r"\{([a-z_]+)\}")

_KEYS = {
    "theme": "theme", "主题": "theme", "headline": "headline", "subject": "headline", "title": "headline",
    "标题": "headline", "body": "body", "text": "body", "正文": "body", "内容": "body", "cta": "call_to_action",
    "call to action": "call_to_action", "call_to_action": "call_to_action", "行动": "call_to_action",
    "行动号召": "call_to_action",
}  # fmt: skip
_LINE = re.compile(r"^[\s>*#-]*([A-Za-z_ ]{3,16}|[\u4e00-\u9fff]{2,4})\s*\**\s*[:：]\s*\**\s*(.*?)\s*$")


@dataclass(frozen=True)
class Candidate:
    """What a model proposes, slots unfilled."""

    theme: str
    headline: str
    body: str
    call_to_action: str

    def parts(self) -> dict[str, str]:
        """The parts a shopper sees, by the names `channels` uses."""
        return {part: getattr(self, part) for part in PARTS}


@dataclass(frozen=True)
class ParseFailure:
    """Why a model's text is no candidate, in a sentence."""

    reason: str


def parse(text: str) -> Candidate | ParseFailure:
    """A candidate from a model's text: `key: value` lines (keys English or Chinese), or a JSON object."""
    found = read_fields(text)
    for name in ("theme", "headline", "body", "call_to_action"):
        if not found.get(name):
            return ParseFailure(f"no {name.replace('_', ' ')}")
    stray = next((name for name, value in found.items() if re.search(r"[{}]", SLOT_PATTERN.sub("", value))), None)
    if stray:
        return ParseFailure(f"a broken slot in the {stray.replace('_', ' ')}")
    return Candidate(**found)


def read_fields(text: str) -> dict[str, str]:
    """Whatever of theme, headline, body and call_to_action stands in `text`, also where it was cut short."""
    return _from_json(text) or _from_lines(text)


def _from_json(text: str) -> dict[str, str]:
    start, end = text.find("{\n"), text.rfind("}")
    start = start if start >= 0 else text.find('{"')
    if start < 0 or end < start:
        return {}
    try:
        data = json.loads(text[start : end + 1])
    except (ValueError, RecursionError):
        return {}
    items = data.items() if isinstance(data, dict) else ()
    return {
        _KEYS[key.lower()]: value.strip() for key, value in items if key.lower() in _KEYS and isinstance(value, str)
    }


def _from_lines(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in text.splitlines():
        match = _LINE.match(line)
        name = _KEYS.get(match[1].strip().lower()) if match else None
        if match and name and name not in found:
            found[name] = match[2].strip("* \t")
    return found
