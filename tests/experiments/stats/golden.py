"""All adapters of the golden methods, and the methods that nothing computes yet, each with the reason."""

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

_ADJUSTED = "covariate adjustment (CUPED, Lin, strata) comes with the experiment engine"
_PLANNING = "power and sample size come with the plan page"
_BOUNDARIES = "group sequential boundaries come with the experiment engine"
_BAYES = "informative priors and expected loss come with the experiment engine"
_ROW_LEVEL = "needs rows, not moments (quantiles, ranks, trimming, bootstrap); comes with the experiment engine"
_MARGINS = "guardrail margins come with the decision rules"
_ADAPTIVE = "bandits and off-policy estimates come with adaptive allocation"

_REASONS = {
    "cuped_mean": _ADJUSTED,
    "cuped_ratio": _ADJUSTED,
    "regression_adjust_lin": _ADJUSTED,
    "anytime_valid_regression_t": _ADJUSTED,
    "post_stratified_mean": _ADJUSTED,
    "mantel_haenszel": _ADJUSTED,
    "capped_mean": _ROW_LEVEL,
    "trimmed_mean_yuen": _ROW_LEVEL,
    "quantile_diff": _ROW_LEVEL,
    "quantile_diff_cluster_bootstrap": _ROW_LEVEL,
    "quantile_diff_bootstrap": _ROW_LEVEL,
    "mann_whitney": _ROW_LEVEL,
    "bootstrap_roi": _ROW_LEVEL,
    "sample_size_mean": _PLANNING,
    "sample_size_proportion": _PLANNING,
    "power_mean": _PLANNING,
    "power_proportion": _PLANNING,
    "mde_mean": _PLANNING,
    "mde_proportion": _PLANNING,
    "group_sequential_spending": _BOUNDARIES,
    "group_sequential_classical": _BOUNDARIES,
    "bayesian_normal": _BAYES,
    "bayesian_beta_binomial": _BAYES,
    "tost_mean": _MARGINS,
    "tost_proportion": _MARGINS,
    "non_inferiority_proportion": _MARGINS,
    "off_policy_ips": _ADAPTIVE,
    "off_policy_snips": _ADAPTIVE,
    "off_policy_dm": _ADAPTIVE,
    "off_policy_dr": _ADAPTIVE,
    "off_policy_sndr": _ADAPTIVE,
    "off_policy_ips_clipped": _ADAPTIVE,
    "off_policy_switch_dr": _ADAPTIVE,
    "off_policy_dr_shrinkage": _ADAPTIVE,
    "off_policy_replay": _ADAPTIVE,
    "off_policy_suite": _ADAPTIVE,
    "bandit_scores": _ADAPTIVE,
    "bandit_linucb": _ADAPTIVE,
    "bandit_prob_best": _ADAPTIVE,
    "poisson_rate_ratio": "event counts per exposure come with count metrics",
}

NOT_YET = {method: reason for method, reason in _REASONS.items() if method not in METHODS}
