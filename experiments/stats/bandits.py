"""Which arm to show more: chances to be best, Thompson's and top-two shares, and two classical scores.

Chances are computed and not sampled: the same evidence gives the same shares, and a share is a propensity that is known
exactly. What is good (`direction`) is settled once, by turning the scale.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy import special

from experiments.stats.results import Direction

Floats = npt.NDArray[np.float64]
Method = Literal["thompson", "top_two"]
# Nodes of the quadrature: enough for spreads that differ thirtyfold (error below 1e-9 then).
NODES = 4000
REACH = 8.5


def chance_best_normal(
    means: Sequence[float], spreads: Sequence[float], *, direction: Direction = "increase"
) -> Floats:
    """P(arm is best) for independent normal posteriors, by quadrature over each arm's own scale. Sums to 1.

    Raises ValueError for a spread that is not positive.
    """
    centre, spread = np.asarray(means, dtype=np.float64), np.asarray(spreads, dtype=np.float64)
    if not (spread > 0).all():
        raise ValueError("spreads: one is not above 0")
    if direction == "decrease":
        centre = -centre
    nodes = np.linspace(-REACH, REACH, NODES)
    weights = np.exp(-(nodes**2) / 2)
    return _normalised(
        [
            float(
                weights
                @ _others_below(place, len(centre), lambda one, x: special.ndtr((x - centre[one]) / spread[one]), at)
            )
            for place, at in enumerate(centre[:, None] + spread[:, None] * nodes)
        ]
    )


def chance_best_beta(
    successes: Sequence[float], failures: Sequence[float], *, direction: Direction = "increase"
) -> Floats:
    """P(arm is best) for Beta(successes, failures) posteriors: the integral of the others' distribution functions over
    the arm's quantiles.
    """
    good, bad = np.asarray(successes, dtype=np.float64), np.asarray(failures, dtype=np.float64)
    if not ((good > 0) & (bad > 0)).all():
        raise ValueError("successes: a beta distribution needs both parameters above 0")
    if direction == "decrease":
        good, bad = bad, good
    nodes = special.ndtr(np.linspace(-REACH, REACH, NODES))
    weights = np.exp(-(np.linspace(-REACH, REACH, NODES) ** 2) / 2)
    quantiles = special.betaincinv(good[:, None], bad[:, None], nodes)
    return _normalised(
        [
            float(weights @ _others_below(place, len(good), lambda one, x: special.betainc(good[one], bad[one], x), at))
            for place, at in enumerate(quantiles)
        ]
    )


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
    chances = chance_best_normal(means, spreads, direction=direction)
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


def _others_below(place: int, arms: int, below: Callable[[int, Floats], Floats], at: Floats) -> Floats:
    """The chance that all other arms are below these values."""
    found = np.ones_like(at)
    for other in range(arms):
        if other != place:
            found = found * below(other, at)
    return found


def _normalised(masses: Sequence[float]) -> Floats:
    found = np.asarray(masses, dtype=np.float64)
    return np.asarray(found / found.sum())
