"""Moments summed in the database are those of the rows, block by block."""

from __future__ import annotations

import numpy as np
import pytest

from experiments.models import UnitTotals
from experiments.services.auditing import differences
from experiments.services.counting import vector
from experiments.services.unit_moments import unit_moments
from experiments.stats.metrics import UNIT_COLUMNS
from experiments.stats.moments import Moments
from tests.experiments.shop import event, exposure, fold, running, send

pytestmark = pytest.mark.django_db


def busy_shop() -> None:
    rng = np.random.default_rng(5)
    for number in range(60):
        unit = f"u-{number}"
        happened = [exposure(unit, "ab"[number % 2]), event("click", unit, experiment="welcome")]
        if number % 3 == 0:
            # Large amounts close together: raw sums of squares would lose their spread.
            happened.append(event("conversion", unit, value=f"{90_000_000 + rng.random():.2f}", margin="1.5"))
        send(*happened[: 1 + number % 4])
    fold()


def test_every_block_is_what_the_rows_say() -> None:
    experiment = running()
    busy_shop()
    found = unit_moments(experiment, UNIT_COLUMNS, ("converted", "revenue"))
    for arm in "ab":
        rows = [vector(totals) for totals in UnitTotals.objects.filter(arm__key=arm)]
        expected = Moments.from_rows(UNIT_COLUMNS, rows)
        assert list(differences(found[arm][0], expected)) == []
        assert list(differences(found[arm][1], expected.select(("converted", "revenue")))) == []
        assert found[arm][0].variance("revenue") > 0


def test_units_of_two_arms_and_bots_are_left_out() -> None:
    experiment = running()
    send(exposure("u-1", "a"), exposure("u-2", "a"), exposure("u-2", "b"), exposure("u-3", "b"))
    fold()
    UnitTotals.objects.filter(unit="u-3").update(is_marked=True)
    found = unit_moments(experiment, ("impressions",))
    assert (found["a"][0].n, found["b"][0].n) == (1, 0)


def test_an_unknown_column_is_named_before_anything_is_read() -> None:
    experiment = running()
    with pytest.raises(ValueError, match="columns: 'id; drop table' is not one of impressions"):
        unit_moments(experiment, ("impressions", "id; drop table"))
