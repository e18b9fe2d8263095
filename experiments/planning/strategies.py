"""Three ways to spend one horizon of traffic, played on the same truths and the same noise.

Peculiar: no unit is drawn. An arm's mean over a batch is normal around its truth with one unit's variance over the
batch's units, which holds from some tens of successes on. Truths are drawn from the prior: an arm's log value is normal
with the prior's spread over sqrt(2), so that the difference of two has the prior's spread.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import special

from experiments.planning.inputs import PlanInputs

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Kind = Literal["test_best", "test_proven", "even", "thompson"]

BATCHES = 20
REPLICATIONS = 2000
FLOOR = 0.01
# Twentieths of the horizon after which a test commits.
ENDS = (1, 2, 3, 4, 5, 6, 8, 10, 15)
_DRAWS = 64


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a strategy yields over the horizon, with simulation errors (`..._error`, one standard deviation).

    `fraction` is the part of the horizon that is spent testing. `oracle_share` is the yield over that of knowing the
    best arm from the start, `lift` the yield over showing the control alone. `wrong` is the chance that the arm left
    on at the end is a challenger truly worse than the control, `best` that it is truly the best. For a metric where
    less is better, `oracle_share` is above 1 and a negative `lift` is the gain.
    """

    kind: Kind
    arms: int
    fraction: float
    oracle_share: float
    oracle_share_error: float
    lift: float
    lift_error: float
    wrong: float
    wrong_error: float
    best: float
    best_error: float


@dataclass(frozen=True, slots=True)
class _World:
    """Truths (replications, arms) with the control first, and standard noise (replications, batches, arms)."""

    inputs: PlanInputs
    truth: Floats
    noise: Floats

    @property
    def batch_units(self) -> float:
        """Units of all arms in one batch."""
        return self.inputs.units / BATCHES

    @property
    def deviation(self) -> float:
        """Standard deviation of one unit."""
        return math.sqrt(self.inputs.variance)

    def believed(self, units: Floats, sums: Floats) -> tuple[Floats, Floats]:
        """Posterior means and standard deviations of arms' values, in the value's unit, from the prior."""
        base, width = self.inputs.baseline, self.inputs.baseline * self.inputs.prior_spread / math.sqrt(2)
        middle = np.full(self.truth.shape[1], base * math.exp(self.inputs.prior_mean))
        middle[0] = base
        precision = units / self.inputs.variance + width**-2
        return (sums / self.inputs.variance + middle * width**-2) / precision, precision**-0.5

    def sign(self) -> float:
        """1 where more is better, -1 where less is."""
        return 1.0 if self.inputs.higher_is_better else -1.0


def simulate(
    inputs: PlanInputs, *, seed: int = 0, replications: int = REPLICATIONS, adaptive: bool = True
) -> list[Outcome]:
    """Every strategy at every length, on the same truths. The same seed gives the same figures.

    `adaptive` False leaves out Thompson's, which takes most of the time.
    """
    random = np.random.default_rng(seed)
    world = _world(inputs, random, replications)
    found = [_tested(world, end, proven=proven) for end in ENDS for proven in (False, True)]
    return [*found, _even(world), *([_thompson(world, random)] if adaptive else [])]


def _world(inputs: PlanInputs, random: np.random.Generator, replications: int) -> _World:
    logs = random.standard_normal((replications, inputs.arms)) * (inputs.prior_spread / math.sqrt(2))
    logs[:, 1:] += inputs.prior_mean
    noise = random.standard_normal((replications, BATCHES, inputs.arms))
    return _World(inputs, inputs.baseline * np.exp(logs), noise)


def _even_sums(world: _World, end: int) -> tuple[float, Floats]:
    """Units of each arm and sums of its values after `end` batches of an even split."""
    each = world.batch_units / world.truth.shape[1]
    noise = world.noise[:, :end].sum(axis=1) * (world.deviation * math.sqrt(each))
    return each * end, world.truth * (each * end) + noise


def _tested(world: _World, end: int, *, proven: bool) -> Outcome:
    """An even split, then one arm for all: the one believed best, or the control unless the best is proven better."""
    units, sums = _even_sums(world, end)
    chosen = _best_believed(world, np.full(sums.shape, units), sums)
    if proven:
        tail = world.inputs.alpha / (2 * (sums.shape[1] - 1))
        bound = float(special.ndtri(1 - tail)) * world.deviation * math.sqrt(2 * units)
        gained = world.sign() * (_of(sums, chosen) - sums[:, 0])
        chosen = np.where(gained > bound, chosen, 0)
    fraction, share = end / BATCHES, world.inputs.share
    during = share * world.truth.mean(axis=1) + (1 - share) * world.truth[:, 0]
    yields = fraction * during + (1 - fraction) * _of(world.truth, chosen)
    return _outcome(world, "test_proven" if proven else "test_best", yields, chosen=chosen, fraction=fraction)


def _even(world: _World) -> Outcome:
    units, sums = _even_sums(world, BATCHES)
    chosen = _best_believed(world, np.full(sums.shape, units), sums)
    share = world.inputs.share
    yields = share * world.truth.mean(axis=1) + (1 - share) * world.truth[:, 0]
    return _outcome(world, "even", yields, chosen=chosen, fraction=1.0)


def _thompson(world: _World, random: np.random.Generator) -> Outcome:
    """Each batch is shared out by each arm's chance to be the best, with a floor (Thompson 1933, Biometrika 25:285)."""
    units, sums, shown = (np.zeros(world.truth.shape) for _ in range(3))
    for batch in range(BATCHES):
        part = world.batch_units * _shares(world, units, sums, random)
        shown += part * world.truth
        sums += part * world.truth + world.noise[:, batch] * world.deviation * np.sqrt(part)
        units += part
    chosen = _best_believed(world, units, sums)
    share = world.inputs.share
    yields = share * shown.sum(axis=1) / world.inputs.units + (1 - share) * world.truth[:, 0]
    return _outcome(world, "thompson", yields, chosen=chosen, fraction=1.0)


def _shares(world: _World, units: Floats, sums: Floats, random: np.random.Generator) -> Floats:
    means, deviations = world.believed(units, sums)
    draws = random.standard_normal((_DRAWS, *means.shape)) * deviations + means
    winners = (world.sign() * draws).argmax(axis=2)
    arms = means.shape[1]
    wanted = np.stack([(winners == arm).mean(axis=0) for arm in range(arms)], axis=1)
    shares: Floats = FLOOR + (1 - arms * FLOOR) * wanted
    return shares


def _best_believed(world: _World, units: Floats, sums: Floats) -> Ints:
    means, _ = world.believed(units, sums)
    best: Ints = (world.sign() * means).argmax(axis=1)
    return best


def _of(table: Floats, chosen: Ints) -> Floats:
    return table[np.arange(len(table)), chosen]


def _outcome(world: _World, kind: Kind, yields: Floats, *, chosen: Ints, fraction: float) -> Outcome:
    signed, control = world.sign() * world.truth, world.truth[:, 0]
    best = signed.argmax(axis=1)
    oracle, oracle_error = _ratio(yields, _of(world.truth, best))
    level, level_error = _ratio(yields, control)
    wrong, wrong_error = _chance(_of(signed, chosen) < signed[:, 0])
    right, right_error = _chance(chosen == best)
    arms = world.truth.shape[1]
    return Outcome(
        kind, arms, fraction, oracle, oracle_error, level - 1, level_error, wrong, wrong_error, right, right_error
    )


def _ratio(above: Floats, below: Floats) -> tuple[float, float]:
    """Ratio of means with its simulation error by the delta method."""
    ratio = float(above.mean() / below.mean())
    return ratio, float((above - ratio * below).std(ddof=1) / (below.mean() * math.sqrt(len(above))))


def _chance(hits: NDArray[np.bool_]) -> tuple[float, float]:
    chance = float(hits.mean())
    return chance, math.sqrt(chance * (1 - chance) / len(hits))
