"""What the user asks of an import: which column is what, which rows to refuse. From options or a mapping file. Pure."""

from __future__ import annotations

import difflib
import json
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from core.errors import InvalidInput

KINDS = ("auto", "share", "count", "money", "mean", "ratio")
DUPLICATES = ("first", "last", "error")
EMPTIES = ("refuse", "zero")


@dataclass(frozen=True, slots=True)
class MetricRequest:
    """A metric by its column. `second` is the denominator of a ratio, or the standard deviation beside an aggregated
    mean.
    """

    key: str
    column: str
    kind: str = "auto"
    second: str | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the file it needs."""
        return (self.column,) if self.second is None else (self.column, self.second)


@dataclass(frozen=True, slots=True)
class Rule:
    """A row whose `where` columns have these values must have those of `must`; otherwise it is refused."""

    where: tuple[tuple[str, str], ...]
    must: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        return ":".join(",".join(f"{column}={value}" for column, value in side) for side in (self.where, self.must))


@dataclass(frozen=True, slots=True)
class ImportRequest:
    """Everything an import needs to know beside the file. `count` makes it an aggregated file (a row is an arm, or a
    part of one); without it a row is a unit. Column names are the file's.
    """

    metrics: tuple[MetricRequest, ...]
    key: str
    name: str
    arm: str | None = None
    unit: str | None = None
    experiment: str | None = None
    label: str | None = None
    count: str | None = None
    group: str | None = None
    control: str | None = None
    goal: str | None = None
    rules: tuple[Rule, ...] = ()
    weights: tuple[tuple[str, float], ...] = ()
    duplicates: str = "first"
    empty: str = "refuse"
    uncleaned: bool = False
    delimiter: str | None = None
    currency: str = "USD"

    def __post_init__(self) -> None:
        _require(self.metrics, "metric", "at least one is needed: --metric NAME=COLUMN.")
        _require(self.arm or self.count, "arm", "needed, except where --count says that each row is an arm.")
        _require(not (self.unit and self.count), "unit", "an aggregated file (--count) has no units.")
        _require(self.unit or not self.uses_duplicates, "duplicates", "needs --unit to know who is double.")
        for asked, text in {
            "key": self.key,
            "name": self.name,
            "control": self.control or "",
            **self.columns(),
        }.items():
            _require(_is_text(text), asked, "has letters that cannot be stored; write it in UTF-8.")
        keys = [metric.key for metric in self.metrics]
        _require(len(set(keys)) == len(keys), "metric", f"{', '.join(keys)}: one is named twice.")
        _choice("goal", self.goal or keys[0], keys)
        _choice("duplicates", self.duplicates, DUPLICATES)
        _choice("empty", self.empty, EMPTIES)
        _require(self.delimiter is None or len(self.delimiter) == 1, "delimiter", "must be one character, or 'tab'.")
        _require(len(self.currency) == 3 and self.currency.isalpha() and self.currency.isupper(), "currency",
                 f"{self.currency!r} is not a three-letter code such as USD.")  # fmt: skip
        for metric in self.metrics:
            self._check(metric)

    @property
    def uses_duplicates(self) -> bool:
        """Whether a rule for repeated units was chosen."""
        return self.duplicates != "first"

    @property
    def goal_metric(self) -> str:
        """The metric that decides: the one named, or the first."""
        return self.goal or self.metrics[0].key

    def columns(self) -> dict[str, str]:
        """Every column of the file that is used, by what asked for it (`--arm`, `--metric ctr`...)."""
        named = {name: getattr(self, name) for name in ("experiment", "arm", "unit", "label", "count", "group")}
        used = {f"--{name}": column for name, column in named.items() if column}
        for metric in self.metrics:
            used[f"--metric {metric.key}"] = metric.column
            if metric.second:
                used[f"--metric {metric.key} (second column)"] = metric.second
        for rule in self.rules:
            used.update({f"--require {rule}: {column}": column for column, _ in rule.where + rule.must})
        return used

    def _check(self, metric: MetricRequest) -> None:
        name = f"metric {metric.key}"
        _choice(name, metric.kind, KINDS)
        aggregated = self.count is not None
        if aggregated:
            _require(metric.kind in ("auto", "share", "mean", "money"), name,
                     f"{metric.kind} cannot be had from an aggregated file; share, mean and money can.")  # fmt: skip
        second = (metric.kind in ("mean", "money")) if aggregated else metric.kind == "ratio"
        wanted = "a column with the standard deviation" if aggregated else "a denominator column"
        example = f"{metric.key}={metric.column}:{metric.kind}:COLUMN"
        _require(bool(metric.second) or not second, name, f"{metric.kind} needs {wanted}: {example}.")
        _require(second or not metric.second, name, f"{metric.kind} takes no second column, got {metric.second!r}.")


def metric_of(text: str) -> MetricRequest:
    """`NAME=COLUMN[:KIND[:SECOND COLUMN]]`. A column with a colon in its name needs the mapping file."""
    key, equals, rest = text.partition("=")
    parts = [part.strip() for part in rest.split(":")]
    if not equals or not parts[0] or len(parts) > 3:
        raise InvalidInput.field("metric", f"{text!r} is not NAME=COLUMN[:KIND[:SECOND COLUMN]].")
    return MetricRequest(_metric_key(key.strip()), parts[0], *(part or None for part in parts[1:]))  # type: ignore[arg-type]


def rule_of(text: str) -> Rule:
    """`COLUMN=VALUE[,COLUMN=VALUE]:COLUMN=VALUE[,...]`: rows like the left must be like the right."""
    where, colon, must = text.partition(":")
    if not colon:
        raise InvalidInput.field("require", f"{text!r} is not COLUMN=VALUE:COLUMN=VALUE.")
    return Rule(_pairs(where, text), _pairs(must, text))


def weight_of(text: str) -> tuple[str, float]:
    """`ARM=NUMBER`, the share of units the arm was given."""
    arm, _, number = text.rpartition("=")
    try:
        weight = float(number)
    except ValueError:
        weight = -1.0
    if not arm or not 0 < weight < 1e9:
        raise InvalidInput.field("weight", f"{text!r} is not ARM=NUMBER with a number above 0.")
    return arm, weight


def read_mapping(path: Path) -> dict[str, Any]:
    """The options of a mapping file (JSON, or TOML by its ending), as `request_of` takes them.

    Raises InvalidInput for a file that cannot be read, a key that is not known, or a value of another type.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
        content = tomllib.loads(text) if path.suffix.lower() == ".toml" else json.loads(text)
    except OSError as problem:
        raise InvalidInput.field("mapping", f"{path} cannot be read ({problem.strerror}).") from None
    except UnicodeDecodeError as problem:
        raise InvalidInput.field("mapping", f"{path} is not UTF-8 (byte {problem.start + 1}).") from None
    except (tomllib.TOMLDecodeError, json.JSONDecodeError) as problem:
        raise InvalidInput.field("mapping", f"{path} is neither JSON nor TOML as its name says: {problem}.") from None
    except RecursionError:
        raise InvalidInput.field("mapping", f"{path} is nested too deeply.") from None
    if not isinstance(content, dict):
        raise InvalidInput.field("mapping", f"{path} must hold an object of options.")
    return {name: _mapped(name, value) for name, value in content.items()}


def request_of(options: Mapping[str, Any]) -> ImportRequest:
    """A request from options; an option that is None counts as not given."""
    return ImportRequest(**{name: value for name, value in options.items() if value is not None})


def nearest(name: str, names: Iterable[str]) -> str:
    """`; did you mean 'x'?`, or nothing where no name is near."""
    lowered = {other.casefold(): other for other in names}
    found = difflib.get_close_matches(name.casefold(), lowered, n=1, cutoff=0.6)
    return f"; did you mean {lowered[found[0]]!r}?" if found else ""


_TEXTS = ("key", "name", "arm", "unit", "experiment", "label", "count", "group", "control", "goal", "duplicates",
          "empty", "delimiter", "currency")  # fmt: skip


def _mapped(name: str, value: object) -> Any:
    if name == "metrics" and isinstance(value, dict):
        return tuple(_mapped_metric(str(key), about) for key, about in value.items())
    if name == "rules" and isinstance(value, list):
        return tuple(_mapped_rule(place, about) for place, about in enumerate(value, 1))
    if name == "weights" and isinstance(value, dict):
        return tuple(weight_of(f"{arm}={number}") for arm, number in value.items())
    if (name == "uncleaned" and isinstance(value, bool)) or (name in _TEXTS and isinstance(value, str) and value):
        return "\t" if (name, value) == ("delimiter", "tab") else value
    known = [field.name for field in fields(ImportRequest)]
    if name not in known:
        raise InvalidInput.field(f"mapping.{name}", f"is not known{nearest(name, known)}")
    raise InvalidInput.field(f"mapping.{name}", f"{value!r} is not of the right type; see docs/importing.md.")


def _mapped_metric(key: str, about: object) -> MetricRequest:
    if isinstance(about, str):
        return MetricRequest(_metric_key(key), about)
    known = {"column", "kind", "second"}
    right = isinstance(about, dict) and "column" in about and set(about) <= known
    if not right or not all(isinstance(value, str) and value for value in about.values()):  # type: ignore[attr-defined]
        raise InvalidInput.field(f"mapping.metrics.{key}", 'must be a column, or {"column", "kind", "second"}.')
    return MetricRequest(key=_metric_key(key), **about)  # type: ignore[arg-type]


def _mapped_rule(place: int, about: object) -> Rule:
    sides = [about.get(side) for side in ("where", "must")] if isinstance(about, dict) else []
    if len(sides) != 2 or not all(isinstance(side, dict) and side for side in sides):
        raise InvalidInput.field(
            f"mapping.rules.{place}", 'must be {"where": {COLUMN: VALUE}, "must": {COLUMN: VALUE}}.'
        )
    where, must = (tuple((str(key), str(value)) for key, value in side.items()) for side in sides if side)
    return Rule(where, must)


def _metric_key(key: str) -> str:
    if not key or len(key) > 80 or not all(letter.isascii() and (letter.isalnum() or letter in "_-") for letter in key):
        raise InvalidInput.field("metric", f"{key!r} is not a name of letters, digits, - and _ (80 at most).")
    return key


def _pairs(side: str, text: str) -> tuple[tuple[str, str], ...]:
    pairs = [part.partition("=") for part in side.split(",")]
    if not all(column.strip() and equals for column, equals, _ in pairs):
        raise InvalidInput.field("require", f"{text!r} is not COLUMN=VALUE:COLUMN=VALUE.")
    return tuple((column.strip(), value.strip()) for column, _, value in pairs)


def _is_text(text: str) -> bool:
    # A NUL, or half of a pair as a terminal in another encoding gives it: PostgreSQL takes neither.
    return "\0" not in text and not any("\ud800" <= letter <= "\udfff" for letter in text)


def _require(holds: object, field: str, sentence: str) -> None:
    if not holds:
        raise InvalidInput.field(field, sentence)


def _choice(field: str, value: str, choices: Iterable[str]) -> None:
    choices = list(choices)
    _require(value in choices, field, f"{value!r} is not one of {', '.join(choices)}{nearest(value, choices)}")
