"""Adapters of the golden methods of one family (sequential); golden_base.py says what an adapter is."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from experiments.stats import margins, means, sequences, spending
from experiments.stats.group_sequential import classical_boundaries, spending_boundaries
from experiments.stats.inference import Effect, Normal
from experiments.stats.moments import Moments
from tests.experiments.stats.golden_base import Fields, Inputs, counts, dataset, ends, reading

FAMILIES = {
    "lan_demets_obrien_fleming": "obrien_fleming",
    "lan_demets_pocock": "pocock",
    "hwang_shih_decani": "hwang_shih_decani",
    "power_family": "kim_demets",
}


def group_sequential_spending(inputs: Inputs) -> Fields:
    family, parameter = FAMILIES[inputs["spending"]], inputs["gamma"]
    rates, alpha, sided = inputs["information_rates"], inputs["alpha"], inputs["sided"]
    spent = spending.two_sided if sided == 2 else spending.spent
    found = spending_boundaries(rates, alpha=alpha, spending=family, parameter=parameter, sided=sided)
    return {
        "alpha_spent": [spent(rate, alpha, family=family, parameter=parameter) for rate in rates],
        "z": list(found),
        "z_high_precision": list(found),
    }


def group_sequential_classical(inputs: Inputs) -> Fields:
    found = classical_boundaries(
        range(1, inputs["k"] + 1), alpha=inputs["alpha"], design=inputs["design"], sided=inputs["sided"]
    )
    return {"z": list(found), "constant": found[-1]}


def anytime_valid_regression_t(inputs: Inputs) -> Fields:
    path = dataset(inputs["dataset"])
    looks = []
    for size in inputs["looks"]:
        a, b = (Moments.from_rows(("y",), path[f"y_{arm}"][:size, None]) for arm in "ab")
        looks.append(sequences.watch_regression(a, b, "y", phi=inputs["phi"], reading=reading(inputs)))
    return {
        "estimate": [look.difference.estimate for look in looks],
        "ci_low": [look.difference.lower for look in looks],
        "ci_high": [look.difference.upper for look in looks],
        "p_value": [look.p_value for look in looks],
    }


def tost_mean(inputs: Inputs) -> Fields:
    a, b = (Moments.from_rows(("y",), rows[:, None]) for rows in _rows(inputs))
    effect = Effect(means.arm_mean(a, "y"), means.arm_mean(b, "y"))
    found = margins.equivalence(effect, low=inputs["low"], high=inputs["upp"], alpha=inputs["alpha"])
    return {
        "p_value": found.p_value,
        "p_lower": found.p_lower,
        "p_upper": found.p_upper,
        "ci_1m2alpha": ends(found.change),
    }


def _rows(inputs: Inputs) -> tuple[np.ndarray, np.ndarray]:
    if inputs["dataset"] is None:
        return np.array(inputs["a"]), np.array(inputs["b"])
    name, column = inputs["dataset"].rstrip(")").split(" (")
    users = dataset(name)
    return users[column][users["variant"] == 0], users[column][users["variant"] == 1]


def tost_proportion(inputs: Inputs) -> Fields:
    a, b = counts(inputs)
    effect = Effect(a.estimate(), b.estimate())
    found = margins.equivalence(effect, Normal(), low=inputs["low"], high=inputs["upp"])
    return {"p_value": found.p_value, "p_lower": found.p_lower, "p_upper": found.p_upper}


def non_inferiority_proportion(inputs: Inputs) -> Fields:
    a, b = counts(inputs)
    found = margins.non_inferiority(
        Effect(a.estimate(), b.estimate()), Normal(), margin=inputs["margin_abs"], confidence=1 - inputs["alpha"]
    )
    return {"z": found.statistic, "p_value": found.p_value}


METHODS: dict[str, Callable[[Inputs], Fields]] = {
    function.__name__: function
    for function in (
        group_sequential_spending,
        group_sequential_classical,
        anytime_valid_regression_t,
        tost_mean,
        tost_proportion,
        non_inferiority_proportion,
    )
}
