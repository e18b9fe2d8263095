"""Adapters of the golden methods of one family (bayes); golden_base.py says what an adapter is."""

from __future__ import annotations

import math
from collections.abc import Callable

from experiments.stats import bayes, beta_binomial, means
from experiments.stats.inference import Effect
from experiments.stats.results import Direction
from tests.experiments.stats.golden_base import Fields, Inputs, counts, ends, summaries


def bayesian_normal(inputs: Inputs) -> Fields:
    control, treatment = (means.arm_mean(side, "y") for side in summaries(inputs))
    given = inputs["prior"]
    prior = bayes.FLAT
    if given is not None:
        prior = bayes.NormalPrior(given["mean"], math.sqrt(given["variance"]), given["scale"])
    found = bayes.normal_effect(Effect(control, treatment), scale=inputs["difference"], prior=prior)
    direction: Direction = "decrease" if inputs["inverse"] else "increase"
    return {
        "chance_to_win": found.chance_to_win(direction),
        "expected_effect": found.mean,
        "posterior_sd": found.spread,
        "ci": ends(found.interval(1 - inputs["alpha"])),
        "risk_control": found.loss_of_control(direction),
        "risk_treatment": found.loss_of_treatment(direction),
    }


def bayesian_beta_binomial(inputs: Inputs) -> Fields:
    prior = beta_binomial.Beta(inputs["prior_alpha"], inputs["prior_beta"])
    found = beta_binomial.compare(*counts(inputs), prior=prior)
    return {
        "prob_b_beats_a": found.chance_to_win,
        "expected_loss_choose_a": found.loss_of_control,
        "expected_loss_choose_b": found.loss_of_treatment,
        "posterior_mean_a": found.control.mean,
        "posterior_mean_b": found.treatment.mean,
        "ci_a": ends(found.control.interval()),
        "ci_b": ends(found.treatment.interval()),
    }


METHODS: dict[str, Callable[[Inputs], Fields]] = {
    "bayesian_normal": bayesian_normal,
    "bayesian_beta_binomial": bayesian_beta_binomial,
}
