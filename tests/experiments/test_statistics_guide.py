"""docs/statistics.md keeps its word: its paths are functions of ours, and nothing that a result says is missing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import numpy as np
import pytest

from experiments.analysis import AnalysisSettings, ArmData, Batch, Guardrail, Metric, Prior, analyse_arms
from experiments.stats.metrics import CATALOGUE, UNIT_COLUMNS
from experiments.stats.moments import Moments

ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "docs" / "statistics.md").read_text(encoding="utf-8")
QUOTED = set(re.findall(r"`([^`\s]+)`", GUIDE))
PATHS = sorted(one for one in QUOTED if re.fullmatch(r"[a-z_]+(\.\w+)+", one))


@pytest.mark.parametrize("path", PATHS)
def test_every_path_leads_somewhere(path: str) -> None:
    found = [_at(base, path) for base in ("experiments.stats", "experiments")]
    assert any(one is not None for one in found), path


def test_every_module_of_the_statistics_has_its_place() -> None:
    modules = {path.stem for path in (ROOT / "experiments" / "stats").glob("[!_]*.py")}
    named = QUOTED | {path.split(".")[0] for path in PATHS}
    assert sorted(modules - named) == []


@pytest.mark.parametrize("mode", ["running", "final"])
def test_every_number_of_the_results_is_named(mode: str) -> None:
    keys = set(_with_numbers(results(mode)))
    assert {"p_value", "expected_loss_ship", "incremental_cost", "information", "variance_reduction"} <= keys
    assert ("adjusted" in keys) is (mode == "final")
    assert sorted(keys - QUOTED) == []


def test_every_number_of_an_adaptive_result_is_named() -> None:
    keys = set(_with_numbers(results("running", adaptive=True)))
    assert {"ips", "snips", "dr", "p_value"} <= keys
    assert sorted(keys - QUOTED) == []


def test_its_defaults_are_those_of_the_code() -> None:
    from experiments.reading import comparing, looks
    from experiments.stats import sample_ratio, spending

    assert looks.DEFAULT_LOOKS == 20
    assert "20 looks" in GUIDE
    assert round(100 * looks.OVERRUN, 9) == 10
    assert "more than 10 %" in GUIDE
    assert comparing.LEAST_ADJUSTED == 100
    assert "100 units" in GUIDE
    assert spending.DEFAULT_SPENDING == "obrien_fleming"
    assert round(1 / sample_ratio.MISMATCH_ALPHA, 9) == 1_000
    assert "flagged at p < .001" in GUIDE


def results(mode: Any, *, adaptive: bool = False) -> dict[str, Any]:
    """A result with everything in it: three arms at their second look, a guardrail, a prior, a cost, a history."""
    made = {key: shoppers(2_000, buy=buy) for key, buy in (("a", 0.2), ("b", 0.22), ("c", 0.3))}
    arms = [
        ArmData(key, key.upper(), key == "a", 1 / 3, moments, batches=(Batch(1, 1 / 3, moments),) if adaptive else ())
        for key, moments in made.items()
    ]
    settings = AnalysisSettings(
        mode=mode,
        goal_metric="revenue",
        planned_units=12_000,
        metrics=tuple(map(Metric.of, CATALOGUE.values())),
        design="group_sequential",
        planned_looks=4,
        information=(0.25, 0.5),
        guardrails=(Guardrail(Metric.of(CATALOGUE["conversion"]), 0.05, relative=True),),
        priors=(Prior("conversion", 0.01, 0.1, 12),),
        hours=100.0,
        minimum_hours=24,
        loss_threshold=0.001,
        adaptive=adaptive,
    )
    return analyse_arms(arms, settings=settings)


def shoppers(n: int, *, buy: float) -> Moments:
    """Shoppers who buy more where they bought before; every order costs something."""
    random = np.random.default_rng(round(buy * 100))
    before = random.gamma(4.0, 10.0, n)
    bought = (random.random(n) < buy).astype(float)
    made = {
        "impressions": np.ones(n),
        "converted": bought,
        "orders": bought,
        "revenue": bought * before,
        "margin": 0.4 * bought * before,
        "cost": bought * random.random(n),
        "rating_sum": bought * 4,
        "rating_count": bought,
        "pre_revenue": before,
    }
    return Moments.from_rows(UNIT_COLUMNS, np.column_stack([made.get(name, np.zeros(n)) for name in UNIT_COLUMNS]))


def _with_numbers(value: Any, key: str = "") -> Iterator[str]:
    """The keys under which there is a number, and those of what holds it."""
    if isinstance(value, dict):
        for name, inner in value.items():
            found = list(_with_numbers(inner, name))
            yield from [name, *found] if found else []
    elif isinstance(value, list):
        for inner in value:
            yield from _with_numbers(inner, key)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield key


def _at(base: str, path: str) -> object | None:
    try:
        found: object = resolve_name(f"{base}.{path}")
    except (ImportError, AttributeError):
        return None
    return found
