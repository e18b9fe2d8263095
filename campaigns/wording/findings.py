"""A finding in the reader's language. Findings are stored in English; the rules bear each sentence in both languages.

Peculiar: of a stored row only the sentence is known, so the values in it are found again by matching it against the
English template of its rule. A rule that is gone, or a sentence that no template made, stays as it was stored.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple, Protocol

from campaigns.compliance.engine import written
from campaigns.compliance.library import packs_by_id, rules_by_id
from campaigns.compliance.packs import Pack, Rule, Text

_NAME = re.compile(r"\{([a-z_]+)\}")


class Found(Protocol):
    """What a finding must tell: a row of the table or a value fresh from the checks."""

    @property
    def rule(self) -> str:
        """The id of its rule."""

    @property
    def message(self) -> str:
        """What is wrong, in English."""

    @property
    def remedy(self) -> str:
        """What to do, in English."""

    @property
    def why(self) -> str:
        """Why, in English."""

    @property
    def article(self) -> str:
        """Statute and article, in English."""


class Said(NamedTuple):
    """The sentences of one finding in one language."""

    message: str
    why: str
    remedy: str
    article: str


def localised(finding: Found, language: str) -> Said:
    """The sentences of a finding for a reader of `en` or `zh`."""
    rule = rules_by_id().get(finding.rule)
    if language != "zh" or rule is None:
        return Said(finding.message, finding.why, finding.remedy, finding.article)
    words = packs_by_id()[rule.pack].words
    return Said(
        _translated(finding.message, _messages(rule), words),
        _translated(finding.why, (rule.why,), words),
        _translated(finding.remedy, _remedies(rule), words),
        rule.cited("zh") if finding.article == rule.cited("en") else finding.article,
    )


def dress(findings: Iterable[Any], language: str) -> None:
    """Give each row its sentences as `said`, for a template."""
    for finding in findings:
        finding.said = localised(finding, language)


def _messages(rule: Rule) -> Iterator[Text]:
    yield from (one.message for one in rule.sentences.values())
    yield from _pack(rule).patterns


def _remedies(rule: Rule) -> Iterator[Text]:
    yield from (one.remedy for one in rule.sentences.values())
    yield from _pack(rule).patterns


def _pack(rule: Rule) -> Pack:
    return packs_by_id()[rule.pack]


def _translated(sentence: str, templates: Iterable[Text], words: Mapping[str, str]) -> str:
    """The sentence by the template whose English made it, the longest first, with its values; else as it is."""
    for template in sorted(templates, key=lambda one: -len(one.en)):
        if template.en and (match := _pattern(template.en).fullmatch(sentence)):
            values = {name: words.get(value, value) for name, value in match.groupdict().items()}
            return written(template.zh, values)
    return sentence


@cache
def _pattern(template: str) -> re.Pattern[str]:
    """A template as a pattern with a group for each name; the same name twice is the same value."""
    seen: set[str] = set()
    pieces: list[str] = []
    end = 0
    for match in _NAME.finditer(template):
        name = match[1]
        pieces.append(re.escape(template[end : match.start()]))
        pieces.append(f"(?P={name})" if name in seen else f"(?P<{name}>.*?)")
        seen.add(name)
        end = match.end()
    return re.compile("".join(pieces) + re.escape(template[end:]), re.DOTALL)
