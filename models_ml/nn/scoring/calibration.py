"""From a difference of utilities to a probability: one slope, no intercept, so that P(a, b) = 1 - P(b, a).

Platt's scaling (1999) without its offset. The slope is fitted on differences predicted for tests that were left out,
with a prior that pulls it to nought: with few pairs every probability stays near one half.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import expit

_PRIOR_SPREAD = 1.0  # of the slope, for differences scaled to a standard deviation of 1

Numbers = NDArray[np.float64]


def log_loss(logits: Numbers, won: Numbers, weight: Numbers | None = None) -> float:
    """Mean of -log P(what happened), in nats, weighted where weights are given. 0.6931 is a coin, and no cases."""
    if len(logits) == 0:
        return math.log(2)
    losses = np.logaddexp(0, -logits) * won + np.logaddexp(0, logits) * (1 - won)
    return float(np.average(losses, weights=weight))


def fit_slope(gaps: Numbers, won: Numbers) -> float:
    """The slope ≥ 0 that makes expit(slope × gap) most likely; 0 where there is nothing to learn from."""
    spread = float(np.sqrt(np.mean(gaps**2))) if len(gaps) else 0.0
    if spread < 1e-9:
        return 0.0
    scaled = gaps / spread

    def cost(slope: float) -> float:
        return log_loss(slope * scaled, won) * len(won) + 0.5 * (slope / _PRIOR_SPREAD) ** 2

    return float(minimize_scalar(cost, bounds=(0.0, 10.0), method="bounded").x) / spread


def probability(gaps: Numbers, slope: float) -> Numbers:
    """P(first beats second) for utilities of first minus second."""
    return np.asarray(expit(slope * gaps))
