"""The rule packs as they lie in `data/`, one TOML file each, read and compiled once."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from campaigns.compliance.packs import (
    EVERYWHERE,
    NOTHING,
    ORDER,
    Change,
    Days,
    Exemption,
    Pack,
    Rule,
    Sentences,
    Text,
    jurisdiction_of,
)

DATA = Path(__file__).parent / "data"
SEVERITIES = frozenset({"block", "warn", "info"})


@cache
def packs() -> tuple[Pack, ...]:
    """Every pack. Raises ValueError naming a file or rule that cannot be read, or an id that stands twice."""
    found = {pack.id: pack for pack in (_pack(path) for path in sorted(DATA.glob("*.toml")))}
    ordered = tuple(found[name] for name in (*ORDER, *sorted(set(found) - set(ORDER))) if name in found)
    ids = [rule.id for pack in ordered for rule in pack.rules]
    if twice := sorted({one for one in ids if ids.count(one) > 1}):
        raise ValueError(f"rules with the same id: {', '.join(twice)}")
    return ordered


@cache
def rules_by_id() -> Mapping[str, Rule]:
    """Every rule by its id."""
    return {rule.id: rule for pack in packs() for rule in pack.rules}


@cache
def packs_by_id() -> Mapping[str, Pack]:
    """Every pack by its id."""
    return {pack.id: pack for pack in packs()}


@cache
def chosen(jurisdictions: tuple[str, ...]) -> tuple[Pack, ...]:
    """The packs for a brand that sells in these places: theirs, and those that count everywhere."""
    codes = {jurisdiction_of(code) for code in jurisdictions}
    return tuple(pack for pack in packs() if pack.id in EVERYWHERE or pack.jurisdiction in codes)


def jurisdictions() -> tuple[str, ...]:
    """The jurisdictions for which there is a pack."""
    return tuple(pack.jurisdiction for pack in packs() if pack.jurisdiction)


def _pack(path: Path) -> Pack:
    data = tomllib.loads(path.read_text(encoding="utf-8"))
    try:
        head = data["pack"]
        return Pack(
            id=head["id"],
            jurisdiction=head.get("jurisdiction", ""),
            version=head["version"],
            title=_text(head["title"]),
            about=_text(head["about"]),
            changes=tuple(Change(one["version"], one["day"], _text(one["what"])) for one in head["changes"]),
            rules=tuple(_rule(entry, head["id"]) for entry in data.get("rule", ())),
            words=data.get("words", {}),
            patterns=tuple(_text(one) for one in data.get("pattern", ())),
        )
    except KeyError as problem:
        raise ValueError(f"{path.name}: {problem} is missing") from problem


def _rule(entry: Mapping[str, Any], pack: str) -> Rule:
    try:
        return Rule(
            id=entry["id"],
            pack=pack,
            topic=entry.get("topic", entry["id"]),
            severity=_severity(entry["severity"]),
            statute=_text(entry["statute"]) if "statute" in entry else NOTHING,
            article=_text(entry.get("article", "")),
            source_url=entry.get("source_url", ""),
            days=_days(entry),
            terms=_any_of(entry["terms"]) if "terms" in entry else None,
            as_written=entry.get("as_written", False),
            predicate=entry.get("predicate", ""),
            options=entry.get("options", {}),
            exemptions=tuple(_exemption(one) for one in entry.get("exemption", ())),
            sentences={
                "": _sentences(entry),
                **{name: _sentences({**entry, **one}) for name, one in entry.get("variant", {}).items()},
            },
            why=_text(entry["why"]),
            verified=entry.get("verified", False),
            unless_fact=entry.get("unless_fact", ""),
            unless_supported=entry.get("unless_supported", False),
            unless_shown=_any_of(entry["unless_shown"]) if "unless_shown" in entry else None,
            fails=tuple(entry.get("fails", ())),
            passes=tuple(entry.get("passes", ())),
            **{name: frozenset(entry.get(name, ())) for name in _SETS},
        )
    except (KeyError, ValueError, re.error) as problem:
        raise ValueError(f"the rule {entry.get('id')!r} cannot be read: {problem}") from problem


_SETS = ("channels", "languages", "parts", "unless_offer", "gives_way_to")


def _exemption(entry: Mapping[str, Any]) -> Exemption:
    return Exemption(
        title=_text(entry["title"]),
        article=_text(entry.get("article", "")),
        days=_days(entry),
        terms=_any_of(entry["terms"]),
        verified=entry.get("verified", False),
    )


def _severity(name: str) -> str:
    if name not in SEVERITIES:
        raise ValueError(f"{name!r} is no severity")
    return name


def _sentences(entry: Mapping[str, Any]) -> Sentences:
    return Sentences(_text(entry["message"]), _text(entry["remedy"]))


def _days(entry: Mapping[str, Any]) -> Days:
    return Days(entry.get("effective_from"), entry.get("effective_to"))


def _text(entry: Mapping[str, str] | str) -> Text:
    """A table of both languages; a plain text, such as `16 CFR 465`, is the same in both."""
    return Text(entry, entry) if isinstance(entry, str) else Text(entry["en"], entry["zh"])


def _any_of(patterns: Sequence[str]) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns))
