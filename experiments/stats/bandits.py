"""Which arm to show more: Thompson's and top-two shares, and two classical scores.

Chances are computed and not sampled: the same evidence gives the same shares, and a share is a propensity that is known
exactly. What is good (`direction`) is settled once, by turning the scale.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from experiments.stats.bayes import probability_best_normal
from experiments.stats.results import Direction

Floats = npt.NDArray[np.float64]
Method = Literal["thompson", "top_two"]


def thompson_shares(
    means: Sequence[float],
    spreads: Sequence[float],
    *,
    method: Method = "thompson",
    direction: Direction = "increase",
) -> list[float]:
    """The shares of the next batch from normal posteriors: the chances to be best, or their top-two form.

    "top_two" is top-two Thompson sampling (Russo 2020, Oper. Res. 68:1625, section 3.3) with beta 1/2, which gives
    about half to the arms that challenge the best one: better for finding the best arm, worse for clicks on the way.
    """
    chances = probability_best_normal(means, spreads, direction=direction)
    return list(map(float, top_two(chances) if method == "top_two" else chances))


def top_two(chances: Sequence[float] | Floats) -> Floats:
    """Shares p_i (1/2 + 1/2 sum over j of p_j / (1 - p_j)), j other than i (Russo 2020, section 3.3, beta = 1/2)."""
    p = np.asarray(chances, dtype=np.float64)
    if len(p) < 2:
        return p
    leader = int(p.argmax())
    if p[leader] >= 1:
        # The limit: half to the sure winner, the rest to the others by what is left of their chances, or evenly.
        rest = np.delete(p, leader)
        others = rest / rest.sum() if rest.sum() > 0 else np.full(len(rest), 1 / len(rest))
        return np.asarray(np.insert(others / 2, leader, 0.5))
    odds = p / (1 - p)
    return np.asarray(p * (0.5 + 0.5 * (odds.sum() - odds)))


def shrunk_posteriors(
    values: Sequence[float], standard_errors: Sequence[float], *, spread: float
) -> tuple[Floats, Floats]:
    """Posterior means and spreads of arms that differ as past tests say: normal about their common value, with `spread`
    the standard deviation of true relative effects of one arm against another.

    One arm's own spread is that over the root of 2. Empirical Bayes with a common mean by precision (Efron and Morris
    1975, JASA 70:311). An arm without data has an infinite standard error and gets the common value.
    """
    value, error = np.asarray(values, dtype=np.float64), np.asarray(standard_errors, dtype=np.float64)
    seen = np.isfinite(value) & np.isfinite(error) & (error > 0)
    if not seen.any():
        raise ValueError("standard_errors: no arm has a value")
    precision = np.where(seen, 1 / np.where(seen, error, 1.0) ** 2, 0.0)
    first = float((precision @ np.where(seen, value, 0.0)) / precision.sum())
    between = (max(abs(first), 1e-12) * spread / math.sqrt(2)) ** 2
    marginal = np.where(seen, 1 / (between + np.where(seen, error, 1.0) ** 2), 0.0)
    common = float((marginal @ np.where(seen, value, 0.0)) / marginal.sum())
    posterior = precision + 1 / between
    mean = (precision * np.where(seen, value, 0.0) + common / between) / posterior
    return mean, 1 / np.sqrt(posterior)


def ucb1(means: Sequence[float], counts: Sequence[int], *, alpha: float = 1.0) -> Floats:
    """Mean + alpha sqrt(2 log(total) / n) (Auer, Cesa-Bianchi and Fischer 2002, Mach. Learn. 47:235, figure 1 at
    alpha 1); infinite for an arm never shown.
    """
    n = np.asarray(counts, dtype=np.float64)
    if not (n >= 0).all() or not n.sum() > 0:
        raise ValueError("counts: units are needed, and none below 0")
    with np.errstate(divide="ignore"):
        width = np.where(n > 0, np.sqrt(2 * math.log(n.sum()) / np.where(n > 0, n, 1.0)), math.inf)
    return np.asarray(np.where(n > 0, means, 0.0) + alpha * width)


@dataclass(frozen=True, slots=True)
class LinearBandit:
    """One arm of LinUCB with disjoint models: coefficients, and the matrix whose inverse is their spread."""

    theta: Floats
    precision: Floats

    @classmethod
    def fit(cls, contexts: npt.ArrayLike, rewards: npt.ArrayLike, *, ridge: float = 1.0) -> LinearBandit:
        """Ridge regression of rewards (units,) on contexts (units, features); Li et al. (2010, WWW, algorithm 1)."""
        x = np.asarray(contexts, dtype=np.float64)
        if not ridge > 0:
            raise ValueError(f"ridge: {ridge} is not above 0")
        precision = x.T @ x + ridge * np.eye(x.shape[1])
        theta = np.linalg.solve(precision, x.T @ np.asarray(rewards, dtype=np.float64))
        return cls(np.asarray(theta, dtype=np.float64), np.asarray(precision, dtype=np.float64))

    def score(self, context: npt.ArrayLike, *, alpha: float = 1.0) -> float:
        """theta x + alpha sqrt(x' A^-1 x), the upper end of what the arm may give in this context."""
        x = np.asarray(context, dtype=np.float64)
        return float(self.theta @ x + alpha * math.sqrt(x @ np.linalg.solve(self.precision, x)))
