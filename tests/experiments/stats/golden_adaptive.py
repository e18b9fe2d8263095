"""Adapters of the golden methods of one family (adaptive); golden_base.py says what an adapter is."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from experiments.stats import bandits, off_policy
from experiments.stats.beta_binomial import Beta, probability_best_beta
from experiments.stats.off_policy import Logged, PolicyValue
from tests.experiments.stats.golden_base import Fields, Inputs, dataset


def logged(inputs: Inputs, *, greedy: bool = False) -> Logged:
    rows = dataset(inputs["dataset"])
    target = np.column_stack([rows[f"pi_e{action}"] for action in range(3)])
    if greedy:
        target = np.eye(3)[target.argmax(axis=1)]
    return Logged(
        actions=rows["action"].astype(np.int64),
        rewards=rows["reward"],
        propensities=rows["pscore"],
        target=target,
        model=np.column_stack([rows[f"q{action}"] for action in range(3)]),
    )


def answer(estimate: Callable[[Logged], PolicyValue]) -> Callable[[Inputs], Fields]:
    def adapter(inputs: Inputs) -> Fields:
        found = estimate(logged(inputs))
        return {"value": found.estimate, "se": found.standard_error}

    return adapter


def clipped(inputs: Inputs) -> Fields:
    return {"value": off_policy.inverse_propensity(logged(inputs), clip=inputs["clip"]).estimate}


def switch(inputs: Inputs) -> Fields:
    return {"value": off_policy.switch_doubly_robust(logged(inputs), threshold=inputs["tau"]).estimate}


def shrinkage(inputs: Inputs) -> Fields:
    return {"value": off_policy.shrunk_doubly_robust(logged(inputs), shrinkage=inputs["shrinkage_lambda"]).estimate}


def suite(inputs: Inputs) -> Fields:
    log = logged(inputs, greedy=inputs["target_policy"].startswith("deterministic"))
    return {
        "ips": off_policy.inverse_propensity(log).estimate,
        "snips": off_policy.self_normalised(log).estimate,
        "dm": off_policy.direct_method(log).estimate,
        "dr": off_policy.doubly_robust(log).estimate,
        "sndr": off_policy.self_normalised_doubly_robust(log).estimate,
        "ess": log.effective_rounds,
    }


def scores(inputs: Inputs) -> Fields:
    decisions, rewards = np.array(inputs["decisions"]), np.array(inputs["rewards"], dtype=float)
    counts = np.bincount(decisions)
    means = np.bincount(decisions, rewards) / counts
    return {"scores": bandits.ucb1(means.tolist(), counts.tolist(), alpha=inputs["alpha"]).tolist()}


def linucb(inputs: Inputs) -> Fields:
    decisions, contexts, rewards = (np.array(inputs[name]) for name in ("decisions", "contexts", "rewards"))
    arms = [
        bandits.LinearBandit.fit(contexts[decisions == arm], rewards[decisions == arm], ridge=inputs["l2_lambda"])
        for arm in sorted(set(decisions.tolist()))
    ]
    return {"scores": [arm.score(inputs["query"], alpha=inputs["alpha"]) for arm in arms]}


def chance_best(inputs: Inputs) -> Fields:
    return {"prob_best": probability_best_beta([Beta(*one) for one in inputs["posteriors_beta"]])}


METHODS: dict[str, Callable[[Inputs], Fields]] = {
    "off_policy_ips": answer(off_policy.inverse_propensity),
    "off_policy_snips": answer(off_policy.self_normalised),
    "off_policy_dm": answer(off_policy.direct_method),
    "off_policy_dr": answer(off_policy.doubly_robust),
    "off_policy_sndr": answer(off_policy.self_normalised_doubly_robust),
    "off_policy_replay": answer(off_policy.replay),
    "off_policy_ips_clipped": clipped,
    "off_policy_switch_dr": switch,
    "off_policy_dr_shrinkage": shrinkage,
    "off_policy_suite": suite,
    "bandit_scores": scores,
    "bandit_linucb": linucb,
    "bandit_prob_best": chance_best,
}
