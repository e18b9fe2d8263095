"""The approver's guide names every rule with its weight, and no rule that is not there."""

from __future__ import annotations

import re
from pathlib import Path

from campaigns.compliance.words import word_rules

GUIDE = Path(__file__).resolve().parents[3] / "docs" / "review.md"
WEIGHTS = {"block": "blocks", "warn": "look closely"}
IN_CODE = {
    "form.missing": "block",
    "form.too_long": "block",
    "form.open_slot": "block",
    "form.left_out": "warn",
    "form.language": "warn",
    "words.banned": "block",
    "figures.unsupported": "block",
}


def test_the_guide_names_every_rule_with_its_weight() -> None:
    rows = re.findall(r"^\| `([a-z_.]+)` \|.*\| ([a-z ]+) \|$", GUIDE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    rules = IN_CODE | {rule.id: rule.severity for rule in word_rules()}
    assert dict(rows) == {rule: WEIGHTS[severity] for rule, severity in rules.items()}
    assert len(rows) == len(dict(rows))
