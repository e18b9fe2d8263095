"""Adapters of the golden methods of one family (adjusted); golden_base.py says what an adapter is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import reduce
from operator import add

import numpy as np

from experiments.stats import adjustment, lifts, regression, stratified
from experiments.stats.inference import Normal, conclude
from experiments.stats.moments import Moments
from experiments.stats.proportions import Counts
from experiments.stats.results import Comparison
from tests.experiments.stats.golden_base import Fields, Inputs, dataset, ends, reading


def cuped_mean(inputs: Inputs) -> Fields:
    a, b = (_sums(inputs, arm) for arm in "ab")
    found = adjustment.adjust(a, b, "y", None, ["x"])
    result = adjustment.compare_adjusted(a, b, "y", None, ["x"], reading=reading(inputs))
    against_raw, interval = _growthbook_relative(found, 1 - inputs["alpha"])
    return {
        "theta": found.slopes[0][0] if found.covariates else 0.0,
        "var_adj_a": found.spread[0] * a.n,
        "var_adj_b": found.spread[1] * b.n,
        "variance_reduction": found.variance_reduction,
        "adj_mean_a": found.effect.control.value,
        "adj_mean_b": found.effect.treatment.value,
        "rel_diff_adjusted_baseline": result.lift.estimate if result.lift else None,
        "rel_diff_unadjusted_baseline": against_raw,
        "ci_rel_delta": interval,
    } | _test(result)


def _test(result: Comparison) -> Fields:
    return {
        "diff": result.difference.estimate,
        "se": result.standard_error,
        "ci": ends(result.difference),
        "p_value": result.p_value,
        "t": result.statistic,
    }


def _growthbook_relative(found: adjustment.Adjusted, confidence: float) -> tuple[float, list[float]]:
    """Adjusted difference over the raw control mean, with the first-order delta at the raw means: GrowthBook's way."""
    control, treatment = (
        replace(arm, standard_error=part**0.5)
        for arm, part in zip((found.raw.control, found.raw.treatment), found.spread, strict=True)
    )
    around_raw, _ = lifts.first_order_delta_lift(control, treatment, confidence=confidence)
    estimate = found.effect.difference / control.value
    return estimate, ends(around_raw.shifted(estimate - around_raw.estimate))


def _sums(inputs: Inputs, arm: str) -> Moments:
    return Moments.of_sums(
        {"y": inputs[f"sum_y_{arm}"], "x": inputs[f"sum_x_{arm}"]},
        {
            ("y", "y"): inputs[f"sum_y2_{arm}"],
            ("x", "x"): inputs[f"sum_x2_{arm}"],
            ("x", "y"): inputs[f"sum_xy_{arm}"],
        },
        n=inputs[f"n_{arm}"],
    )


def cuped_ratio(inputs: Inputs) -> Fields:
    a, b = (_matrix(inputs, arm) for arm in "ab")
    metric = inputs["numerator"], inputs["denominator"]
    below = inputs["covariate_denominator"]
    covariate: adjustment.Covariate = inputs["covariate_numerator"]
    if below is not None:
        covariate = inputs["covariate_numerator"], below
    found = adjustment.adjust(a, b, *metric, [covariate])
    return {
        "adj_ratio_a": found.effect.control.value,
        "adj_ratio_b": found.effect.treatment.value,
        "theta": found.slopes[0][0],
        "variance_reduction": found.variance_reduction,
    } | _test(adjustment.compare_adjusted(a, b, *metric, [covariate], reading=reading(inputs)))


def _matrix(inputs: Inputs, arm: str) -> Moments:
    means, found = inputs[f"mean_{arm}"], inputs[f"cov_matrix_{arm}"]
    columns, n = tuple(means), inputs[f"n_{arm}"]
    pairs = [[found.get(f"{one}*{other}", found.get(f"{other}*{one}")) for other in columns] for one in columns]
    return Moments(columns, n, np.array(list(means.values())), np.array(pairs) * (n - 1))


def regression_adjust_lin(inputs: Inputs) -> Fields:
    users = dataset(inputs["dataset"])
    effect = regression.interacted(users[inputs["y"]], users["variant"], users[inputs["x"]])
    return _test(conclude(effect, Normal(), method="regression"))


def post_stratified_mean(inputs: Inputs) -> Fields:
    users = dataset(inputs["dataset"])
    arms = [_strata(users, inputs, arm) for arm in (0, 1)]
    result = stratified.compare_stratified(arms[0], arms[1], "y")
    plain = [side.mean("y") for side in (reduce(add, arm.values()) for arm in arms)]
    return _test(result) | {"unstratified_diff": plain[1] - plain[0]}


def _strata(users: Mapping[str, np.ndarray], inputs: Inputs, arm: int) -> dict[str, Moments]:
    strata, values = users[inputs["strata"]], users[inputs["y"]]
    return {
        str(stratum): Moments.from_rows(("y",), values[(users["variant"] == arm) & (strata == stratum)][:, None])
        for stratum in np.unique(strata)
    }


def mantel_haenszel(inputs: Inputs) -> Fields:
    strata = [tuple(Counts(won, won + lost) for won, lost in reversed(table)) for table in inputs["tables"]]
    found = stratified.mantel_haenszel([(control, treatment) for control, treatment in strata])
    return {
        "chi2": found.statistic,
        "p_value": found.p_value,
        "p_value_cc": found.p_value_corrected,
        "odds_ratio": found.odds_ratio.estimate,
        "ci_odds_ratio": ends(found.odds_ratio),
        "risk_ratio": found.risk_ratio.estimate,
        "ci_risk_ratio": ends(found.risk_ratio),
    }


METHODS: dict[str, Callable[[Inputs], Fields]] = {
    "cuped_mean": cuped_mean,
    "cuped_ratio": cuped_ratio,
    "regression_adjust_lin": regression_adjust_lin,
    "post_stratified_mean": post_stratified_mean,
    "mantel_haenszel": mantel_haenszel,
}
