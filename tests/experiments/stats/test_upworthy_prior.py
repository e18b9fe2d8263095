"""The learned prior on real headline tests: how far true effects spread, and that shrunk lifts predict better.

Upworthy Research Archive (Matias et al. 2021), development part, read from the reference data where that is there.
Tests with a broken split are left out by the sample ratio check itself and by the weeks that the archive names.
"""

from __future__ import annotations

import csv
import gzip
import math
from collections import defaultdict
from functools import cache

import numpy as np
import numpy.typing as npt
import pytest

from experiments.stats.learning import LogValue, Past, dersimonian_laird, learn
from experiments.stats.sample_ratio import chi_square
from experiments.stats.shrinkage import HEADLINES, shrink
from tests.reference import shared_path

BROKEN_WEEKS = range(201325, 201402)
# Statistics reference, section 16: DerSimonian and Laird between the arms of clean tests, in log-odds.
PUBLISHED = 0.2133
# With fewer clicks an arm, half of them say little that is normal on the scale of log-odds.
ENOUGH_CLICKS = 20

Test = tuple[np.ndarray, np.ndarray]


@cache
def clean_tests() -> list[Test]:
    """Impressions and clicks of each test whose arms got the shares they should, the arms in an order of chance."""
    found: dict[str, list[tuple[int, int, int]]] = defaultdict(list)
    with gzip.open(shared_path("data", "upworthy", "upworthy.csv.gz"), "rt", encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            numbers = int(row["impressions"]), int(row["clicks"]), int(row["test_week"])
            found[row["clickability_test_id"]].append(numbers)
    generator = np.random.default_rng(1)
    # The file has the winner first, so "the first arm" would be no fair control.
    shuffled = [np.array(arms)[generator.permutation(len(arms))] for arms in found.values() if len(arms) > 1]
    return [(arms[:, 0], arms[:, 1]) for arms in shuffled if is_clean(arms)]


def is_clean(arms: np.ndarray) -> bool:
    return arms[0, 2] not in BROKEN_WEEKS and not chi_square(arms[:, 0].tolist(), [1] * len(arms)).mismatch


def log_odds(impressions: np.ndarray, clicks: np.ndarray) -> list[LogValue]:
    """With half a click added to either side (Haldane 1956), so that an arm without a click has one too."""
    won, lost = clicks + 0.5, impressions - clicks + 0.5
    return [LogValue(float(np.log(a / b)), float(1 / a + 1 / b)) for a, b in zip(won, lost, strict=True)]


def past(tests: list[Test]) -> list[Past]:
    arms = [log_odds(*one) for one in tests]
    return [Past(str(key), values[0], tuple(values[1:])) for key, values in enumerate(arms)]


def halves(tests: list[Test]) -> tuple[list[Test], list[Test]]:
    """Each test's impressions cut in two at random, its clicks with them: two looks at the same true effects."""
    generator = np.random.default_rng(2)
    first = []
    for impressions, clicks in tests:
        half = impressions // 2
        first.append((half, generator.hypergeometric(clicks, impressions - clicks, half)))
    rest = [(whole[0] - half[0], whole[1] - half[1]) for whole, half in zip(tests, first, strict=True)]
    return first, rest


def test_the_learned_spread_is_the_published_one() -> None:
    tests = past(clean_tests())
    assert len(tests) > 2000
    learned = learn(tests, mean_spread=0)
    between_arms = learned.prior.spread / math.sqrt(2)
    assert between_arms == pytest.approx(PUBLISHED, rel=0.06)
    assert dersimonian_laird(tests) / math.sqrt(2) == pytest.approx(PUBLISHED, rel=0.04)
    assert learned.prior.spread == pytest.approx(HEADLINES.spread, rel=0.06)
    assert abs(learned.raw_mean) < 3 * learned.mean_error


def test_a_few_dozen_tests_already_say_so() -> None:
    tests = past(clean_tests())
    spreads = [learn(tests[start : start + 40]).prior.spread for start in range(0, 2000, 40)]
    assert np.median(spreads) == pytest.approx(HEADLINES.spread, rel=0.15)
    assert max(spreads) < 2 * HEADLINES.spread
    assert min(spreads) > HEADLINES.spread / 2


def test_shrunk_lifts_predict_the_other_half_better_than_raw_ones() -> None:
    """The prior is learned from one set of tests, lifts are shrunk on the first halves of the others and judged by the
    second halves, in which neither had a part.
    """
    first, rest = halves([one for one in clean_tests() if one[1].mean() >= ENOUGH_CLICKS])
    prior = learn(past(first[::2]), mean_spread=0).prior
    raw, shrunk, truth, winners = [], [], [], []
    for seen, later in zip(past(first[1::2]), past(rest[1::2]), strict=True):
        for arm, again in zip(seen.challengers, later.challengers, strict=True):
            lift, error = arm.value - seen.control.value, math.sqrt(arm.variance + seen.control.variance)
            raw.append(lift)
            shrunk.append(shrink(lift, error, prior).mean)
            truth.append(again.value - later.control.value)
            winners.append(lift > 1.96 * error)
    assert squared_error(shrunk, truth) < 0.8 * squared_error(raw, truth)
    won = np.array(winners)
    assert won.sum() > 200
    # Winners look better than they are; shrunk they err, by less, on the careful side.
    means = {name: float(np.mean(np.array(one)[won])) for name, one in (("raw", raw), ("s", shrunk), ("true", truth))}
    assert means["raw"] > 1.3 * means["true"]
    assert 0 < means["s"] < means["true"]
    errors = [squared_error(np.array(one)[won], np.array(truth)[won]) for one in (raw, shrunk)]
    assert errors[1] < 0.7 * errors[0]


def squared_error(predicted: npt.ArrayLike, seen: npt.ArrayLike) -> float:
    return float(np.mean((np.asarray(predicted, dtype=float) - np.asarray(seen, dtype=float)) ** 2))
