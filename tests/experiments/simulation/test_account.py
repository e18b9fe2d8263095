"""The account of a play: truth beside what was sent, and sensible words where nothing was."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from experiments.simulation import account, shoppers
from experiments.simulation.blocks import Played
from experiments.simulation.truth import truth
from experiments.stats.metrics import COUNTED_COLUMNS


def test_truth_and_what_was_sent_stand_side_by_side() -> None:
    plan = shoppers.make_plan(1, ("control", "b"))
    row = dict(zip(COUNTED_COLUMNS, (20.0, 5, 2, 3, 90, 30, 8, 9, 2), strict=True))
    played = Played(
        shoppers=14,
        accepted=40,
        seconds=2.0,
        outside=Counter(not_running=4),
        arms={"x": Counter(control=5, b=5)},
        sums={("x", "control"): np.zeros(9), ("x", "b"): np.array(list(row.values()))},
        truths={"x": truth(plan)},
    )
    sent = account.figures(played, "x", "b", "control")
    assert sent == {
        "ctr": 0.25,
        "conversion": 0.4,
        "revenue_per_shopper": 18.0,
        "satisfaction": 4.5,
        "roi": pytest.approx(30 / 8 - 1),
    }
    text = "\n".join(account.lines(played))
    assert "14 shoppers in 2.0 s, 7 a second" in text
    assert "4 shoppers in no experiment (not_running)" in text
    assert f"{truth(plan)['b']['ctr']:.3%}" in text
    assert "(25.000%)" in text
    assert "(+275.0%)" in text
    assert "(–)" in text  # the control was shown to nobody who saw anything


def test_a_play_that_met_nobody_has_an_account() -> None:
    assert next(account.lines(Played())).startswith("0 shoppers in 0.0 s; 0 calls")
