"""How good a scorer is on tests it has not seen: hit rates, log-loss, calibration, each with an interval.

Intervals are percentile bootstraps over whole tests (pairs of one test share arms, so they are not independent). The
calibration error is over symmetrised pairs, (p, won) and (1 - p, lost), in ten bins of equal mass; a bin's gap is never
below nought, so a finite sample shows an error even for a perfect scorer.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models_ml.nn.scoring.evidence import Arm, merged, pairs

SIGNIFICANT = 0.05
_BINS = 10
_RESAMPLES = 1000

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Figure:
    """A measured figure with its 95 % interval, and how many cases it rests on."""

    value: float
    low: float
    high: float
    count: int


@dataclass(frozen=True)
class Judged:
    """What a scorer said of unseen pairs and groups: probabilities, outcomes, and the test of each."""

    test: NDArray[np.intp]
    said: Numbers
    won: Numbers
    significant: NDArray[np.bool_]
    group_test: NDArray[np.intp]
    hit: Numbers
    chance: Numbers

    @property
    def tests(self) -> int:
        """One more than the highest test number."""
        return int(max(self.test.max(initial=-1), self.group_test.max(initial=-1))) + 1


def judge(arms: Sequence[Arm], probability: Callable[[Arm, Arm], float], best: Callable[[list[Arm]], int]) -> Judged:
    """Ask for every pair with a winner and every group of two or more different texts.

    `best` picks the place of the arm it holds best. A pick is a hit when its click rate is the highest; chance is one
    in the number of arms.
    """
    number = {test: place for place, test in enumerate(dict.fromkeys(arm.test for arm in arms))}
    found = [pair for pair in pairs(arms) if pair.z != 0]
    groups = _groups(arms)
    hits = [_hit(members, best(members)) for members in groups]
    return Judged(
        np.array([number[pair.test] for pair in found], dtype=np.intp),
        np.array([probability(pair.first, pair.second) for pair in found], dtype=float),
        np.array([pair.z > 0 for pair in found], dtype=float),
        np.array([pair.p_value < SIGNIFICANT for pair in found], dtype=bool),
        np.array([number[members[0].test] for members in groups], dtype=np.intp),
        np.array(hits, dtype=float),
        np.array([1 / len(members) for members in groups], dtype=float),
    )


def _groups(arms: Sequence[Arm]) -> list[list[Arm]]:
    groups: dict[tuple[str, str], list[Arm]] = defaultdict(list)
    for arm in merged(arms):
        groups[arm.test, arm.group].append(arm)
    return [members for members in groups.values() if len(members) > 1]


def _hit(members: Sequence[Arm], picked: int) -> float:
    rates = [arm.clicks / arm.impressions for arm in members]
    return float(rates[picked] == max(rates))


def figures(judged: Judged, *, seed: int = 0, resamples: int = _RESAMPLES) -> dict[str, Figure]:
    """All figures of `judged`: accuracy, significant, log_loss, calibration_error, top1, top1_chance."""
    rng = np.random.default_rng(seed)
    tests = max(1, judged.tests)
    draws = [np.ones(tests), *rng.multinomial(tests, np.full(tests, 1 / tests), size=resamples).astype(float)]
    bins = _bins(judged)
    series = [_all(judged, bins, counts) for counts in draws]
    sizes = _sizes(judged)
    return {name: _figure([one[name] for one in series], sizes[name]) for name in series[0]}


def _sizes(judged: Judged) -> dict[str, int]:
    pairs_, groups = len(judged.said), len(judged.hit)
    significant = int(judged.significant.sum())
    return {
        "accuracy": pairs_,
        "significant": significant,
        "log_loss": pairs_,
        "calibration_error": 2 * pairs_,
        "top1": groups,
        "top1_chance": groups,
    }


def _figure(values: Sequence[float], count: int) -> Figure:
    known = np.array([value for value in values[1:] if not np.isnan(value)])
    low, high = np.quantile(known, [0.025, 0.975]) if len(known) else (np.nan, np.nan)
    return Figure(float(values[0]), float(low), float(high), count)


def _all(judged: Judged, bins: NDArray[np.intp], counts: Numbers) -> Mapping[str, float]:
    weight, group_weight = counts[judged.test], counts[judged.group_test]
    right = np.where(judged.said == 0.5, 0.5, (judged.said > 0.5) == (judged.won > 0.5))
    likely = np.where(judged.won > 0.5, judged.said, 1 - judged.said)
    return {
        "accuracy": _mean(right, weight),
        "significant": _mean(right, weight * judged.significant),
        "log_loss": _mean(-np.log(np.clip(likely, 1e-12, 1)), weight),
        "calibration_error": _calibration_error(judged, bins, weight),
        "top1": _mean(judged.hit, group_weight),
        "top1_chance": _mean(judged.chance, group_weight),
    }


def _mean(values: Numbers, weight: Numbers) -> float:
    total = float(weight.sum())
    return float((values * weight).sum() / total) if total > 0 else float("nan")


def _bins(judged: Judged) -> NDArray[np.intp]:
    """The bin of each symmetrised pair: ranks of probabilities cut in ten equal parts."""
    said = np.concatenate([judged.said, 1 - judged.said])
    ranks = np.empty(len(said), dtype=np.intp)
    ranks[np.argsort(said, kind="stable")] = np.arange(len(said))
    return np.asarray(ranks * _BINS // max(1, len(said)), dtype=np.intp)


def _calibration_error(judged: Judged, bins: NDArray[np.intp], weight: Numbers) -> float:
    gap = np.concatenate([judged.said - judged.won, judged.won - judged.said]) * np.tile(weight, 2)
    total = float(2 * weight.sum())
    return float(np.abs(np.bincount(bins, gap, _BINS)).sum() / total) if total > 0 else float("nan")
