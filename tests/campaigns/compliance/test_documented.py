"""The approver's guide, the page on the fact check and that on the packs name every rule with its weight, no other."""

from __future__ import annotations

import re
from pathlib import Path

from campaigns.compliance.library import rules_by_id

DOCS = Path(__file__).resolve().parents[3] / "docs"
PAGES = ("review.md", "fact-check.md", "compliance.md")
WEIGHTS = {"block": "blocks", "warn": "look closely", "info": "for information"}


def test_the_guide_names_every_rule_with_its_weight() -> None:
    text = "\n".join((DOCS / page).read_text(encoding="utf-8") for page in PAGES)
    rows = re.findall(r"^\| `([a-z_]+\.[a-z_]+)` \|.*\| ([a-z ]+) \|$", text, flags=re.MULTILINE)
    rules = {rule.id: rule.severity for rule in rules_by_id().values()}
    assert dict(rows) == {rule: WEIGHTS[severity] for rule, severity in rules.items()}
    assert len(rows) == len(dict(rows))
