"""First checks of a copy, by rules and not by a model. Pure: no Django. `check` is the one entry.

Rules that are lists of words stand as data in `data/*.toml`; those that need thought are one file each.
"""

from campaigns.compliance.engine import check
from campaigns.compliance.findings import CheckContext, CopyParts, Finding, blocks, fill_leniently

__all__ = ["CheckContext", "CopyParts", "Finding", "blocks", "check", "fill_leniently"]
