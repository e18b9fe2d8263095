"""The fact check as a rule: what a copy claims must be a fact of product, offer, brief or price history.

The reading and judging is `models_ml.fact_check`; here its findings become those of the review. Figures keep the one
rule they have always had, `figures.unsupported`; the other kinds are `facts.material`, `facts.brand` and so on. Where a
rule about words has spoken of the same words already, the fact check adds nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from campaigns.compliance.findings import CheckContext, CopyParts, Finding, fact_spans
from campaigns.compliance.library import packs_by_id, rules_by_id
from models_ml.channels import PARTS
from models_ml.fact_check import FactFinding, Support, check, located

FIGURES = frozenset({"number", "price", "percent", "date", "duration", "quantity", "code"})
FIGURE_RULE = "figures.unsupported"
# Kinds that speak of what the word lists speak of too.
_LISTED_TOO = frozenset({"superlative", "guarantee", "rating", "offer", "price_history", "date"})


def unsupported(parts: CopyParts, context: CheckContext, spoken: Sequence[Finding]) -> Iterator[Finding]:
    """A claim that neither a slot brought nor the facts hold, or a fact used wrongly. `spoken` is what rules found."""
    shown = {part: parts.filled.get(part, "") for part in PARTS}
    spans = {part: fact_spans(parts, part, context.facts) or located(shown[part], context.facts) for part in PARTS}
    for finding in check(shown, support_of(context), fact_spans=spans):
        if not (finding.kind in _LISTED_TOO and _overlaps(finding, spoken)):
            yield _shown(finding)


def _shown(finding: FactFinding) -> Finding:
    rule = rules_by_id()[rule_of(finding.kind)]
    return Finding(
        rule=rule.id,
        severity=finding.severity,
        part=finding.part,
        message=finding.message,
        remedy=finding.remedy,
        start=finding.start,
        end=finding.end,
        excerpt=finding.excerpt,
        pack=rule.pack,
        pack_version=packs_by_id()[rule.pack].version,
        why=rule.why.en,
    )


def rule_of(kind: str) -> str:
    """The rule of the review under which a kind of fact finding is shown."""
    return FIGURE_RULE if kind in FIGURES else f"facts.{kind}"


def support_of(context: CheckContext) -> Support:
    """What the fact check holds a copy of this campaign against."""
    return Support(
        facts=context.facts,
        product_texts=context.supported,
        price_history=context.price_history,
        today=context.today,
        language=context.language,
        offer_kind=context.offer_kind,
    )


def _overlaps(finding: FactFinding, spoken: Sequence[Finding]) -> bool:
    """Only rules about words count: a rule about prices says something else of the same figure."""
    return any(
        one.part == finding.part and finding.start < one.end and one.start < finding.end
        for one in spoken
        if rules_by_id()[one.rule].terms is not None
    )
