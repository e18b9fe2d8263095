"""Runs the packs of a copy's places over it, in an order that does not change: equal input gives equal findings.

A law speaks before the house: where a rule of a jurisdiction has marked the same words for the same reason (`topic`),
the general rule of the house adds nothing. A house rule also leaves Chinese words to a law's finer list
(`gives_way_to`), since an exemption of that law would mean little if the house still blocked.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from campaigns.compliance import facts
from campaigns.compliance.asking import Asked
from campaigns.compliance.findings import EXCERPT, CheckContext, CopyParts, Finding, Hit
from campaigns.compliance.library import chosen, packs_by_id
from campaigns.compliance.packs import Rule
from campaigns.compliance.predicates import PREDICATES
from campaigns.compliance.words import matches

_HAN = re.compile(r"[\u3400-\u9fff]")
_NAME = re.compile(r"\{([a-z_]+)\}")
_STRICTEST = {"block": 0, "warn": 1, "info": 2}


def check(parts: CopyParts, context: CheckContext) -> list[Finding]:
    """All findings, pack by pack and rule by rule; empty for a copy nothing can be said against."""
    rules = in_force(context)
    ids = {rule.id for rule in rules}
    found = [one for rule in rules for one in _findings(rule, parts, context) if not _left_to(one, rule, ids)]
    found = _once(found, {rule.id: rule.topic for rule in rules})
    return [*found, *facts.unsupported(parts, context, found)]


def in_force(context: CheckContext) -> list[Rule]:
    """The rules that count for the copy: of its packs, its channel and language, on its day."""
    return [
        rule
        for pack in chosen(context.jurisdictions)
        for rule in pack.rules
        if rule.applies(context.channel, context.language, context.rules_of)
    ]


def finding_of(rule: Rule, hit: Hit, parts: CopyParts) -> Finding:
    """What a rule says of a place, in English; `campaigns.wording` says it in the reader's language."""
    excerpt = parts.filled.get(hit.part, "")[hit.start : hit.end][:EXCERPT]
    values = {"words": excerpt, **hit.values}
    pack, said = packs_by_id()[rule.pack], rule.sentences[hit.variant]
    return Finding(
        rule=rule.id,
        severity=rule.severity,
        part=hit.part,
        message=written(said.message.en, values),
        remedy=written(said.remedy.en, values),
        start=hit.start,
        end=hit.end,
        excerpt=excerpt,
        pack=pack.id,
        pack_version=pack.version,
        jurisdiction=pack.jurisdiction,
        article=rule.cited("en"),
        source_url=rule.source_url,
        why=rule.why.en,
        verified=rule.verified,
    )


def written(template: str, values: Mapping[str, str]) -> str:
    """A sentence with its values; an unknown name stays as it is, since it is a slot of the brief (`{product}`)."""
    return _NAME.sub(lambda match: values.get(match[1], match[0]), template)


def _findings(rule: Rule, parts: CopyParts, context: CheckContext) -> Iterator[Finding]:
    find = PREDICATES[rule.predicate] if rule.predicate else matches
    return (finding_of(rule, hit, parts) for hit in find(Asked(rule, parts, context)))


def _left_to(finding: Finding, rule: Rule, ids: set[str]) -> bool:
    return bool(rule.gives_way_to & ids) and bool(_HAN.search(finding.excerpt))


def _once(found: list[Finding], topics: Mapping[str, str]) -> list[Finding]:
    """The findings without those of the house that a law has made already."""
    by_law = [one for one in found if one.jurisdiction]
    return [one for one in found if one.jurisdiction or not _said(one, by_law, topics)]


def _said(finding: Finding, by_law: Iterable[Finding], topics: Mapping[str, str]) -> bool:
    """Whether a law has said it, and no less strictly: a warning of a law does not lift a block of the house."""
    return any(
        topics[one.rule] == topics[finding.rule]
        and one.part == finding.part
        and _STRICTEST[one.severity] <= _STRICTEST[finding.severity]
        and one.start < finding.end
        and finding.start < one.end
        for one in by_law
    )
