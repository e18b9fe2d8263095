"""What plans give and cost, against published tables and the statistics reference."""

from __future__ import annotations

import numpy as np
import pytest

from experiments.stats import operating
from experiments.stats.group_sequential import classical_boundaries, futility_boundaries, spending_boundaries

FIFTHS = (0.2, 0.4, 0.6, 0.8, 1.0)


def equal(looks: int) -> tuple[float, ...]:
    return tuple(look / looks for look in range(1, looks + 1))


def test_inflation_factors_at_five_looks() -> None:
    # Jennison and Turnbull (2000), tables 2.2 and 2.4, with R rpact's digits.
    for design, expected in (("obrien_fleming", 1.028411), ("pocock", 1.228593)):
        found = operating.inflation(FIFTHS, classical_boundaries(FIFTHS, design=design))
        assert found == pytest.approx(expected, abs=1e-6)
    for family, expected in (("obrien_fleming", 1.024720), ("pocock", 1.212626)):
        found = operating.inflation(FIFTHS, spending_boundaries(FIFTHS, spending=family))
        assert found == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("looks", "family", "power", "share"),
    [
        (14, "obrien_fleming", 0.7834, 0.764),
        (28, "obrien_fleming", 0.7807, 0.752),
        (14, "pocock", 0.6976, 0.685),
        (28, "pocock", 0.6922, 0.679),
    ],
)
def test_the_frontier_at_daily_looks(looks: int, family: str, power: float, share: float) -> None:
    # Statistics reference, 10: an effect that a fixed test finds with 80 %.
    bounds = spending_boundaries(equal(looks), spending=family)
    found = operating.operating(equal(looks), bounds, drift=operating.fixed_drift())
    assert found.rejected == pytest.approx(power, abs=1e-4)
    assert found.expected_share == pytest.approx(share, abs=5e-4)
    assert operating.operating(equal(looks), bounds, drift=0.0).rejected == pytest.approx(0.05, abs=1e-12)
    assert found.stopped == tuple(sorted(found.stopped))
    assert found.stopped[-1] == 1.0


def test_one_look_is_the_fixed_test() -> None:
    assert operating.inflation((1.0,), spending_boundaries((1.0,))) == pytest.approx(1.0, abs=1e-9)
    # The textbook (z + z)^2 is 7.849 at 80 % and 10.507 at 90 %.
    assert operating.fixed_drift() ** 2 == pytest.approx(7.848880, abs=1e-6)
    assert operating.fixed_drift(power=0.9) ** 2 == pytest.approx(10.507423, abs=1e-6)
    assert operating.fixed_drift(power=0.01) < 0 > operating.drift_for((1.0,), (1.96,), power=0.01)


def test_futility_costs_sample_and_saves_more_where_there_is_nothing() -> None:
    found = operating.futility_cost(FIFTHS)
    assert found.inflation_without == pytest.approx(1.024720, abs=1e-6)
    assert found.inflation == pytest.approx(1.155, abs=1e-3)
    assert found.expected_null < 0.6 < found.expected_null_without
    assert 0 < found.power_lost < 0.04
    assert found.expected_effect == pytest.approx(found.expected_effect_without, abs=0.02)


def test_a_futility_plan_keeps_its_power_by_brute_force() -> None:
    drift = operating.futility_drift(FIFTHS)
    upper, lower = spending_boundaries(FIFTHS), futility_boundaries(FIFTHS, drift=drift)
    random = np.random.Generator(np.random.PCG64(8))
    times = np.array(FIFTHS)
    z = (random.normal(size=(100_000, 5)) * np.sqrt(0.2) + drift * 0.2).cumsum(axis=1) / np.sqrt(times)
    won, lost = z >= upper, z <= lower
    ended = won | lost
    first = ended & (np.cumsum(ended, axis=1) == 1)
    # Four standard errors of 100,000 runs are .005.
    assert (first & won).any(axis=1).mean() == pytest.approx(0.8, abs=0.005)
    assert ended[:, -1].all()


@pytest.mark.parametrize(
    ("field", "call"),
    [
        ("power", lambda: operating.fixed_drift(power=1.0)),
        ("power", lambda: operating.drift_for((1.0,), (1.96,), power=0.0)),
        ("information", lambda: operating.futility_drift((0.2, 0.5))),
    ],
)
def test_what_cannot_be_is_refused_by_name(field: str, call: object) -> None:
    assert callable(call)
    with pytest.raises(ValueError, match=rf"^{field}: "):
        call()
