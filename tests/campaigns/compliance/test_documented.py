"""The approver's guide and the page on the fact check name every rule with its weight, and no other rule."""

from __future__ import annotations

import re
from pathlib import Path

from campaigns.compliance.facts import rule_of
from campaigns.compliance.words import word_rules
from models_ml.fact_check import KINDS

DOCS = Path(__file__).resolve().parents[3] / "docs"
PAGES = ("review.md", "fact-check.md")
WEIGHTS = {"block": "blocks", "warn": "look closely"}
IN_CODE = {
    "form.missing": "block",
    "form.too_long": "block",
    "form.open_slot": "block",
    "form.left_out": "warn",
    "form.language": "warn",
    "words.banned": "block",
} | {rule_of(kind): "block" for kind in KINDS}


def test_the_guide_names_every_rule_with_its_weight() -> None:
    text = "\n".join((DOCS / page).read_text(encoding="utf-8") for page in PAGES)
    rows = re.findall(r"^\| `([a-z_]+\.[a-z_]+)` \|.*\| ([a-z ]+) \|$", text, flags=re.MULTILINE)
    rules = IN_CODE | {rule.id: rule.severity for rule in word_rules()}
    assert dict(rows) == {rule: WEIGHTS[severity] for rule, severity in rules.items()}
    assert len(rows) == len(dict(rows))
