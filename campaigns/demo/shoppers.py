"""Who the demo's simulated shoppers are: attributes drawn so that a campaign's audiences come in equal numbers. Pure.

What a shopper does is the model's part (experiments.simulation) and does not depend on these attributes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from campaigns.audiences import matches
from experiments.simulation import shoppers as model

Rules = Sequence[Sequence[Mapping[str, Any]]]
CATEGORIES = ("drinkware", "kitchen", "bags", "bedding", "clothing", "outdoor", "stationery", "lighting")
COMMUTES = ("train", "bus", "bicycle", "car", "none")
# An audience that no such shopper can be in is not waited for longer than this.
MOST_DRAWS = 500


def attributes_for(rules: Rules) -> Callable[[int, int], dict[str, object]]:
    """Attributes by seed and number: shopper i falls into audience i modulo their number, in the order they are tried.

    Where no draw fits (a rule over attributes that the demo's shoppers do not have), the last one drawn comes.
    """

    def attributes(seed: int, index: int) -> dict[str, object]:
        random = np.random.default_rng([seed, 4, index])
        for _ in range(MOST_DRAWS):
            profile = _profile(random)
            if _first(rules, profile) == index % len(rules):
                break
        return model.attributes(seed, index) | profile

    return attributes


def _first(rules: Rules, attributes: Mapping[str, object]) -> int | None:
    return next((place for place, rule in enumerate(rules) if matches(rule, attributes)), None)


def _profile(random: np.random.Generator) -> dict[str, object]:
    orders = int(random.geometric(0.3)) - 1
    commute = COMMUTES[int(random.integers(len(COMMUTES)))]
    profile: dict[str, object] = {
        "orders": orders,
        "new": orders == 0,
        "commute_by": commute,
        "commute_days": 0 if commute == "none" else int(random.integers(1, 6)),
        "favourite_category": CATEGORIES[int(random.integers(len(CATEGORIES)))],
    }
    if orders:
        profile["days_since_order"] = int(random.integers(1, 400))
    return profile
