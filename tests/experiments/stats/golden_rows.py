"""Adapters of the golden methods of one family (rows); golden_base.py says what an adapter is."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from experiments.stats import bootstrap, means, quantiles, ranks, rates, robust
from experiments.stats.moments import Moments
from experiments.stats.quantiles import OrderStatistics, Sample
from experiments.stats.rates import Events
from tests.experiments.stats.golden_base import Fields, Inputs, dataset, ends, reading


def arms(name: str, *columns: str) -> list[np.ndarray]:
    """Both arms of a data set: rows for several columns, values for one."""
    data = dataset(name)
    table = np.column_stack([data[column] for column in columns])
    found = [table[data["variant"] == arm] for arm in (0, 1)]
    return [part[:, 0] for part in found] if len(columns) == 1 else found


def capped_mean(inputs: Inputs) -> Fields:
    a, b = arms(inputs["dataset"], inputs["column"])
    cap = inputs["value"]
    if inputs["mode"] == "percentile":
        cap = robust.learn_cap(a, b, level=inputs["quantile"], ignore_zeros=inputs["ignore_zeros"])
    found = robust.capped_mean(a, b, cap=cap, reading=reading(inputs))
    return {
        "cap_value": found.cap,
        "n_capped": found.lowered,
        "mean_a": found.comparison.control.value,
        "mean_b": found.comparison.treatment.value,
        "var_a": found.comparison.control.variance * len(a),
        "var_b": found.comparison.treatment.variance * len(b),
        "diff": found.comparison.difference.estimate,
        "p_value": found.comparison.p_value,
        "ci": ends(found.comparison.difference),
    }


def trimmed_mean_yuen(inputs: Inputs) -> Fields:
    a, b = arms(inputs["dataset"], inputs["column"])
    asked = reading({"alpha": 0.05} | dict(inputs))
    found = robust.trimmed_mean(a, b, trim=inputs["trim"], reading=asked)
    return {"t": found.statistic, "p_value": found.p_value}


def quantile_diff(inputs: Inputs) -> Fields:
    found = [_order_statistics(inputs[f"arm_{arm}"], inputs["nu"]) for arm in "ab"]
    floor = 1e-5  # gbstats puts one under samples of 100 and more
    result = means.compare_estimates(
        *(side.estimate(floor=floor) for side in found), method="quantile", reading=reading(inputs)
    )
    return {
        "estimate": result.difference.estimate,
        "ci": ends(result.difference),
        "se": result.standard_error,
        "var_a": found[0].variance(floor=floor),
        "var_b": found[1].variance(floor=floor),
        "p_value": result.p_value,
    }


def _order_statistics(arm: dict[str, Any], level: float) -> OrderStatistics:
    effect = 1.0
    if "n_clusters" in arm:
        clusters = Moments.of_sums(
            {"below": arm["main_sum"], "values": arm["denominator_sum"]},
            {
                ("below", "below"): arm["main_sum_squares"],
                ("below", "values"): arm["main_denominator_sum_product"],
                ("values", "values"): arm["denominator_sum_squares"],
            },
            n=arm["n_clusters"],
        )
        effect = quantiles.design_effect(clusters, level)
    bounds = arm["quantile"], arm["quantile_lower"], arm["quantile_upper"]
    return OrderStatistics(arm["n"], *bounds, bounds_n=arm["n_star"], design_effect=effect)


def quantile_diff_cluster_bootstrap(inputs: Inputs) -> Fields:
    sides = (Sample(rows[:, 0], rows[:, 1]) for rows in arms(inputs["dataset"], "latency_ms", "user"))
    found = quantiles.bootstrap_quantiles(
        *sides, level=inputs["nu"], resamples=4000, confidence=1 - inputs["alpha"], seed=1
    )
    return {"estimate": found.interval.estimate, "se": found.standard_error, "ci": ends(found.interval)}


def quantile_diff_bootstrap(inputs: Inputs) -> Fields:
    a, b = arms(inputs["dataset"], inputs["column"])
    percentile, basic = (
        quantiles.bootstrap_quantiles(
            Sample(a), Sample(b), level=inputs["nu"], method=method, confidence=1 - inputs["alpha"], seed=1
        )
        for method in (bootstrap.METHODS[0], bootstrap.METHODS[1])
    )
    return {
        "estimate": percentile.interval.estimate,
        "quantile_a": quantiles.arm_quantile(Sample(a), inputs["nu"]).value,
        "quantile_b": quantiles.arm_quantile(Sample(b), inputs["nu"]).value,
        "ci_basic": ends(basic.interval),
        "ci_percentile": ends(percentile.interval),
    }


def mann_whitney(inputs: Inputs) -> Fields:
    a, b = inputs["a"], inputs["b"]
    if inputs["dataset"] is not None:
        name, _, column = inputs["dataset"].rstrip(")").partition(" (")
        a, b = arms(name, column or "y")
    plain = ranks.mann_whitney(a, b, exact=False)
    fields = {
        "u_b": plain.u,
        "auc_b": plain.win_share,
        "p_asymptotic_cc": plain.p_value,
        "p_asymptotic": ranks.mann_whitney(a, b, exact=False, continuity=False).p_value,
        "p_greater_cc": ranks.mann_whitney(a, b, exact=False, alternative="greater").p_value,
    }
    if len(np.unique(np.concatenate([a, b]))) < len(a) + len(b):
        return fields
    return fields | {"p_exact": ranks.mann_whitney(a, b, exact=True).p_value}


STATISTICS = {"ROI of arm b": bootstrap.return_of_arm, "incremental ROI": bootstrap.incremental_return}


def bootstrap_roi(inputs: Inputs) -> Fields:
    found = {
        method: _roi(inputs["dataset"], inputs["statistic"], inputs["alpha"], method) for method in bootstrap.METHODS
    }
    return {
        "estimate": found["bca"].interval.estimate,
        "se": found["bca"].standard_error,
    } | {f"ci_{method}": ends(result.interval) for method, result in found.items()}


@cache
def _roi(name: str, wording: str, alpha: float, method: bootstrap.Method) -> bootstrap.Bootstrap:
    statistic = next(function for start, function in STATISTICS.items() if wording.startswith(start))
    a, b = arms(name, "revenue", "cost")
    return bootstrap.bootstrap_means(a, b, statistic, method=method, resamples=10_000, confidence=1 - alpha, seed=1)


def poisson_rate_ratio(inputs: Inputs) -> Fields:
    found = rates.exact_rate_ratio(*(Events(inputs[f"events_{arm}"], inputs[f"exposure_{arm}"]) for arm in "ab"))
    return {"p_exact_conditional": found.p_value, "rate_ratio": found.ratio.estimate}


METHODS: dict[str, Callable[[Inputs], Fields]] = {
    function.__name__: function
    for function in (
        capped_mean,
        trimmed_mean_yuen,
        quantile_diff,
        quantile_diff_cluster_bootstrap,
        quantile_diff_bootstrap,
        mann_whitney,
        bootstrap_roi,
        poisson_rate_ratio,
    )
}
