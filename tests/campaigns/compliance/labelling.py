"""Labelled sentences, and how well each pack finds what a person found in them.

A sentence is judged by the rules of one pack, that of its file. A finding is right where the label names its rule; what
other packs say of the sentence counts for neither. Files of `held_out/` were written before the rules were tried on
them and the rules were not changed for them since; those of `tuned/` are what the rules were made for.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from campaigns.compliance.library import rules_by_id
from tests.campaigns.compliance.checking import findings

FOLDER = Path(__file__).parent / "labelled"
SETS = ("tuned", "held_out")


@dataclass(frozen=True)
class Case:
    """One sentence with what must be found in it by the rules of `pack`."""

    pack: str
    language: str
    channel: str
    jurisdictions: tuple[str, ...]
    day: date
    text: str
    headline: str
    rules: frozenset[str]

    def found(self) -> frozenset[str]:
        """The rules of the pack that speak."""
        said = findings(
            self.text,
            *self.jurisdictions,
            channel=self.channel,
            language=self.language,
            headline=self.headline,
            as_of=self.day,
            banned_words=("cheap", "便宜"),
            preferred_words=("bag > tote", "包 > 手袋"),
        )
        wanted = {"house"} if self.pack == "house" else {self.pack}
        words = (one.rule for one in said if not one.rule.startswith(("form.", "facts.", "figures.")))
        return frozenset(rule for rule in words if rules_by_id()[rule].pack in wanted)


@dataclass
class Measure:
    """Rules named by the labels (`labels`) and by the checks (`findings`), and how many of both agree."""

    sentences: int = 0
    negatives: int = 0
    clean: int = 0
    labels: int = 0
    findings: int = 0
    right: int = 0
    misses: list[str] = field(default_factory=list)

    def take(self, case: Case) -> None:
        """Count one sentence."""
        found = case.found()
        self.sentences += 1
        self.negatives += not case.rules
        self.clean += not case.rules and not found
        self.labels += len(case.rules)
        self.findings += len(found)
        self.right += len(found & case.rules)
        if found != case.rules:
            self.misses.append(f"{case.text}: {sorted(found)}, not {sorted(case.rules)}")

    @property
    def recall(self) -> float:
        """The share of the labels that were found."""
        return self.right / self.labels if self.labels else 1.0

    @property
    def precision(self) -> float:
        """The share of the findings that a label names."""
        return self.right / self.findings if self.findings else 1.0


def cases(name: str) -> list[Case]:
    """The sentences of a set."""
    return [
        _case(data, one)
        for path in sorted((FOLDER / name).glob("*.toml"))
        for data in [tomllib.loads(path.read_text(encoding="utf-8"))]
        for one in data["cases"]
    ]


def _case(data: dict[str, Any], one: dict[str, Any]) -> Case:
    values = {**data, **one}
    language = values["language"]
    return Case(
        pack=values["pack"],
        language=language,
        channel=values["channel"],
        jurisdictions=tuple(values["jurisdictions"]),
        day=values["day"],
        text=values["text"],
        headline=values.get("headline", "早上好" if language == "zh" else "Good morning"),
        rules=frozenset(values["rules"]),
    )


def measured(name: str) -> dict[tuple[str, str], Measure]:
    """{(pack, language): how well}, and each pack over both languages."""
    found: dict[tuple[str, str], Measure] = {}
    for case in cases(name):
        for key in ((case.pack, case.language), (case.pack, "both")):
            found.setdefault(key, Measure()).take(case)
    return found
