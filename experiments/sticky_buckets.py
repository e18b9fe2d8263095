"""Sticky buckets of the GrowthBook SDKs: what a unit once saw stays, under each of the attributes it is known by.

A document belongs to one attribute's value (key "id||123") and holds variation keys by experiment and bucket version
("checkout__0"). The store is a dict that the caller keeps; None means that there is none. Pure but for that dict.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from experiments.javascript import to_text

Documents = dict[str, dict[str, Any]]


class Sticky(NamedTuple):
    """What the store says of an experiment: a variation or -1, and whether an older version bars the unit."""

    variation: int
    blocked: bool


def document_key(attribute: str, value: object) -> str:
    """The key of a document."""
    return f"{attribute}||{to_text(value)}"


def find(experiment: Mapping[str, Any], documents: Documents, known_as: Mapping[str, object]) -> Sticky:
    """The stored variation of an experiment; `known_as` are the unit's attributes that count, the weakest first."""
    assignments: dict[str, str] = {}
    for attribute, value in known_as.items():
        assignments |= documents.get(document_key(attribute, value), {}).get("assignments") or {}
    key = experiment["key"]
    if any(f"{key}__{version}" in assignments for version in range(experiment.get("minBucketVersion") or 0)):
        return Sticky(-1, blocked=True)
    stored = assignments.get(_name(experiment))
    keys = [(meta or {}).get("key") for meta in experiment.get("meta") or ()]
    return Sticky(keys.index(stored) if stored in keys and stored is not None else -1, blocked=False)


def keep(experiment: Mapping[str, Any], documents: Documents, attribute: str, value: object, variation: str) -> None:
    """Put a variation's key into the document of an attribute's value."""
    key = document_key(attribute, value)
    kept = documents.get(key, {}).get("assignments") or {}
    documents[key] = {
        "attributeName": attribute,
        "attributeValue": to_text(value),
        "assignments": {**kept, _name(experiment): variation},
    }


def _name(experiment: Mapping[str, Any]) -> str:
    return f"{experiment['key']}__{experiment.get('bucketVersion') or 0}"
