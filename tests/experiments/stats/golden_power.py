"""Adapters of the golden methods of one family (power); golden_base.py says what an adapter is."""

from __future__ import annotations

import math
from collections.abc import Callable

from experiments.stats import contrasts, power
from experiments.stats.contrasts import Contrast, NullVariance
from experiments.stats.power import Design
from experiments.stats.rejection import FixedHorizon, FixedStudent
from tests.experiments.stats.golden_base import Fields, Inputs


def design(inputs: Inputs, *, student: bool = False) -> Design:
    return Design(
        alpha=inputs["alpha"],
        power=inputs.get("power", 0.8),
        alternative=inputs["alternative"],
        rule=FixedStudent() if student else FixedHorizon(),
    )


def of_mean(inputs: Inputs, delta: float) -> Contrast:
    return contrasts.mean(delta, inputs["sd"], ratio=inputs["ratio"])


def of_rates(inputs: Inputs, treatment: float, null: NullVariance) -> Contrast:
    return contrasts.proportion(inputs["p1"], treatment, ratio=inputs["ratio"], null=null)


def sample_size_mean(inputs: Inputs) -> Fields:
    contrast, ratio = of_mean(inputs, inputs["delta"]), inputs["ratio"]
    by_t = power.sample_size(contrast, design=design(inputs, student=True))
    return {
        "n1": by_t,
        "n1_ceil": power.whole(by_t, ratio=ratio).control,
        "n2_ceil": power.whole(by_t, ratio=ratio).treatment,
        "n1_z": power.sample_size(contrast, design=design(inputs)),
        "total_ceil": math.ceil(by_t * (1 + ratio)),
    }


def sample_size_proportion(inputs: Inputs) -> Fields:
    def size(null: NullVariance) -> float:
        return power.sample_size(of_rates(inputs, inputs["p2"], null), design=design(inputs))

    return {
        "n1_arcsine": size("arcsine"),
        "n1_arcsine_ceil": math.ceil(size("arcsine")),
        "n1_pooled_unpooled": size("pooled"),
        "n1_unpooled": size("unpooled"),
    }


def power_mean(inputs: Inputs) -> Fields:
    contrast = of_mean(inputs, inputs["delta"])
    return {
        "power_t": power.power(contrast, inputs["n1"], design=design(inputs, student=True)),
        "power_z": power.power(contrast, inputs["n1"], design=design(inputs)),
    }


def power_proportion(inputs: Inputs) -> Fields:
    def reached(null: NullVariance) -> float:
        return power.power(of_rates(inputs, inputs["p2"], null), inputs["n1"], design=design(inputs))

    return {"power_pooled_unpooled": reached("pooled"), "power_arcsine": reached("arcsine")}


def mde_mean(inputs: Inputs) -> Fields:
    sign = -1 if inputs["alternative"] == "less" else 1

    def least(*, student: bool) -> float:
        found = power.detectable(
            lambda delta: of_mean(inputs, delta),
            inputs["n1"],
            design=design(inputs, student=student),
            largest=sign * 100 * inputs["sd"],
        )
        return abs(found)

    by_t = least(student=True)
    return {"mde_abs_t": by_t, "mde_rel_t": by_t / inputs["mean"], "mde_abs_z": least(student=False)}


def mde_proportion(inputs: Inputs) -> Fields:
    rate = inputs["p1"]
    largest = -rate if inputs["alternative"] == "less" else 1 - rate
    change = power.detectable(
        lambda step: of_rates(inputs, rate + step, "pooled"),
        inputs["n1"],
        design=design(inputs),
        largest=largest * (1 - 1e-9),
    )
    return {"p2": rate + change, "mde_abs": change, "mde_rel": change / rate}


METHODS: dict[str, Callable[[Inputs], Fields]] = {
    function.__name__: function
    for function in (sample_size_mean, sample_size_proportion, power_mean, power_proportion, mde_mean, mde_proportion)
}
