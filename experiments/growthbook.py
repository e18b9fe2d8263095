"""What a GrowthBook client makes of a payload: features, experiments, prerequisites, sticky buckets.

An evaluator of our own, so that a payload we serve can be proved to give what we decide. It takes the SDKs' JSON as it
is (names in camel case) and is as lenient: what cannot be used puts nobody into an experiment. Not evaluated: visual
changes, redirects and `urlPatterns`, which only a browser has. Pure, but for the sticky documents of its context.

Definition: GrowthBook, "Build Your Own SDK" (specification 0.7).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from experiments import sticky_buckets
from experiments.assignment import (
    NOT_ASSIGNED,
    bucket_ranges,
    choose_variation,
    equal_weights,
    forced_variation,
    hash_value,
)
from experiments.javascript import is_number, truthy, unit_key
from experiments.targeting import at_path, matches

# The leaf that is reported where none of a contextual bandit's leaves fits.
FALLBACK_LEAF = -1
MAX_PREREQUISITES = 50

_COPIED = (
    "weights", "hashAttribute", "fallbackAttribute", "disableStickyBucketing", "namespace", "meta", "ranges", "name",
    "phase", "seed", "hashVersion", "filters", "condition",
)  # fmt: skip


@dataclass(slots=True)
class Context:
    """Who asks, and what the payload holds."""

    attributes: Mapping[str, Any] = field(default_factory=dict)
    features: Mapping[str, Any] = field(default_factory=dict)
    saved_groups: Mapping[str, Any] = field(default_factory=dict)
    contextual_bandits: Mapping[str, Any] = field(default_factory=dict)
    forced_variations: Mapping[str, int] = field(default_factory=dict)
    forced_features: Mapping[str, Any] = field(default_factory=dict)
    overrides: Mapping[str, Any] = field(default_factory=dict)
    groups: Mapping[str, bool] = field(default_factory=dict)
    url: str = ""
    enabled: bool = True
    qa_mode: bool = False
    sticky: sticky_buckets.Documents | None = None

    def unit(self, attribute: str | None, fallback: str | None = None) -> tuple[str, Any]:
        """The attribute to hash by and its value; the fallback's where the first has none that counts."""
        name = attribute or "id"
        value = self._attribute(name)
        if not truthy(value) and fallback and truthy(found := self._attribute(fallback)):
            return fallback, found
        return name, value

    def _attribute(self, name: str) -> Any:
        found = self.attributes[name] if name in self.attributes else at_path(dict(self.attributes), name)
        return "" if found is None else found


@dataclass(frozen=True, slots=True)
class ExperimentResult:
    """What an experiment gives a unit. Only where `in_experiment` and `hash_used` is it an exposure."""

    key: str
    value: Any
    variation: int
    in_experiment: bool
    hash_used: bool
    hash_attribute: str
    hash_value: Any
    feature: str | None = None
    bucket: float | None = None
    sticky_used: bool = False
    name: str | None = None
    passthrough: bool = False
    bandit: Mapping[str, Any] | None = None

    def to_dict(self) -> dict[str, Any]:
        """As the SDKs write it."""
        found = {
            "key": self.key, "featureId": self.feature, "inExperiment": self.in_experiment, "hashUsed": self.hash_used,
            "variationId": self.variation, "value": self.value, "hashAttribute": self.hash_attribute,
            "hashValue": self.hash_value, "stickyBucketUsed": self.sticky_used,
        }  # fmt: skip
        further = {"name": self.name, "bucket": self.bucket, "passthrough": self.passthrough or None}
        return found | {key: value for key, value in further.items() if value is not None} | dict(self.bandit or {})


@dataclass(frozen=True, slots=True)
class FeatureResult:
    """A feature's value and where it came from."""

    value: Any
    source: str
    rule: str = ""
    experiment: Mapping[str, Any] | None = None
    result: ExperimentResult | None = None

    def to_dict(self) -> dict[str, Any]:
        """As the SDKs write it."""
        on = truthy(self.value)
        found = {"value": self.value, "on": on, "off": not on, "source": self.source, "ruleId": self.rule}
        if self.experiment is not None and self.result is not None:
            found |= {"experiment": dict(self.experiment), "experimentResult": self.result.to_dict()}
        return found


def evaluate_feature(key: str, context: Context, *, above: tuple[str, ...] = ()) -> FeatureResult:
    """The value of a feature. `above` are the features that this one is a prerequisite of."""
    if key in above or len(above) > MAX_PREREQUISITES:
        return FeatureResult(None, "cyclicPrerequisite")
    if key in context.forced_features:
        return FeatureResult(context.forced_features[key], "override")
    feature = context.features.get(key)
    if not feature:
        return FeatureResult(None, "unknownFeature")
    for rule in feature.get("rules") or ():
        found = _by_rule(rule, key, context, (*above, key))
        if found is not None:
            return found
    return FeatureResult(feature.get("defaultValue"), "defaultValue")


def run_experiment(
    experiment: Mapping[str, Any], context: Context, *, feature: str | None = None, above: tuple[str, ...] = ()
) -> ExperimentResult:
    """Put the unit of a context into an experiment, or not."""
    merged = {**experiment, **context.overrides.get(experiment["key"], {})}
    return _Run(merged, context, feature, above).result()


def _by_rule(rule: Mapping[str, Any], key: str, context: Context, above: tuple[str, ...]) -> FeatureResult | None:
    """What a rule gives, None where it does not apply."""
    blocked, source = _prerequisites(rule, context, above)
    if blocked:
        return FeatureResult(None, source) if source else None
    if _filtered_out(rule.get("filters") or (), context):
        return None
    if "force" in rule:
        applies = _condition_holds(rule, context) and _in_rollout(rule, key, context)
        return FeatureResult(rule["force"], "force", rule.get("id") or "") if applies else None
    experiment = _experiment_of(rule, key, context)
    if experiment is None:
        return None
    result = run_experiment(experiment, context, feature=key, above=above)
    if not (result.hash_used and result.in_experiment):
        experiment.pop("contextualBandit", None)
    if not result.in_experiment or result.passthrough:
        return None
    return FeatureResult(result.value, "experiment", rule.get("id") or "", experiment, result)


def _prerequisites(rule: Mapping[str, Any], context: Context, above: tuple[str, ...]) -> tuple[bool, str]:
    """Whether a prerequisite bars the rule, and the source where it bars the whole feature."""
    for parent in rule.get("parentConditions") or ():
        found = evaluate_feature(parent["id"], context, above=above)
        if found.source == "cyclicPrerequisite":
            return True, found.source
        if not matches({"value": found.value}, parent.get("condition") or {}, context.saved_groups):
            return True, "prerequisite" if parent.get("gate") else ""
    return False, ""


def _condition_holds(thing: Mapping[str, Any], context: Context) -> bool:
    condition = thing.get("condition")
    return not condition or matches(dict(context.attributes), condition, context.saved_groups)


def _filtered_out(filters: Sequence[Mapping[str, Any]], context: Context) -> bool:
    for each in filters:
        unit = unit_key(context.unit(each.get("attribute"))[1])
        bucket = hash_value(each["seed"], unit, each.get("hashVersion") or 2) if unit else None
        if bucket is None or choose_variation(bucket, each["ranges"]) == NOT_ASSIGNED:
            return True
    return False


def _in_rollout(rule: Mapping[str, Any], key: str, context: Context) -> bool:
    """Whether a forced value that is for a share of the units is for this one."""
    span: Any = rule.get("range")
    coverage: Any = rule.get("coverage")
    if not span and coverage is None:
        return True
    fallback = rule.get("fallbackAttribute") if _is_sticky(rule, context) else None
    unit = unit_key(context.unit(rule.get("hashAttribute"), fallback)[1])
    bucket = hash_value(rule.get("seed") or key, unit, rule.get("hashVersion") or 1) if unit else None
    if bucket is None or (not span and not coverage):
        return False
    return bool(span[0] <= bucket < span[1] if span else bucket <= coverage)


def _is_sticky(thing: Mapping[str, Any], context: Context) -> bool:
    return context.sticky is not None and not thing.get("disableStickyBucketing")


def _experiment_of(rule: Mapping[str, Any], key: str, context: Context) -> dict[str, Any] | None:
    """The experiment that a rule describes; None where it describes none."""
    variations = rule["contextualVariations"] if rule.get("contextualVariations") else rule.get("variations")
    if not variations:
        return None
    found = {"variations": variations, "key": rule.get("key") or key}
    found |= {name: rule[name] for name in _COPIED if rule.get(name)}
    found |= {name: rule[name] for name in ("coverage", "bucketVersion", "minBucketVersion") if name in rule}
    bandit = context.contextual_bandits.get(rule.get("contextualBanditRef") or "")
    if isinstance(bandit, dict):
        _apply_bandit(found, bandit, context)
    return found


def _apply_bandit(experiment: dict[str, Any], bandit: Mapping[str, Any], context: Context) -> None:
    """The weights of the first leaf whose condition the unit meets; the rule's own under the fallback leaf."""
    count = len(experiment["variations"])
    leaves = bandit.get("contexts")
    listed = [leaf for leaf in leaves if isinstance(leaf, dict)] if isinstance(leaves, list) else []
    attributes = dict(context.attributes)
    leaf = next((one for one in listed if matches(attributes, one.get("condition") or {}, context.saved_groups)), {})
    number, weights = leaf.get("leafId"), leaf.get("weights")
    if isinstance(number, int) and not isinstance(number, bool) and _are_weights(weights, count):
        experiment["weights"] = weights
    else:
        own = experiment.get("weights")
        number, weights = FALLBACK_LEAF, own if _are_weights(own, count) else list(equal_weights(count))
    version = bandit.get("banditVersion")
    experiment["contextualBandit"] = {"leafId": number, "variationWeights": weights}
    if isinstance(version, int):
        experiment["contextualBandit"]["banditVersion"] = version


def _are_weights(weights: object, count: int) -> bool:
    if not isinstance(weights, list) or len(weights) != count:
        return False
    usable = all(is_number(weight) and math.isfinite(weight) and weight >= 0 for weight in weights)
    return usable and 0.99 <= math.fsum(weights) <= 1.01


class _Run:
    """One experiment run for one context."""

    def __init__(
        self, experiment: Mapping[str, Any], context: Context, feature: str | None, above: tuple[str, ...]
    ) -> None:
        self.experiment = experiment
        self.context = context
        self.feature = feature
        self.above = above
        self.key = experiment["key"]
        self.count = len(experiment["variations"])
        self.is_sticky = _is_sticky(experiment, context)
        fallback = experiment.get("fallbackAttribute") if self.is_sticky else None
        self.attribute, self.value = context.unit(experiment.get("hashAttribute"), fallback)

    def result(self) -> ExperimentResult:
        """The forced variation, else the hashed one, else none."""
        if self.count < 2 or not self.context.enabled:
            return self.build(NOT_ASSIGNED)
        forced = forced_variation(self.key, self.context.url, self.count)
        if forced is None:
            forced = self.context.forced_variations.get(self.key)
        if forced is not None:
            return self.build(forced)
        if self.experiment.get("status") == "draft" or self.experiment.get("active") is False:
            return self.build(NOT_ASSIGNED)
        return self.hashed()

    def hashed(self) -> ExperimentResult:
        """By the sticky bucket or the hash, where nothing keeps the unit out."""
        unit, sticky = unit_key(self.value), self.stored()
        excluded = not unit or (sticky.variation < 0 and self.excluded(unit)) or not self.url_fits()
        version = self.experiment.get("hashVersion") or 1
        bucket = None if excluded else hash_value(self.experiment.get("seed") or self.key, unit, version)
        if bucket is None:
            return self.build(NOT_ASSIGNED)
        if sticky.blocked:
            return self.build(NOT_ASSIGNED, sticky=True)
        variation = sticky.variation if sticky.variation >= 0 else choose_variation(bucket, self.ranges())
        if variation < 0:
            return self.build(NOT_ASSIGNED)
        if "force" in self.experiment:
            return self.build(self.experiment["force"])
        if self.context.qa_mode or self.experiment.get("status") == "stopped":
            return self.build(NOT_ASSIGNED)
        found = self.build(variation, bucket=bucket, sticky=sticky.variation >= 0)
        if self.is_sticky and self.context.sticky is not None:
            sticky_buckets.keep(self.experiment, self.context.sticky, self.attribute, self.value, found.key)
        return found

    def stored(self) -> sticky_buckets.Sticky:
        """What the sticky documents say."""
        if not self.is_sticky or self.context.sticky is None:
            return sticky_buckets.Sticky(NOT_ASSIGNED, blocked=False)
        names = (self.experiment.get("fallbackAttribute"), self.experiment.get("hashAttribute") or "id")
        known_as = {name: value for name, value in (self.context.unit(name) for name in names if name) if value}
        return sticky_buckets.find(self.experiment, self.context.sticky, known_as)

    def excluded(self, unit: str) -> bool:
        """Whether filters, namespace, condition, prerequisites or groups keep the unit out."""
        filters, namespace = self.experiment.get("filters"), self.experiment.get("namespace")
        if filters:
            if _filtered_out(filters, self.context):
                return True
        elif namespace and choose_variation(hash_value(f"__{namespace[0]}", unit, 1) or 0.0, [namespace[1:]]):
            return True
        if not _condition_holds(self.experiment, self.context):
            return True
        if _prerequisites(self.experiment, self.context, self.above)[0]:
            return True
        groups = self.experiment.get("groups")
        return bool(groups) and not any(self.context.groups.get(group) for group in groups or ())

    def url_fits(self) -> bool:
        """Old payloads hold a pattern for the page's address or its path."""
        pattern, url = self.experiment.get("url"), self.context.url
        if not pattern:
            return True
        path = "/" + url.partition("://")[2].partition("/")[2]
        return any(matches({"url": each}, {"url": {"$regex": pattern}}) for each in (url, path) if url)

    def ranges(self) -> Sequence[Sequence[float]]:
        """Each variation's range of the hash."""
        own: Sequence[Sequence[float]] | None = self.experiment.get("ranges")
        if own:
            return own
        coverage = self.experiment.get("coverage")
        weights = self.experiment.get("weights")
        return bucket_ranges(self.count, coverage=1.0 if coverage is None else coverage, weights=weights)

    def build(self, variation: int, *, bucket: float | None = None, sticky: bool = False) -> ExperimentResult:
        """The result for a variation; of none, and of one that is not there, the first one's value."""
        inside = 0 <= variation < self.count
        index = variation if inside else 0
        described = self.experiment.get("meta") or ()
        meta = (described[index] if index < len(described) else None) or {}
        used = inside and bucket is not None
        return ExperimentResult(
            key=meta.get("key") or str(index),
            value=self.experiment["variations"][index] if self.count else None,
            variation=index,
            in_experiment=inside,
            hash_used=used,
            hash_attribute=self.attribute,
            hash_value=self.value,
            feature=self.feature,
            bucket=bucket,
            sticky_used=sticky,
            name=meta.get("name"),
            passthrough=bool(meta.get("passthrough")),
            bandit=self.experiment.get("contextualBandit") if used and not self.experiment.get("ranges") else None,
        )
