"""Every golden case of a method we have, to the tolerance the case itself states; every other method is named with a
reason.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pytest

from tests.experiments.stats.golden import METHODS, NOT_YET
from tests.reference import shared_cases, shared_json

CASES = shared_cases("golden", "stats.json", pick=lambda data: list(data["cases"]), name=lambda case: str(case["id"]))


def close(got: Any, expected: Any, tolerance: Mapping[str, float]) -> bool:
    """The file's own rule: |got - expected| <= abs + rel |expected|, item by item; infinities come as words, null is
    NaN.
    """
    if isinstance(expected, list):
        return len(got) == len(expected) and all(
            close(one, other, tolerance) for one, other in zip(got, expected, strict=True)
        )
    if expected is None:
        return got is None or math.isnan(got)
    if isinstance(expected, bool):
        return got is expected
    number = float(expected)
    if math.isinf(number):
        return bool(got == number)
    return bool(abs(got - number) <= tolerance["abs"] + tolerance["rel"] * abs(number))


@pytest.mark.parametrize("case", CASES)
def test_case(case: dict[str, Any]) -> None:
    method = case["method"]
    if method in NOT_YET:
        pytest.skip(f"{method}: {NOT_YET[method]}")
    got = METHODS[method](case["inputs"])
    limits = case["tolerance"]
    for field, expected in case["expected"].items():
        tolerance = limits.get("fields", {}).get(field, limits["default"])
        assert close(got[field], expected, tolerance), f"{field}: got {got[field]}, expected {expected}"


def test_every_method_is_built_or_named() -> None:
    methods = {case["method"] for case in shared_json("golden", "stats.json")["cases"]}
    assert methods - set(METHODS) - set(NOT_YET) == set()
    assert set(METHODS) & set(NOT_YET) == set()


def test_the_comparison_rule_can_fail() -> None:
    exact = {"rel": 0.0, "abs": 1e-12}
    assert close(1.0, 1.0, exact)
    assert not close(1.0, 1.0 + 1e-9, exact)
    assert not close([1.0], [1.0, 2.0], exact)
    assert not close(1e9, "Infinity", exact)
    assert not close(0.0, None, exact)
