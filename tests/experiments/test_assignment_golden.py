"""Assignment against the reference vectors: 500 users' arms, and the public conformance cases of GrowthBook SDKs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from experiments.assignment import (
    AssignmentPlan,
    Namespace,
    assign,
    assign_many,
    bucket_ranges,
    choose_variation,
    equal_weights,
    fnv1a32,
    forced_variation,
    hash_value,
    in_namespace,
)
from tests.reference import shared_cases, shared_json

SECTIONS = ("hash", "getBucketRange", "chooseVariation", "inNamespace", "getEqualWeights", "getQueryStringOverride")
# Sections of the conformance cases that stand beside what they are about.
ELSEWHERE = {
    "evalCondition": "test_targeting",
    "feature": "test_growthbook",
    "run": "test_growthbook",
    "stickyBucket": "test_growthbook",
}
# Texts that say what the vectors are; there is nothing in them to pass.
WORDS = {"peer", "second_peer", "algorithm", "users_note", "specVersion"}


def test_every_section_is_taken() -> None:
    # No case of any section is left out: each of these tests takes all of its section.
    assert set(shared_json("golden", "growthbook_sdk.json")) - WORDS == {*SECTIONS, *ELSEWHERE}
    vectors = {"fnv_raw", "users", "assignments", "namespace_vectors", "id_types"}
    assert set(shared_json("golden", "hash.json")) - WORDS == vectors
    for section, module in ELSEWHERE.items():
        text = Path(__file__).with_name(f"{module}.py").read_text(encoding="utf-8")
        assert f'data["{section}"]' in text or f'cases("{section}")' in text


def test_raw_hashes() -> None:
    vectors = shared_json("golden", "hash.json")["fnv_raw"]
    assert [fnv1a32(vector["string"]) for vector in vectors] == [vector["fnv1a32_utf16_units"] for vector in vectors]


@pytest.mark.parametrize(
    "expected",
    shared_cases("golden", "hash.json", pick=lambda data: list(data["assignments"]), name=lambda case: str(case["id"])),
)
def test_users_get_their_arms(expected: dict[str, Any]) -> None:
    plan = AssignmentPlan(expected["seed"], tuple(expected["weights"]), expected["coverage"], expected["hash_version"])
    users = shared_json("golden", "hash.json")["users"]
    found = [assign(user, plan) for user in users]
    assert [list(one) for one in plan.ranges] == expected["bucket_ranges"]
    assert [result.variation for result in found] == expected["variation"]
    assert [result.bucket for result in found] == expected["bucket"]
    assert assign_many(users, plan).tolist() == expected["variation"]


def test_namespace_vectors() -> None:
    data = shared_json("golden", "hash.json")
    vectors = data["namespace_vectors"]
    namespace = Namespace(*vectors["namespace"])
    assert [in_namespace(user, namespace) for user in data["users"]] == vectors["in_namespace"]
    assert [hash_value(f"__{namespace.key}", user, 1) for user in data["users"]] == vectors["hash"]


@pytest.mark.parametrize(
    "expected",
    shared_cases(
        "golden", "hash.json", pick=lambda data: list(data["id_types"]), name=lambda case: repr(case["id_json"])
    ),
)
def test_identifiers_of_every_json_type(expected: dict[str, Any]) -> None:
    # The file made these under the key of its first experiment, version 2; arm 0 stands there for "not in".
    result = assign(expected["id_json"], AssignmentPlan("exp-50-50", (0.5, 0.5)))
    assert result.in_experiment is expected["in_experiment"]
    assert result.bucket == expected.get("bucket")
    assert max(result.variation, 0) == expected["variation"]


@pytest.mark.parametrize(
    ("section", "case"),
    [
        pytest.param(*parameter.values[0], id=parameter.id, marks=parameter.marks)
        if parameter.values[0]
        else pytest.param(None, None, id=parameter.id, marks=parameter.marks)
        for parameter in shared_cases(
            "golden",
            "growthbook_sdk.json",
            pick=lambda data: [(section, case) for section in SECTIONS for case in data[section]],
            name=lambda pair: f"{pair[0]}-{pair[1][:2]}",
        )
    ],
)
def test_sdk_conformance(section: str, case: list[Any]) -> None:
    assert _CHECKS[section](case)


def _hash(case: list[Any]) -> bool:
    seed, value, version, expected = case
    return bool(hash_value(seed, value, version) == expected)


def _ranges(case: list[Any]) -> bool:
    _, (count, coverage, weights), expected = case
    found = bucket_ranges(count, coverage=coverage, weights=weights)
    return bool([[round(end, 8) for end in one] for one in found] == expected)


def _choice(case: list[Any]) -> bool:
    _, bucket, ranges, expected = case
    return bool(choose_variation(bucket, ranges) == expected)


def _namespace(case: list[Any]) -> bool:
    _, unit, namespace, expected = case
    return in_namespace(unit, Namespace(*namespace)) is expected


def _equal(case: list[Any]) -> bool:
    count, expected = case
    return bool([round(weight, 8) for weight in equal_weights(count)] == expected)


def _forced(case: list[Any]) -> bool:
    _, key, url, count, expected = case
    return bool(forced_variation(key, url, count) == expected)


_CHECKS = {
    "hash": _hash,
    "getBucketRange": _ranges,
    "chooseVariation": _choice,
    "inNamespace": _namespace,
    "getEqualWeights": _equal,
    "getQueryStringOverride": _forced,
}
