"""Themes of a campaign: theme lines read from drafts, gathered into ideas, and the few that are least alike.

Pure. A theme that several drafts came to, for several audiences, carries further than one that came once: a theme's
support is counted. The choice is greedy farthest-first (Gonzalez 1985): the best supported first, then whatever is
least like those chosen, support breaking ties.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from models_ml.brief import SLOT_PATTERN, Brief, clean
from models_ml.judging import trigrams
from models_ml.parsing import read_fields

LONGEST = 80
_SAME = 0.5  # share of trigrams from which two lines are one idea


@dataclass(frozen=True)
class Theme:
    """An idea for a campaign: its words, how many drafts came to it, and the audiences they were for."""

    text: str
    support: int
    audiences: tuple[str, ...]
    also: tuple[str, ...] = ()


def theme_line(language: str, text: str) -> str | None:
    """The theme in a draft (which may be cut short), or None where it has none that could stand for a campaign.

    No slots, no digits, not in the other language: a theme says no facts.
    """
    raw = read_fields(text if "\n" in text or ":" in text or "：" in text else f"theme: {text}").get("theme", "")
    line = clean(raw, LONGEST) if not SLOT_PATTERN.search(raw) else ""
    chinese = bool(re.search(r"[\u4e00-\u9fff]", line))
    if len(line) < 2 or any(char.isdigit() for char in line) or chinese != (language == "zh"):
        return None
    return line.rstrip(".。!！")


def gather(lines: Iterable[tuple[str, str]]) -> list[Theme]:
    """Themes from (audience, line) pairs: like lines are one, under the wording that came most often; best first."""
    counted: dict[str, list[str]] = {}
    for audience, line in lines:
        counted.setdefault(line, []).append(audience)
    groups: list[list[str]] = []
    for line in sorted(counted, key=lambda one: (-len(counted[one]), one)):
        home = next((group for group in groups if alike(group[0], line) >= _SAME), None)
        groups.append([line]) if home is None else home.append(line)
    themes = [_theme(group, counted) for group in groups]
    return sorted(themes, key=lambda theme: (-theme.support, theme.text))


def distinct(themes: Sequence[Theme], count: int) -> list[Theme]:
    """The `count` themes least like each other, the best supported first."""
    pool, chosen = list(themes), list(themes[:1])
    while len(chosen) < min(count, len(themes)):
        rest = [theme for theme in pool if theme not in chosen]
        chosen.append(min(rest, key=lambda one: (_nearest(one, chosen), -one.support, one.text)))
    return chosen[:count]


def under(themes: Sequence[Theme], briefs: Sequence[Brief]) -> list[Brief]:
    """The briefs of a campaign under each of its themes, theme by theme: what copy is then written for."""
    return [replace(brief, theme=theme.text) for theme in themes for brief in briefs]


def alike(one: str, other: str) -> float:
    """Share of common trigrams of two lines, borders counted, so that short Chinese lines compare too."""
    left, right = trigrams(f"  {one} "), trigrams(f"  {other} ")
    return len(left & right) / len(left | right)


def _theme(group: Sequence[str], counted: dict[str, list[str]]) -> Theme:
    audiences = [audience for line in group for audience in counted[line]]
    return Theme(group[0], len(audiences), tuple(sorted(set(audiences))), tuple(group[1:]))


def _nearest(theme: Theme, chosen: Sequence[Theme]) -> float:
    return max(alike(theme.text, one.text) for one in chosen)
