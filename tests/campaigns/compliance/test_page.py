"""The tables of docs/compliance.md are what the packs hold. With COPYLIFT_WRITE_COMPLIANCE=1 they are written anew."""

from __future__ import annotations

import os
from pathlib import Path

from campaigns.compliance.library import packs
from campaigns.compliance.packs import Pack, Rule

PAGE = Path(__file__).resolve().parents[3] / "docs" / "compliance.md"
WEIGHTS = {"block": "blocks", "warn": "look closely", "info": "for information"}
ELSEWHERE = {"words.banned"}


def put(name: str, table: str) -> None:
    """Hold what stands between the marks `name` equal to the table, or write it there where that is asked for."""
    begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    before, rest = PAGE.read_text(encoding="utf-8").split(begin)
    if os.environ.get("COPYLIFT_WRITE_COMPLIANCE"):
        PAGE.write_text(f"{before}{begin}\n{table}\n{end}{rest.split(end)[1]}", encoding="utf-8")
    else:
        assert rest.split(end)[0].strip() == table


def test_the_page_lists_every_pack_with_its_rules() -> None:
    put("packs", "\n\n".join(described(pack) for pack in packs() if pack.id != "house"))


def described(pack: Pack) -> str:
    """A heading, what changed, and a row a rule."""
    changes = [f"- {one.version} ({one.day.isoformat()}): {one.what.en}" for one in pack.changes]
    rows = [row(rule) for rule in pack.rules if rule.id not in ELSEWHERE]
    head = ["| rule | what it says | article | since | text read | weight |", "|---|---|---|---|---|---|"]
    return "\n".join(
        [f"### {pack.title.en} (version {pack.version})", "", pack.about.en, "", *changes, "", *head, *rows]
    )


def row(rule: Rule) -> str:
    since = rule.days.first.isoformat() if rule.days.first else "–"
    cited = rule.cited("en") or "–"
    read = ("yes" if rule.verified else "no") if rule.statute.en else "–"
    message = rule.sentences[""].message.en.replace("|", "\\|")
    return f"| `{rule.id}` | {message} | {cited} | {since} | {read} | {WEIGHTS[rule.severity]} |"
