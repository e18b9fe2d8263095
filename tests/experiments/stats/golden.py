"""All adapters of the golden methods, and the methods that nothing computes, each with the reason: none is left."""

from __future__ import annotations

from tests.experiments.stats import (
    golden_adaptive,
    golden_adjusted,
    golden_base,
    golden_bayes,
    golden_power,
    golden_rows,
    golden_sequential,
)

METHODS = {
    name: adapter
    for family in (
        golden_base,
        golden_sequential,
        golden_adjusted,
        golden_bayes,
        golden_rows,
        golden_power,
        golden_adaptive,
    )
    for name, adapter in family.METHODS.items()
}

# A method that nothing computes would stand here with the reason.
NOT_YET: dict[str, str] = {}
