"""Comparison within strata: groups of units that were there before the experiment (country, device, new or known).

Post-stratification weighs each stratum's difference by its share of all units, whichever arm they are in (Miratrix,
Sekhon and Yu 2013, J. R. Stat. Soc. B 75:369, eq. 3); Mantel and Haenszel pool the odds of 2 by 2 tables. Both stay
right where arms drew unequal shares of the strata. Units of a stratum too small to have a variance in both arms are
put together with the next smallest, so nobody is left out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from experiments.stats.inference import TWO_SIDED, Effect, Normal, Reading, conclude, undefined
from experiments.stats.moments import Moments
from experiments.stats.proportions import Counts
from experiments.stats.ratios import arm_ratio
from experiments.stats.results import ArmEstimate, Comparison, Interval, Note


def stratified_effect(
    control: Mapping[str, Moments], treatment: Mapping[str, Moments], numerator: str, denominator: str | None = None
) -> Effect:
    """Both arms' values as if each had drawn every stratum in its share of all units; the shares are taken as given.

    Variance: sum of weight^2 times the variance of the stratum's value (ibid., eq. 5). Moments by stratum, any subset
    of strata in either arm. Raises ValueError where there is no unit in an arm; NaN where no stratum has a value.
    """
    pairs = merged(control, treatment, denominator)
    units = np.array([before.n + after.n for before, after in pairs], dtype=float)
    weights = units / units.sum()
    sides = []
    for place in (0, 1):
        arms = [arm_ratio(pair[place], numerator, denominator) for pair in pairs]
        value = float(weights @ np.array([arm.value for arm in arms]))
        variance = float(weights**2 @ np.array([arm.variance for arm in arms]))
        sides.append(ArmEstimate(sum(arm.n for arm in arms), value, math.sqrt(variance)))
    return Effect(sides[0], sides[1])


def compare_stratified(
    control: Mapping[str, Moments],
    treatment: Mapping[str, Moments],
    numerator: str,
    denominator: str | None = None,
    *,
    reading: Reading = TWO_SIDED,
) -> Comparison:
    """Post-stratified difference with a normal reference: strata have no common degrees of freedom."""
    effect = stratified_effect(control, treatment, numerator, denominator)
    if math.isnan(effect.variance):
        return undefined(effect, Note.TOO_FEW_UNITS, method="post_stratified", reading=reading)
    return conclude(effect, Normal(), method="post_stratified", reading=reading)


def merged(
    control: Mapping[str, Moments], treatment: Mapping[str, Moments], denominator: str | None = None
) -> list[tuple[Moments, Moments]]:
    """The strata, largest first, the small ones joined until each has a variance in both arms."""
    if not any(side.n for side in control.values()) or not any(side.n for side in treatment.values()):
        raise ValueError("strata: an arm has no unit in any")
    columns = next(iter(control.values())).columns
    empty = Moments.empty(columns)
    names = dict.fromkeys((*control, *treatment))
    pairs = [(control.get(name, empty), treatment.get(name, empty)) for name in names]
    pairs = sorted((pair for pair in pairs if pair[0].n + pair[1].n), key=lambda pair: -(pair[0].n + pair[1].n))
    kept = [pair for pair in pairs if _is_whole(pair, denominator)]
    rest = [pair for pair in pairs if not _is_whole(pair, denominator)]
    if not rest:
        return kept
    joined = _joined(rest)
    while kept and not _is_whole(joined, denominator):
        joined = _joined([kept.pop(), joined])
    return [*kept, joined]


def _is_whole(pair: tuple[Moments, Moments], denominator: str | None) -> bool:
    return all(side.n >= 2 and side.mean(denominator) != 0 for side in pair)


def _joined(pairs: Sequence[tuple[Moments, Moments]]) -> tuple[Moments, Moments]:
    before, after = pairs[0]
    for one, other in pairs[1:]:
        before, after = before + one, after + other
    return before, after


@dataclass(frozen=True, slots=True)
class CommonOdds:
    """What 2 by 2 tables of several strata say together. `odds_ratio` and `risk_ratio` are treatment over control."""

    statistic: float
    p_value: float
    statistic_corrected: float
    p_value_corrected: float
    odds_ratio: Interval
    risk_ratio: Interval


def mantel_haenszel(strata: Sequence[tuple[Counts, Counts]], *, confidence: float = 0.95) -> CommonOdds:
    """Common odds ratio and risk ratio over strata of (control, treatment) counts, and the test that they are 1.

    Test: Mantel and Haenszel (1959, J. Natl. Cancer Inst. 22:719), with and without their correction by a half. Odds
    ratio's variance: Robins, Breslow and Greenland (1986, Biometrics 42:311); risk ratio's: Greenland and Robins (1985,
    Biometrics 41:55). NaN, with ends at 0 and infinity, where strata with both arms have no success or no failure.
    """
    table = np.array([_cells(*one) for one in strata if one[0].n and one[1].n], dtype=float).reshape(-1, 4)
    won, lost, won_control, lost_control = table.T
    total = table.sum(axis=1)
    treated, untreated = won + lost, won_control + lost_control
    wins = won + won_control
    surplus = float((won - wins * treated / total).sum())
    spread = float((treated * untreated * wins * (total - wins) / (total**2 * np.maximum(total - 1, 1))).sum())
    plain, corrected = (_square(abs(surplus) - shift, spread) for shift in (0.0, min(0.5, abs(surplus))))
    return CommonOdds(
        plain,
        float(special.chdtrc(1, plain)),
        corrected,
        float(special.chdtrc(1, corrected)),
        _odds_ratio(won * lost_control / total, lost * won_control / total, table, confidence),
        _risk_ratio(won * untreated / total, won_control * treated / total, table, confidence),
    )


def _cells(control: Counts, treatment: Counts) -> tuple[int, int, int, int]:
    return (
        treatment.successes,
        treatment.n - treatment.successes,
        control.successes,
        control.n - control.successes,
    )


def _square(surplus: float, spread: float) -> float:
    return surplus**2 / spread if spread > 0 else 0.0


def _odds_ratio(up: np.ndarray, down: np.ndarray, table: np.ndarray, confidence: float) -> Interval:
    total = table.sum(axis=1)
    along, against = (table[:, 0] + table[:, 3]) / total, (table[:, 1] + table[:, 2]) / total
    ups, downs = float(up.sum()), float(down.sum())
    if not (ups > 0 and downs > 0):
        return _unbounded(ups, downs, confidence)
    variance = (
        float(along @ up) / (2 * ups**2)
        + float(along @ down + against @ up) / (2 * ups * downs)
        + float(against @ down) / (2 * downs**2)
    )
    return _on_log_scale(ups / downs, variance, confidence)


def _risk_ratio(up: np.ndarray, down: np.ndarray, table: np.ndarray, confidence: float) -> Interval:
    ups, downs = float(up.sum()), float(down.sum())
    if not (ups > 0 and downs > 0):
        return _unbounded(ups, downs, confidence)
    total = table.sum(axis=1)
    treated, untreated = table[:, 0] + table[:, 1], table[:, 2] + table[:, 3]
    wins = table[:, 0] + table[:, 2]
    share = float(((treated * untreated * wins - table[:, 0] * table[:, 2] * total) / total**2).sum())
    return _on_log_scale(ups / downs, share / (ups * downs), confidence)


def _on_log_scale(ratio: float, variance: float, confidence: float) -> Interval:
    half = float(-special.ndtri((1 - confidence) / 2)) * math.sqrt(variance)
    return Interval(ratio, ratio * math.exp(-half), ratio * math.exp(half), confidence)


def _unbounded(up: float, down: float, confidence: float) -> Interval:
    estimate = 0.0 if down > 0 else math.inf if up > 0 else math.nan
    return Interval(estimate, 0.0, math.inf, confidence)
