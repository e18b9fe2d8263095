"""The labelled cases of the fact check and how its findings are scored against them.

A finding counts as right where kind and excerpt are those of a label of its case; each label is met once. Recall is the
share of labels met, precision the share of findings that meet one.
"""

from __future__ import annotations

import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from models_ml.fact_check import FactFinding, PricePoint, Support, check, filled

FOLDER = Path(__file__).parent
TUNED, HELD_OUT = ("cases_en", "cases_zh", "cases_more", "cases_further"), ("held_out",)


@dataclass(frozen=True)
class Case:
    """A text, with slots, what it is held against, and the (kind, excerpt) of each finding it must give."""

    text: str
    support: str
    expect: tuple[tuple[str, str], ...]

    @property
    def language(self) -> str:
        """The language of the case's support."""
        return supports()[self.support].language


@dataclass
class Score:
    """Counts of labels met, labels missed and findings that meet none."""

    met: int = 0
    missed: int = 0
    wrong: int = 0
    examples: list[str] = field(default_factory=list)

    @property
    def recall(self) -> float:
        """Share of labels met; 1 where there are none."""
        return self.met / (self.met + self.missed) if self.met + self.missed else 1.0

    @property
    def precision(self) -> float:
        """Share of findings that meet a label; 1 where there are none."""
        return self.met / (self.met + self.wrong) if self.met + self.wrong else 1.0


@cache
def supports() -> Mapping[str, Support]:
    """What cases are held against, by name."""
    data = tomllib.loads((FOLDER / "supports.toml").read_text(encoding="utf-8"))
    return {name: _support(entry) for name, entry in data.items()}


def _support(entry: Mapping[str, Any]) -> Support:
    history = [
        PricePoint(date.fromisoformat(day), Decimal(price), Decimal(listed) if listed else None, currency)
        for day, price, listed, currency in entry.get("history", ())
    ]
    return Support(
        facts=entry["facts"],
        product_texts=entry["texts"],
        price_history=history,
        today=date.fromisoformat(entry["today"]) if "today" in entry else None,
        language=entry["language"],
        offer_kind=entry["offer"],
    )


@cache
def cases(*names: str) -> tuple[Case, ...]:
    """The cases of the named files, in their order."""
    return tuple(
        Case(entry["text"], entry["support"], tuple((kind, excerpt) for kind, excerpt in entry["expect"]))
        for name in names
        for entry in tomllib.loads((FOLDER / f"{name}.toml").read_text(encoding="utf-8"))["case"]
    )


def findings(case: Case) -> list[FactFinding]:
    """What the check says of a case, its slots filled."""
    support = supports()[case.support]
    parts, spans = filled({"body": case.text}, support.facts)
    return check(parts, support, fact_spans=spans)


def score(chosen: Iterable[Case]) -> dict[tuple[str, str], Score]:
    """Scores by (language, kind), with the totals under the kind "all" and the language "both"."""
    scores: dict[tuple[str, str], Score] = defaultdict(Score)
    for case in chosen:
        wanted = Counter(case.expect)
        said = Counter((finding.kind, finding.excerpt) for finding in findings(case))
        for name, counted in (("met", wanted & said), ("missed", wanted - said), ("wrong", said - wanted)):
            for (kind, excerpt), count in counted.items():
                for key in ((case.language, kind), (case.language, "all"), ("both", kind), ("both", "all")):
                    setattr(scores[key], name, getattr(scores[key], name) + count)
                if name != "met":
                    scores["both", "all"].examples.append(
                        f"{name} {kind} “{excerpt}” in “{case.text}” ({case.support})"
                    )
    return scores
