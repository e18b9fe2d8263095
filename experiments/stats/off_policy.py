"""What another policy would have earned, from decisions that were logged with their propensities.

A policy gives each action of a round its chance. The weight of a round is the target policy's chance of the action that
was taken over the logging policy's; everything here averages rewards by such weights, with or without a model of the
reward. Where the logging policy never took an action that the target would take, nothing can be said: see `overlap`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

from experiments.stats.results import Interval

Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Logged:
    """Rounds of a log under one target policy.

    `rewards`, `propensities` (of the action taken, above 0) and `actions` (from 0) have one entry a round; `target` has
    the target policy's chance of each action, (rounds, actions); `model` what each action is expected to earn, of the
    same shape, or None.
    """

    actions: Whole
    rewards: Floats
    propensities: Floats
    target: Floats
    model: Floats | None = None

    def __post_init__(self) -> None:
        rounds = len(self.actions)
        if not rounds:
            raise ValueError("actions: there are no rounds")
        if self.rewards.shape != (rounds,) or self.propensities.shape != (rounds,):
            raise ValueError(f"rewards: one reward and one propensity are needed for each of {rounds} rounds")
        if self.target.ndim != 2 or len(self.target) != rounds:
            raise ValueError(f"target: shape {self.target.shape} is not (rounds, actions)")
        if self.model is not None and self.model.shape != self.target.shape:
            raise ValueError(f"model: shape {self.model.shape} is not that of the target, {self.target.shape}")
        if not ((self.propensities > 0) & (self.propensities <= 1)).all():
            raise ValueError("propensities: one is not above 0 and at most 1")
        if not np.allclose(self.target.sum(axis=1), 1, atol=1e-6) or (self.target < 0).any():
            raise ValueError("target: its chances do not add up to 1 in each round")

    @property
    def weights(self) -> Floats:
        """Target chance over logging chance of the action that was taken, by round."""
        return np.asarray(self._taken(self.target) / self.propensities)

    @property
    def effective_rounds(self) -> float:
        """(sum w)^2 / sum w^2: as how many rounds of the target's own the log is worth (Kish 1965, section 11.7)."""
        weights = self.weights
        squares = float(weights @ weights)
        return float(weights.sum()) ** 2 / squares if squares else 0.0

    def _taken(self, table: Floats) -> Floats:
        return np.asarray(table[np.arange(len(self.actions)), self.actions])

    def modelled(self) -> tuple[Floats, Floats]:
        """By round, the model's value of the target policy and of the action taken. Raises ValueError without model."""
        if self.model is None:
            raise ValueError("model: this estimator needs one")
        return np.asarray((self.target * self.model).sum(axis=1)), self._taken(self.model)


@dataclass(frozen=True, slots=True)
class PolicyValue:
    """The estimated mean reward a round, with its standard error (NaN for a single round)."""

    estimate: float
    standard_error: float

    def interval(self, confidence: float = 0.95) -> Interval:
        """The normal interval. With few effective rounds it is too narrow: weights have heavy tails."""
        half = float(-special.ndtri((1 - confidence) / 2)) * self.standard_error
        return Interval(self.estimate, self.estimate - half, self.estimate + half, confidence)


def inverse_propensity(log: Logged, *, clip: float = math.inf) -> PolicyValue:
    """IPS, mean(w r) (Horvitz and Thompson 1952); with `clip`, min(w, clip), biased towards 0 and steadier (Ionides
    2008, J. Comput. Graph. Stat. 17:295).
    """
    return _mean(np.minimum(log.weights, clip) * log.rewards)


def self_normalised(log: Logged) -> PolicyValue:
    """SNIPS, sum(w r) / sum(w) (Swaminathan and Joachims 2015, eq. 7); the error is that of the ratio.

    NaN where no logged action is one that the target would take.
    """
    return _ratio(log.weights, log.rewards)


def direct_method(log: Logged) -> PolicyValue:
    """DM: the mean of what the model expects of the target; as wrong as the model, and its error does not say so."""
    return _mean(log.modelled()[0])


def doubly_robust(log: Logged) -> PolicyValue:
    """DR, mean(q(pi) + w (r - q)) (Dudik, Langford and Li 2011, eq. 1): right if propensities or model are."""
    policy, taken = log.modelled()
    return _mean(policy + log.weights * (log.rewards - taken))


def self_normalised_doubly_robust(log: Logged) -> PolicyValue:
    """SNDR: the correction of DR over the mean weight (Thomas and Brunskill 2016, ICML, weighted DR)."""
    policy, taken = log.modelled()
    base, correction = _mean(policy), _ratio(log.weights, log.rewards - taken)
    weights = log.weights
    scale = weights.mean()
    parts = policy + weights * (log.rewards - taken - correction.estimate) / scale if scale else policy
    return PolicyValue(base.estimate + correction.estimate, _mean(np.asarray(parts)).standard_error)


def switch_doubly_robust(log: Logged, *, threshold: float) -> PolicyValue:
    """Switch-DR: DR's correction only where w <= threshold (Wang, Agarwal and Dudik 2017, ICML, eq. 7)."""
    policy, taken = log.modelled()
    weights = np.where(log.weights <= threshold, log.weights, 0.0)
    return _mean(policy + weights * (log.rewards - taken))


def shrunk_doubly_robust(log: Logged, *, shrinkage: float) -> PolicyValue:
    """DR with optimistic shrinkage, w -> s w / (w^2 + s) (Su et al. 2020, ICML, eq. 7); 0 is DM, infinity is DR."""
    if not shrinkage >= 0:
        raise ValueError(f"shrinkage: {shrinkage} is negative")
    policy, taken = log.modelled()
    weights = log.weights
    if math.isfinite(shrinkage):
        squares = weights**2 + shrinkage
        weights = np.where(squares > 0, shrinkage * weights / np.where(squares > 0, squares, 1.0), 0.0)
    return _mean(policy + weights * (log.rewards - taken))


def replay(log: Logged) -> PolicyValue:
    """The mean reward of the rounds in which a deterministic target agrees with the log (Li et al. 2011, WSDM,
    algorithm 2); right only where the log chose uniformly. The target's likeliest action stands for it.
    """
    agreed = log.rewards[log.target.argmax(axis=1) == log.actions]
    return _mean(agreed) if len(agreed) else PolicyValue(math.nan, math.nan)


def overlap(log: Logged) -> float:
    """The mean weight: 1 where the log covers all that the target does, less by the share it never tried."""
    return float(log.weights.mean())


def _mean(values: Floats) -> PolicyValue:
    error = float(values.std(ddof=1)) / math.sqrt(len(values)) if len(values) > 1 else math.nan
    return PolicyValue(float(values.mean()), error)


def _ratio(weights: Floats, values: Floats) -> PolicyValue:
    total = float(weights.sum())
    if not total:
        return PolicyValue(math.nan, math.nan)
    estimate = float(weights @ values) / total
    residuals = weights * (values - estimate)
    count = len(weights)
    spread = float(residuals @ residuals) * count / (count - 1) if count > 1 else math.nan
    return PolicyValue(estimate, math.sqrt(spread) / total)
