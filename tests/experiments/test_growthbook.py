"""A payload evaluated as a GrowthBook client does: the public cases, and what they leave open."""

from __future__ import annotations

from typing import Any

import pytest

from experiments.growthbook import Context, evaluate_feature, run_experiment
from experiments.sticky_buckets import document_key
from tests.reference import shared_cases


def cases(section: str) -> list[Any]:
    return shared_cases("golden", "growthbook_sdk.json", pick=lambda data: list(data[section]), name=lambda one: one[0])


def context(given: dict[str, Any], **further: Any) -> Context:
    names = {
        "savedGroups": "saved_groups", "contextualBandits": "contextual_bandits", "qaMode": "qa_mode",
        "forcedVariations": "forced_variations",
    }  # fmt: skip
    return Context(**{names.get(key, key): value for key, value in given.items()}, **further)


@pytest.mark.parametrize("case", cases("run"))
def test_experiments(case: list[Any]) -> None:
    _, given, experiment, value, in_experiment, hash_used = case
    found = run_experiment(experiment, context(given))
    assert (found.value, found.in_experiment, found.hash_used) == (value, in_experiment, hash_used)


@pytest.mark.parametrize("case", cases("feature"))
def test_features(case: list[Any]) -> None:
    _, given, key, expected = case
    assert evaluate_feature(key, context(given)).to_dict() == expected


@pytest.mark.parametrize("case", cases("stickyBucket"))
def test_sticky_buckets(case: list[Any]) -> None:
    _, given, documents, key, expected, kept = case
    stored = {document_key(one["attributeName"], one["attributeValue"]): one for one in documents}
    asked = context(given, sticky=stored)
    found = evaluate_feature(key, asked).result
    assert (found.to_dict() if found else None) == expected
    assert asked.sticky == kept


TEST = {"key": "test", "variations": ["a", "b"], "hashVersion": 2}
ONE = {"id": "1"}


@pytest.mark.parametrize(
    ("changes", "further", "inside"),
    [
        ({}, {}, True),
        ({"status": "draft"}, {}, False),
        ({"status": "stopped"}, {}, False),
        ({"groups": ["staff"]}, {}, False),
        ({"groups": ["staff"]}, {"groups": {"staff": True}}, True),
        ({"url": "^/sale"}, {"url": "https://shop.example/sale?x=1"}, True),
        ({"url": "^/sale"}, {"url": "https://shop.example/home"}, False),
        ({"url": "^/sale"}, {}, False),
        ({}, {"overrides": {"test": {"active": False}}}, False),
        ({"filters": [{"seed": "s", "ranges": [[0, 1]], "hashVersion": 9}]}, {}, False),
        ({"parentConditions": [{"id": "none", "condition": {"value": True}}]}, {}, False),
        ({"hashAttribute": "user.id"}, {"attributes": {"user": {"id": "1"}}}, True),
        ({"hashAttribute": "user.id"}, {"attributes": {"user.id": "", "user": {"id": "1"}}}, False),
    ],
)
def test_who_is_kept_out(changes: dict[str, Any], further: dict[str, Any], inside: bool) -> None:
    found = run_experiment({**TEST, **changes}, context({"attributes": ONE, **further}))
    assert (found.in_experiment, found.hash_used) == (inside, inside)


def test_a_bandit_takes_the_weights_of_the_first_leaf_that_fits() -> None:
    rule = {
        "key": "bandit", "hashVersion": 2, "contextualVariations": ["a", "b"], "weights": [0.5, 0.5],
        "contextualBanditRef": "cb",
    }  # fmt: skip
    leaves = [
        {"leafId": 3, "condition": {"plan": "pro"}, "weights": [1, 0]},
        {"leafId": 4, "condition": {"plan": "free"}, "weights": [0, 1]},
        {"leafId": 5, "condition": {"plan": "odd"}, "weights": [0, 2]},
    ]
    payload = {"features": {"f": {"rules": [rule]}}, "contextualBandits": {"cb": {"contexts": leaves}}}
    for plan, value, leaf, weights in (
        ("pro", "a", 3, [1, 0]),
        ("free", "b", 4, [0, 1]),
        ("odd", None, -1, [0.5, 0.5]),
    ):
        found = evaluate_feature("f", context({**payload, "attributes": {"id": "1", "plan": plan}}))
        assert value in {found.value, None}
        assert found.result is not None
        assert found.result.bandit == {"leafId": leaf, "variationWeights": weights}
    dangling = evaluate_feature("f", context({**payload, "contextualBandits": {}, "attributes": ONE}))
    assert dangling.result is not None
    assert dangling.result.bandit is None


def test_an_overridden_feature_and_a_chain_without_end() -> None:
    assert evaluate_feature("f", Context(forced_features={"f": 0})).to_dict() == {
        "value": 0, "on": False, "off": True, "source": "override", "ruleId": "",
    }  # fmt: skip
    chain = {f"f{n}": {"defaultValue": 1, "rules": [{"parentConditions": [{"id": f"f{n + 1}"}]}]} for n in range(2_000)}
    assert evaluate_feature("f0", Context(features=chain)).source == "cyclicPrerequisite"
