"""What a dataset is made of and how: sources and plan, checked when they are made, to and from JSON.

Peculiar: the part of a plan that enters the content hash (`essence`) leaves the sources out, since the same rows from
another path, or in another order, are the same dataset.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import PurePath
from typing import Any

from models_ml.data.errors import DataError

KINDS = ("catalogue", "reviews", "search_logs", "copy", "pairs", "labels", "chat")
FORMATS = ("csv", "tsv", "jsonl", "parquet")
TASKS = ("text", "copy", "labels", "pairs")
SPLITS = ("train", "validation", "test")
LANGUAGES = ("en", "zh")
COPY_PARTS = ("theme", "headline", "body", "call_to_action")
# The sets of roles of which a source must fill one, by task. `group` and the roles of OPTIONAL may always be added.
ROLES: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "text": (("text",),),
    "copy": (("messages",), ("prompt", "answer"), ("brief", *COPY_PARTS)),
    "labels": (("text", "label"),),
    "pairs": (("prompt", "chosen", "rejected"), ("brief", "chosen", "rejected")),
}
OPTIONAL = ("group", "weight")
_ENDINGS = {".csv": "csv", ".tsv": "tsv", ".tab": "tsv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet"}


@dataclass(frozen=True)
class Source:
    """One file. `columns` maps a role to a column; `"title + body"` joins columns. `language` skips detection.

    `format` None is guessed from the name (a trailing .gz is allowed). Raises DataError.
    """

    kind: str
    path: str
    format: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    language: str | None = None

    def __post_init__(self) -> None:
        _one_of("source.kind", self.kind, KINDS)
        path: object = self.path
        if not path or not isinstance(path, str):
            raise DataError("source.path", "must name a file")
        if self.format is not None:
            _one_of("source.format", self.format, FORMATS)
        if self.language is not None:
            _one_of("source.language", self.language, LANGUAGES)
        columns: dict[Any, Any] = dict(self.columns)
        if not all(isinstance(name, str) and name for pair in columns.items() for name in pair):
            raise DataError("source.columns", "must map roles to column names")
        object.__setattr__(self, "columns", columns)

    @property
    def name(self) -> str:
        """The file's name, for reports."""
        return PurePath(self.path).name

    def known_format(self) -> str:
        """The format given or guessed. Raises DataError where the name tells nothing."""
        if self.format is not None:
            return self.format
        suffixes = [suffix.lower() for suffix in PurePath(self.path).suffixes if suffix.lower() != ".gz"]
        if not suffixes or suffixes[-1] not in _ENDINGS:
            raise DataError(
                "source.format", f"cannot be guessed from the name {self.name}; choose one of {_all(FORMATS)}"
            )
        return _ENDINGS[suffixes[-1]]

    def to_json(self) -> dict[str, Any]:
        """A JSON-ready dict; `from_json` gives an equal source back."""
        return {item.name: _plain(getattr(self, item.name)) for item in fields(self)}

    @classmethod
    def from_json(cls, data: object) -> Source:
        """A source from parsed JSON. Raises DataError naming the field."""
        return cls(**_known("source", data, cls))


@dataclass(frozen=True)
class DatasetPlan:
    """How rows are cleaned and split.

    `shares` of train, validation and test sum to 1. `labels`: the allowed set; empty allows all. A
    `near_duplicate_threshold` is a Jaccard similarity of word or character n-grams; 1 looks for equal texts only.
    Lengths are in characters. `group_by`: "group" (product or test) or "text" (each text its own group).
    """

    task: str
    sources: tuple[Source, ...] = ()
    seed: int = 1
    shares: tuple[float, float, float] = (0.8, 0.1, 0.1)
    languages: tuple[str, ...] = LANGUAGES
    labels: tuple[str, ...] = ()
    near_duplicate_threshold: float = 0.8
    least_characters: int = 2
    most_characters: int = 20_000
    mask_personal: bool = True
    group_by: str = "group"

    def __post_init__(self) -> None:
        _one_of("task", self.task, TASKS)
        for name in ("sources", "shares", "languages", "labels"):
            object.__setattr__(self, name, _tuple(name, getattr(self, name)))
        for language in self.languages:
            _one_of("languages", language, LANGUAGES)
        if not self.languages:
            raise DataError("languages", f"must name at least one of {_all(LANGUAGES)}")
        labels: tuple[object, ...] = self.labels
        if not all(isinstance(label, str) and label for label in labels):
            raise DataError("labels", "must be texts that are not empty")
        _check_numbers(self)
        _one_of("group_by", self.group_by, ("group", "text"))

    def essence(self) -> dict[str, Any]:
        """What decides the rows beside the rows themselves: all but the sources."""
        return {name: value for name, value in self.to_json().items() if name != "sources"}

    def to_json(self) -> dict[str, Any]:
        """A JSON-ready dict; `from_json` gives an equal plan back."""
        values = {item.name: _plain(getattr(self, item.name)) for item in fields(self)}
        return {**values, "sources": [source.to_json() for source in self.sources]}

    @classmethod
    def from_json(cls, data: object) -> DatasetPlan:
        """A plan from parsed JSON. Raises DataError naming the field."""
        values = _known("plan", data, cls)
        values["sources"] = tuple(Source.from_json(item) for item in _tuple("sources", values.get("sources", ())))
        return cls(**values)


def _check_numbers(plan: DatasetPlan) -> None:
    shares: tuple[Any, ...] = plan.shares
    numbers = all(isinstance(share, int | float) and 0 <= share <= 1 for share in shares)
    if len(plan.shares) != len(SPLITS) or not numbers or abs(sum(plan.shares) - 1) > 1e-9:
        raise DataError("shares", "must be three shares from 0 to 1 (train, validation, test) that sum to 1")
    if plan.shares[0] == 0:
        raise DataError("shares", "must leave something to train on")
    if isinstance(plan.seed, bool) or not isinstance(plan.seed, int):
        raise DataError("seed", "must be a whole number")
    if not 0.5 <= plan.near_duplicate_threshold <= 1:
        raise DataError("near_duplicate_threshold", "must be from 0.5 to 1")
    if not 1 <= plan.least_characters <= plan.most_characters <= 100_000:
        raise DataError("least_characters", "must be at least 1 and at most most_characters, which is at most 100000")


def check_roles(source: Source, task: str) -> None:
    """Raise DataError when the source fills none of the sets of roles that `task` knows, or an unknown role."""
    choices = ROLES[task]
    roles = set(source.columns)
    if not any(set(needed) <= roles for needed in choices):
        wanted = "; or ".join(_all(needed) for needed in choices)
        raise DataError("source.columns", f"{source.name}: for {task} map {wanted}; mapped are {_all(sorted(roles))}")
    unknown = roles - {role for needed in choices for role in needed} - set(OPTIONAL)
    if unknown:
        raise DataError("source.columns", f"{source.name}: {_all(sorted(unknown))} is no role of {task}")


def _one_of(name: str, value: object, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise DataError(name, f"must be one of {_all(allowed)}")


def _all(names: Sequence[str]) -> str:
    return ", ".join(names) or "none"


def _tuple(name: str, value: object) -> tuple[Any, ...]:
    if isinstance(value, str) or not isinstance(value, list | tuple):
        raise DataError(name, "must be a list")
    return tuple(value)


def _plain(value: object) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    return list(value) if isinstance(value, tuple) else value


def _known(name: str, data: object, part: type[Any]) -> dict[str, Any]:
    if not isinstance(data, Mapping):
        raise DataError(name, "must be an object")
    unknown = next((key for key in data if key not in part.__dataclass_fields__), None)
    if unknown is not None:
        raise DataError(f"{name}.{unknown}", "is not a known field")
    needed = ("kind", "path") if part is Source else ("task",)
    missing = next((key for key in needed if key not in data), None)
    if missing is not None:
        raise DataError(f"{name}.{missing}", "is missing")
    return dict(data)
