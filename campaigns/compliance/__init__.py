"""First checks of a copy, by rules and not by a model. Pure: no Django. `check` is the one entry.

Rules are data: `data/*.toml` holds one pack a jurisdiction, besides those of the house, the brand and the channels
(`library`). A rule is a list of patterns or names a predicate; either yields places, and the engine says the rule's
sentence of each.
"""

from campaigns.compliance.engine import check
from campaigns.compliance.findings import CheckContext, CopyParts, Disclaimer, Finding, blocks, fill_leniently

__all__ = ["CheckContext", "CopyParts", "Disclaimer", "Finding", "blocks", "check", "fill_leniently"]
