"""The fact check: every figure, date, material, colour, maker, rank and promise of a copy must be supported. Pure.

`check(parts, Support(...))` returns findings. No torch, no Django. The rules of support stand in docs/fact-check.md.
"""

from models_ml.fact_check.checking import check
from models_ml.fact_check.places import filled, located
from models_ml.fact_check.reading import claims_of
from models_ml.fact_check.support import Support
from models_ml.fact_check.values import BLOCK, KINDS, WARN, Claim, FactFinding, FactSpan, PricePoint

__all__ = [
    "BLOCK", "KINDS", "WARN", "Claim", "FactFinding", "FactSpan", "PricePoint", "Support", "check", "claims_of",
    "filled", "located",
]  # fmt: skip
