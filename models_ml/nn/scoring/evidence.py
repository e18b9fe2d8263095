"""What past experiments say: arms, which tests can be trusted, pairs with the weight of their evidence.

Pure numpy and scipy. A click rate is read on the log-odds scale. Its sampling variance, 1 / (n p (1 - p)), takes p
pooled over the test, not from the arm itself: an arm that had bad luck would else also look badly measured.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2

SPREAD = 0.2133  # SD of true log-odds between arms of a test, DerSimonian-Laird, Upworthy archive (docs/scorer.md)
SRM_THRESHOLD = 0.001


class ScorerError(Exception):
    """A scorer cannot be trained, loaded or asked; `field` names the input at fault, the message says why."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field, self.message = field, message


@dataclass(frozen=True)
class Arm:
    """One copy in one past experiment and what it got.

    `group` holds the arms that differ in text alone (the same image, channel and audience); arms are compared within
    it. `parts` names parts of the text (headline, body) for whoever shows the arm; the scorer reads `text`. `share` is
    the planned share of traffic, None for equal shares.
    """

    test: str
    group: str
    text: str
    impressions: int
    clicks: int
    language: str = "en"
    parts: Mapping[str, str] | None = None
    share: float | None = None


@dataclass(frozen=True)
class Pair:
    """Two arms of one group with different texts. `z` > 0 where the first had the higher rate.

    `p_value` is the two-sided two-proportion test with pooled variance; `weight` is the inverse variance of the
    difference of log-odds, that is what the pair can tell.
    """

    test: str
    group: str
    first: Arm
    second: Arm
    z: float
    p_value: float
    weight: float


def check_arms(arms: Sequence[Arm]) -> None:
    """Refuse what cannot be counts of a test. Raises ScorerError naming the field and the arm."""
    if not arms:
        raise ScorerError("arms", "there are none")
    for place, arm in enumerate(arms):
        _check_arm(arm, f"arm {place + 1} (test {arm.test!r})")


def _check_arm(arm: Arm, where: str) -> None:
    if not arm.test or not arm.group:
        raise ScorerError("test" if not arm.test else "group", f"{where} does not say which one it belongs to")
    if not arm.text.strip():
        raise ScorerError("text", f"{where} has an empty text")
    if arm.impressions < 0 or arm.clicks < 0:
        raise ScorerError("impressions" if arm.impressions < 0 else "clicks", f"{where} has a number below zero")
    if arm.clicks > arm.impressions:
        raise ScorerError("clicks", f"{where} has {arm.clicks} clicks on {arm.impressions} impressions")
    if arm.share is not None and not 0 < arm.share <= 1:
        raise ScorerError("share", f"{where} has a planned share of {arm.share}, which is not between 0 and 1")


def by_test(arms: Iterable[Arm]) -> dict[str, list[Arm]]:
    """The arms of each test, tests in the order in which they first appear."""
    tests: dict[str, list[Arm]] = defaultdict(list)
    for arm in arms:
        tests[arm.test].append(arm)
    return dict(tests)


def mismatch(arms: Sequence[Arm]) -> float:
    """The p value of the sample ratio mismatch test: chi-square of impressions against the planned shares.

    Fabijan et al., KDD 2019. 1.0 where there is nothing to test (one arm, no impressions).
    """
    seen = np.array([arm.impressions for arm in arms], dtype=float)
    if len(arms) < 2 or seen.sum() == 0:
        return 1.0
    planned = np.array([arm.share if arm.share is not None else 1.0 / len(arms) for arm in arms])
    expected = seen.sum() * planned / planned.sum()
    return float(chi2.sf(((seen - expected) ** 2 / expected).sum(), len(arms) - 1))


def broken_tests(arms: Iterable[Arm], threshold: float = SRM_THRESHOLD) -> frozenset[str]:
    """The tests whose traffic did not split as planned, so that their arms saw different people."""
    return frozenset(test for test, members in by_test(arms).items() if mismatch(members) < threshold)


def merged(arms: Iterable[Arm]) -> list[Arm]:
    """Arms that were shown, with equal texts of one group added up: they differ in nothing that a text scorer sees."""
    sums: dict[tuple[str, str, str], Arm] = {}
    for arm in arms:
        key = (arm.test, arm.group, arm.text.strip())
        old = sums.get(key)
        sums[key] = arm if old is None else _added(old, arm)
    return [arm for arm in sums.values() if arm.impressions > 0]


def _added(one: Arm, other: Arm) -> Arm:
    return replace(one, impressions=one.impressions + other.impressions, clicks=one.clicks + other.clicks)


def pairs(arms: Iterable[Arm]) -> list[Pair]:
    """All pairs of arms of one group that were shown and whose texts differ. Equal texts are not added up first."""
    groups: dict[tuple[str, str], list[Arm]] = defaultdict(list)
    for arm in arms:
        if arm.impressions > 0:
            groups[arm.test, arm.group].append(arm)
    return [
        _pair(first, second)
        for members in groups.values()
        for place, first in enumerate(members)
        for second in members[place + 1 :]
        if first.text.strip() != second.text.strip()
    ]


def _pair(first: Arm, second: Arm) -> Pair:
    rate = (first.clicks + second.clicks) / (first.impressions + second.impressions)
    spread = 1 / first.impressions + 1 / second.impressions
    error = math.sqrt(rate * (1 - rate) * spread)
    gap = first.clicks / first.impressions - second.clicks / second.impressions
    z = gap / error if error > 0 else 0.0
    weight = 1 / (sum(variances([first, second])) + 2 * SPREAD**2)
    return Pair(first.test, first.group, first, second, z, math.erfc(abs(z) / math.sqrt(2)), float(weight))


def log_odds(arms: Sequence[Arm]) -> NDArray[np.float64]:
    """The log-odds of a click of each arm, with half a click added on either side (Haldane, Anscombe)."""
    clicks = np.array([arm.clicks for arm in arms], dtype=float)
    shown = np.array([arm.impressions for arm in arms], dtype=float)
    return np.asarray(np.log((clicks + 0.5) / (shown - clicks + 0.5)))


def variances(arms: Sequence[Arm]) -> NDArray[np.float64]:
    """Sampling variance of each arm's log-odds, from the click rate pooled over `arms` (of one test)."""
    shown = np.array([arm.impressions for arm in arms], dtype=float)
    rate = (sum(arm.clicks for arm in arms) + 0.5) / (shown.sum() + 1)
    return np.asarray(1 / (shown * rate * (1 - rate)))
