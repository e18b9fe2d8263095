"""How each golden method of ../shared/golden/stats.json is asked of our functions: one small adapter a method.

`a` is control, `b` treatment. An adapter takes a case's inputs and returns the fields we compute, under the file's
names.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import numpy as np

from experiments.stats import contingency, lifts, means, multiplicity, proportions, ratios, sample_ratio, sequences
from experiments.stats.inference import Effect, Reading
from experiments.stats.moments import Moments
from experiments.stats.proportions import Counts
from experiments.stats.results import Comparison, Interval
from tests.reference import shared_path

Fields = dict[str, Any]
Inputs = Mapping[str, Any]


@cache
def dataset(name: str) -> dict[str, np.ndarray]:
    """A data set of the reference folder, column by column."""
    with shared_path("golden", "data", f"{name}.csv").open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    return {column: np.array([float(row[column]) for row in rows]) for column in rows[0]}


def ends(interval: Interval | None) -> list[float]:
    assert interval is not None
    return [interval.lower, interval.upper]


def counts(inputs: Inputs) -> tuple[Counts, Counts]:
    return Counts(inputs["x_a"], inputs["n_a"]), Counts(inputs["x_b"], inputs["n_b"])


def summaries(inputs: Inputs) -> tuple[Moments, Moments]:
    a, b = (
        Moments.of_summary("y", n=inputs[f"n_{arm}"], mean=inputs[f"mean_{arm}"], variance=inputs[f"var_{arm}"])
        for arm in "ab"
    )
    return a, b


def reading(inputs: Inputs) -> Reading:
    return Reading(confidence=1 - inputs["alpha"], alternative=inputs.get("alternative", "two-sided"))


def two_proportion_z(inputs: Inputs) -> Fields:
    a, b = counts(inputs)
    yates = inputs["continuity_correction"]
    pooled, unpooled = (
        proportions.two_proportion_z(a, b, pooled=kind, continuity=yates, reading=reading(inputs))
        for kind in (True, False)
    )
    fields = {
        "p_a": pooled.control.value,
        "p_b": pooled.treatment.value,
        "diff": pooled.difference.estimate,
        "rel_diff": b.rate / a.rate - 1 if a.successes else None,
        "p_value_pooled": pooled.p_value,
        "p_value_unpooled": unpooled.p_value,
        "ci_pooled": ends(pooled.difference),
        "ci_unpooled": ends(unpooled.difference),
    }
    return fields if yates else fields | {"z_pooled": pooled.statistic, "z_unpooled": unpooled.statistic}


def proportion_relative_lift(inputs: Inputs) -> Fields:
    a, b = counts(inputs)
    delta, p_value = lifts.first_order_delta_lift(a.estimate(), b.estimate(), confidence=1 - inputs["alpha"])
    log = proportions.katz_lift(a, b, confidence=1 - inputs["alpha"])
    return {"rel_diff": log.estimate, "ci_log": ends(log), "ci_delta": ends(delta), "p_value_delta": p_value}


def proportion_score_ci(inputs: Inputs) -> Fields:
    a, b = counts(inputs)
    confidence = 1 - inputs["alpha"]
    wide = proportions.score_difference(a, b, confidence=confidence, miettinen_nurminen=True)
    return {"ci_newcombe": ends(proportions.newcombe(a, b, confidence=confidence)), "ci_miettinen_nurminen": ends(wide)}


def fisher_exact(inputs: Inputs) -> Fields:
    a, b = counts(inputs)
    both = contingency.fisher_exact(a, b)
    return {
        "p_value_two_sided": both.p_value,
        "p_value_greater": contingency.fisher_exact(a, b, alternative="greater").p_value,
        "p_value_less": contingency.fisher_exact(a, b, alternative="less").p_value,
        "odds_ratio_sample": both.sample_odds_ratio,
        "odds_ratio_conditional": both.odds_ratio.estimate,
        "odds_ratio_ci": ends(both.odds_ratio),
    }


def chi2_contingency(inputs: Inputs) -> Fields:
    table = inputs["table"]
    pearson, likelihood = contingency.chi_square(table), contingency.g_test(table)
    fields: Fields = {
        "chi2": pearson.statistic,
        "dof": pearson.degrees_of_freedom,
        "p_value": pearson.p_value,
        "g_stat": likelihood.statistic,
        "p_value_g": likelihood.p_value,
    }
    if len(table) == len(table[0]) == 2:
        fields["p_value_yates"] = contingency.chi_square(table, yates=True).p_value
    return fields


def welch_t(inputs: Inputs) -> Fields:
    a, b = summaries(inputs)
    if "raw_a" in inputs:
        a, b = (Moments.from_rows(("y",), np.array(inputs[f"raw_{arm}"])[:, None]) for arm in "ab")
    unequal, equal = (test(a, b, "y", reading=reading(inputs)) for test in (means.welch, means.student))
    return {
        "diff": unequal.difference.estimate,
        "se": unequal.standard_error,
        "t": unequal.statistic,
        "df": unequal.degrees_of_freedom,
        "p_value": unequal.p_value,
        "ci": ends(unequal.difference),
        "p_value_equal_var": equal.p_value,
        "ci_equal_var": ends(equal.difference),
    }


def one_sided_lesser_ci(inputs: Inputs) -> Fields:
    return {"ci": welch_t(inputs)["ci"]}


def relative(result: Comparison, confidence: float) -> Fields:
    delta, p_value = lifts.first_order_delta_lift(result.control, result.treatment, confidence=confidence)
    log = lifts.log_ratio_lift(result.control, result.treatment, confidence=confidence)
    return {"rel_diff": log.estimate, "delta": ends(delta), "p_value": p_value, "log": ends(log)}


def mean_relative_delta(inputs: Inputs) -> Fields:
    found = relative(means.welch(*summaries(inputs), "y"), 1 - inputs["alpha"])
    return {
        "rel_diff": found["rel_diff"],
        "ci_delta": found["delta"],
        "se_delta": math.sqrt(relative_variance(*summaries(inputs))),
        "p_value_delta": found["p_value"],
        "ci_log": found["log"],
    }


def relative_variance(a: Moments, b: Moments) -> float:
    before, after = means.arm_mean(a, "y"), means.arm_mean(b, "y")
    return lifts.first_order_variance(before, after)


def ratio_metric_delta(inputs: Inputs) -> Fields:
    if "num" in inputs:
        return ratio_standard_error(inputs)
    a, b = (_sums(inputs, arm) for arm in "ab")
    result = ratios.compare_ratios(a, b, numerator="num", denominator="den", reading=reading(inputs))
    found = relative(result, 1 - inputs["alpha"])
    return {
        "ratio_a": result.control.value,
        "ratio_b": result.treatment.value,
        "diff": result.difference.estimate,
        "ci": ends(result.difference),
        "p_value": result.p_value,
        "t": result.statistic,
        "rel_diff": found["rel_diff"],
        "ci_rel_log": found["log"],
        "ci_rel_delta": found["delta"],
        "p_value_rel_delta": found["p_value"],
        "var_ratio_a": ratios.unit_variance(a, "num", "den"),
        "var_ratio_b": ratios.unit_variance(b, "num", "den"),
    }


def ratio_standard_error(inputs: Inputs) -> Fields:
    users = dataset(inputs["dataset"])
    rows = np.column_stack([users[inputs["num"]], users[inputs["den"]]])
    a, b = (Moments.from_rows(("num", "den"), rows[users["variant"] == arm]) for arm in (0, 1))
    result = ratios.compare_ratios(a, b, numerator="num", denominator="den")
    return {"se": result.standard_error, "diff": result.difference.estimate}


def _sums(inputs: Inputs, arm: str) -> Moments:
    return Moments.of_sums(
        {"num": inputs[f"sum_num_{arm}"], "den": inputs[f"sum_den_{arm}"]},
        {
            ("num", "num"): inputs[f"sum_num2_{arm}"],
            ("den", "den"): inputs[f"sum_den2_{arm}"],
            ("num", "den"): inputs[f"sum_num_den_{arm}"],
        },
        n=inputs[f"n_{arm}"],
    )


def srm_chi2(inputs: Inputs) -> Fields:
    found = sample_ratio.chi_square(inputs["counts"], inputs["weights"])
    return {"chi2": found.statistic, "dof": found.degrees_of_freedom, "p_value": found.p_value}


def srm_binomial_exact(inputs: Inputs) -> Fields:
    return {"p_value": sample_ratio.exact_binomial(inputs["counts"], inputs["weights"])}


def sequential_srm_multinomial(inputs: Inputs) -> Fields:
    batches, weights, k = inputs["counts_per_batch"], inputs["theta0"], inputs["dirichlet_k"]
    running = sample_ratio.sequential_path(batches, weights, concentration=k)
    single = [sample_ratio.sequential(total, weights, concentration=k) for total in np.cumsum(batches, axis=0).tolist()]
    return {
        "p_value": [look.p_value for look in single],
        "p_value_running_min": [look.p_value for look in running],
    }


def adjusted(method: str) -> Callable[[Inputs], Fields]:
    def fields(inputs: Inputs) -> Fields:
        found = multiplicity.ADJUSTMENTS[method](inputs["p_values"])
        return {"p_adjusted": found.tolist(), "rejected": (found <= inputs["alpha"]).tolist()}

    return fields


def always_valid_asymptotic(inputs: Inputs) -> Fields:
    a, b = (means.arm_mean(side, "y") for side in summaries(inputs))
    relative_change = inputs["difference"] == "relative"
    estimate = b.value / a.value - 1 if relative_change else b.value - a.value
    variance = lifts.first_order_variance(a, b) if relative_change else a.variance + b.variance
    alpha = inputs["alpha"]
    rho = sequences.approximate_rho(inputs["tuning_n"], alpha=alpha)
    interval, p_value = sequences.always_valid(estimate, variance, n=a.n + b.n, rho=rho, confidence=1 - alpha)
    return {"estimate": estimate, "V": variance, "rho": rho, "ci": ends(interval), "p_value": p_value}


def asymptotic_confidence_sequence(inputs: Inputs) -> Fields:
    looks = [_look(inputs, size) for size in inputs["looks"]]
    low, high = ([getattr(look.difference, side) for look in looks] for side in ("lower", "upper"))
    p_values = [look.p_value for look in looks]
    return {
        "estimate": [look.difference.estimate for look in looks],
        "ci_low": low,
        "ci_high": high,
        "p_value": p_values,
        "p_value_running_min": np.minimum.accumulate(p_values).tolist(),
        "running_ci_low": np.maximum.accumulate(low).tolist(),
        "running_ci_high": np.minimum.accumulate(high).tolist(),
    }


def _look(inputs: Inputs, size: int) -> Comparison:
    path = dataset(inputs["dataset"])
    a, b = (Moments.from_rows(("y",), path[f"y_{arm}"][:size, None]) for arm in "ab")
    return sequences.watch(
        Effect(means.arm_mean(a, "y"), means.arm_mean(b, "y")),
        planned_n=inputs["tuning_n"],
        reading=reading({"alpha": inputs["alpha"]}),
        rho=sequences.approximate_rho,
    )


def normal_mixture_boundary(inputs: Inputs) -> Fields:
    two_sided, one_sided = (
        sequences.normal_mixture_boundary(
            inputs["v"],
            rho=sequences.mixture_rho(inputs["v_opt"], alpha=inputs["alpha_opt"], one_sided=one),
            alpha=inputs["alpha"],
            one_sided=one,
        )
        for one in (False, True)
    )
    return {"two_sided": two_sided, "one_sided": one_sided}


def msprt_normal(inputs: Inputs) -> Fields:
    found = [
        sequences.mixture_sprt(
            after - before,
            inputs["sigma2"] * (1 / n_a + 1 / n_b),
            mixing_variance=inputs["tau2"],
            confidence=1 - inputs["alpha"],
        )
        for n_a, before, n_b, after in inputs["looks"]
    ]
    p_values = [p_value for _, p_value in found]
    return {
        "p_value": p_values,
        "p_value_running_min": np.minimum.accumulate(p_values).tolist(),
        "estimate": [interval.estimate for interval, _ in found],
        "ci_halfwidth": [(interval.upper - interval.lower) / 2 for interval, _ in found],
    }


METHODS: dict[str, Callable[[Inputs], Fields]] = {
    "two_proportion_z": two_proportion_z,
    "proportion_relative_lift": proportion_relative_lift,
    "proportion_score_ci": proportion_score_ci,
    "fisher_exact": fisher_exact,
    "chi2_contingency": chi2_contingency,
    "welch_t": welch_t,
    "one_sided_lesser_ci": one_sided_lesser_ci,
    "mean_relative_delta": mean_relative_delta,
    "ratio_metric_delta": ratio_metric_delta,
    "srm_chi2": srm_chi2,
    "srm_binomial_exact": srm_binomial_exact,
    "sequential_srm_multinomial": sequential_srm_multinomial,
    "always_valid_asymptotic": always_valid_asymptotic,
    "asymptotic_confidence_sequence": asymptotic_confidence_sequence,
    "normal_mixture_boundary": normal_mixture_boundary,
    "msprt_normal": msprt_normal,
} | {f"adjust_{name}": adjusted(name) for name in multiplicity.ADJUSTMENTS}
