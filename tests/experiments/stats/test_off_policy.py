"""Off-policy values: by hand, each estimator's limits, coverage by simulation, and a real log of random decisions."""

from __future__ import annotations

import csv
import gzip
import math

import numpy as np
import pytest

from experiments.stats import off_policy
from experiments.stats.off_policy import Logged
from tests.reference import shared_path

# The statistics reference (15).
BY_HAND = Logged(
    actions=np.array([0, 1, 2, 0, 0, 1, 2, 0]),
    rewards=np.array([1.0, 0, 1, 0, 1, 1, 0, 0]),
    propensities=np.array([0.5, 0.25, 0.25, 0.5, 0.5, 0.25, 0.25, 0.5]),
    target=np.tile([0.2, 0.3, 0.5], (8, 1)),
    model=np.tile([0.5, 0.55, 0.45], (8, 1)),
)


def test_known_answers() -> None:
    ips = off_policy.inverse_propensity(BY_HAND)
    assert ips.estimate == pytest.approx(0.5)
    assert ips.standard_error == pytest.approx(0.259119388, abs=1e-9)
    assert off_policy.self_normalised(BY_HAND).estimate == pytest.approx(0.5)
    assert off_policy.direct_method(BY_HAND).estimate == pytest.approx(0.49)
    assert off_policy.doubly_robust(BY_HAND).estimate == pytest.approx(0.5)
    assert BY_HAND.effective_rounds == pytest.approx(5.555556, abs=1e-6)
    assert off_policy.overlap(BY_HAND) == pytest.approx(1.0)


def test_limits_lead_from_one_estimator_to_another() -> None:
    dm, dr = off_policy.direct_method(BY_HAND).estimate, off_policy.doubly_robust(BY_HAND).estimate
    assert off_policy.shrunk_doubly_robust(BY_HAND, shrinkage=0).estimate == pytest.approx(dm)
    assert off_policy.shrunk_doubly_robust(BY_HAND, shrinkage=math.inf).estimate == pytest.approx(dr)
    assert off_policy.switch_doubly_robust(BY_HAND, threshold=0).estimate == pytest.approx(dm)
    assert off_policy.switch_doubly_robust(BY_HAND, threshold=math.inf).estimate == pytest.approx(dr)
    ips = off_policy.inverse_propensity(BY_HAND).estimate
    assert off_policy.inverse_propensity(BY_HAND, clip=100).estimate == ips


def test_a_log_that_never_tried_the_target_says_nothing() -> None:
    target = np.tile([0.0, 1.0], (4, 1))
    log = Logged(np.zeros(4, dtype=np.int64), np.ones(4), np.full(4, 0.5), target)
    assert math.isnan(off_policy.self_normalised(log).estimate)
    assert math.isnan(off_policy.replay(log).estimate)
    assert (off_policy.overlap(log), log.effective_rounds) == (0.0, 0.0)
    with pytest.raises(ValueError, match="model: this estimator needs one"):
        off_policy.doubly_robust(log)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"propensities": np.zeros(8)}, "propensities"),
        ({"target": np.tile([0.2, 0.3, 0.6], (8, 1))}, "target"),
        ({"rewards": np.ones(3)}, "rewards"),
        ({"model": np.ones((8, 2))}, "model"),
        ({"actions": np.array([], dtype=np.int64)}, "actions"),
    ],
)
def test_bad_input_names_its_field(change: dict[str, np.ndarray], field: str) -> None:
    parts = {name: getattr(BY_HAND, name) for name in ("actions", "rewards", "propensities", "target", "model")}
    with pytest.raises(ValueError, match=field):
        Logged(**(parts | change))


def test_intervals_cover_the_truth() -> None:
    rng = np.random.default_rng(8)
    logging, target, rates = np.array([0.5, 0.3, 0.2]), np.array([0.2, 0.3, 0.5]), np.array([0.1, 0.2, 0.3])
    truth, rounds = float(target @ rates), 400
    covered = dict.fromkeys(("ips", "snips", "dr", "sndr"), 0)
    for _ in range(600):
        actions = rng.choice(3, rounds, p=logging)
        rewards = rng.binomial(1, rates[actions]).astype(float)
        log = Logged(
            actions, rewards, logging[actions], np.tile(target, (rounds, 1)), np.tile([0.15, 0.15, 0.15], (rounds, 1))
        )
        for name, found in (
            ("ips", off_policy.inverse_propensity(log)),
            ("snips", off_policy.self_normalised(log)),
            ("dr", off_policy.doubly_robust(log)),
            ("sndr", off_policy.self_normalised_doubly_robust(log)),
        ):
            covered[name] += truth in found.interval()
    # 95 % of 600, three standard errors and a little for 400 rounds.
    assert all(0.92 < count / 600 < 0.98 for count in covered.values()), covered


def test_a_real_log_of_random_decisions_prices_its_own_policy() -> None:
    """Open Bandit data: 34 items shown at random. Its own policy must be worth the clicks it had, and a policy over a
    few items what those items had.
    """
    with gzip.open(shared_path("data", "obd", "random_men.csv.gz"), "rt", encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    items = np.array([int(row["item_id"]) for row in rows])
    clicks = np.array([float(row["click"]) for row in rows])
    propensities = np.array([float(row["propensity_score"]) for row in rows])
    count = int(items.max()) + 1
    uniform = Logged(items, clicks, propensities, np.full((len(rows), count), 1 / count))
    assert off_policy.inverse_propensity(uniform).estimate == pytest.approx(clicks.mean(), rel=1e-9)
    few = np.zeros(count)
    few[: count // 2] = 1 / (count // 2)
    half = Logged(items, clicks, propensities, np.tile(few, (len(rows), 1)))
    on_policy = clicks[items < count // 2].mean()
    assert off_policy.self_normalised(half).estimate == pytest.approx(on_policy, rel=1e-9)
    assert on_policy in off_policy.inverse_propensity(half).interval()
    assert half.effective_rounds == pytest.approx(float((items < count // 2).sum()))


def test_each_item_of_a_real_log_is_worth_what_it_had() -> None:
    """A policy that shows one item always: IPS and SNIPS have the item's own mean within their intervals."""
    with gzip.open(shared_path("data", "obd", "random_women.csv.gz"), "rt", encoding="utf-8", newline="") as lines:
        rows = [
            (int(row["item_id"]), float(row["click"]), float(row["propensity_score"])) for row in csv.DictReader(lines)
        ]
    items, clicks, propensities = (np.array(column) for column in zip(*rows, strict=True))
    for item in np.unique(items):
        # Two actions, this item and any other, keep the table small.
        other = (items != item).astype(np.int64)
        log = Logged(other, clicks, propensities, np.tile([1.0, 0.0], (len(rows), 1)))
        mean = float(clicks[items == item].mean())
        assert off_policy.self_normalised(log).estimate == pytest.approx(mean, rel=1e-9, abs=1e-15)
        assert mean in off_policy.inverse_propensity(log).interval()
