"""One sentence, checked: what the tests of the rule packs share."""

from __future__ import annotations

from campaigns import compliance

FACTS = {"product": "Zephyr Cup", "brand": "Lumen"}


def findings(
    body: str, *jurisdictions: str, channel: str = "product_page", **fields: object
) -> list[compliance.Finding]:
    """What the rules say of a body; `headline` puts a sentence into the headline instead of a harmless one."""
    headline = str(fields.pop("headline", "Good morning"))
    language = str(fields.pop("language", "en"))
    facts = fields.pop("facts", FACTS)
    assert isinstance(facts, dict)
    context = compliance.CheckContext(channel, language, facts, jurisdictions=jurisdictions, **fields)  # type: ignore[arg-type]
    written = {"headline": headline, "body": body, "call_to_action": "Take a look"}
    return compliance.check(compliance.CopyParts.of(written, facts), context)


def rules(body: str, *jurisdictions: str, **fields: object) -> set[str]:
    """The rules of words that speak; form, facts and figures have tests of their own."""
    found = findings(body, *jurisdictions, **fields)  # type: ignore[arg-type]
    return {one.rule for one in found if not one.rule.startswith(("form.", "facts.", "figures."))}
