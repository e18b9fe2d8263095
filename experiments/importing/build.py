"""From rows to experiments: arms with their moments, keys, weights and metric definitions. Pure.

A unit-level arm gets joint moments. An aggregated one knows each metric by itself only, so the covariances between its
columns are 0; no metric of an aggregated file reads them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from django.utils.text import slugify

from core.errors import InvalidInput
from experiments.importing.request import ImportRequest, MetricRequest, nearest
from experiments.importing.rows import Rows, Whole
from experiments.stats.moments import Moments

KEY_MAX, NAME_MAX = 80, 200
# More arms than anyone tests; a column with more is hardly the arm.
ARMS_MAX = 200
_STATISTICS = {"share": "proportion", "ratio": "ratio"}
_FORMATS = {"share": "share", "money": "money"}


@dataclass(slots=True)
class ImportedArm:
    """One arm: `label` is its text in the file."""

    key: str
    label: str
    is_control: bool
    weight: float
    moments: Moments

    @property
    def name(self) -> str:
        """The label, as long as a name may be."""
        return self.label[:NAME_MAX]


@dataclass(slots=True)
class ImportedExperiment:
    """One experiment of a file. `value` is its name there, `group` that of the group report, `refused` its rows by
    reason.
    """

    key: str
    name: str
    value: str
    group: str
    rows: int
    arms: list[ImportedArm]
    refused: dict[str, int]


@dataclass(slots=True)
class Built:
    """The experiments of a file, and those that could not be made with the reason."""

    experiments: list[ImportedExperiment] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)


def build(rows: Rows, request: ImportRequest, *, uncleaned: bool = False) -> Built:
    """Every experiment with two arms or more. Raises InvalidInput for none, or for a name not in the file."""
    used = np.flatnonzero(rows.usable(uncleaned=uncleaned))
    if not len(used):
        raise _nothing_left(rows)
    groups = _grouped(rows, request, used)
    labels = {label for arms in groups.values() for label, _ in arms}
    _check_names(request, labels)
    built = Built()
    taken: set[str] = set()
    per_experiment = _rows_of_experiments(rows)
    for code, arms in groups.items():
        value = rows.names["experiment"][code]
        if (problem := _problem(arms, request)) is not None:
            built.skipped.append((value, problem))
            continue
        mine = per_experiment[code]
        built.experiments.append(
            ImportedExperiment(
                key=_experiment_key(request, value, taken, uncleaned=uncleaned),
                name=_experiment_name(request, value, uncleaned=uncleaned),
                value=value,
                group=_group_of(rows, arms),
                rows=len(mine),
                arms=_arms(rows, request, arms),
                refused=rows.refused(mine, uncleaned=uncleaned),
            )
        )
    _require_some(built, request)
    return built


def metric_definitions(request: ImportRequest, kinds: Mapping[str, str]) -> list[dict[str, Any]]:
    """The metrics as the analysis wants them: JSON with key, label, format, kind, numerator, denominator, direction."""
    return [
        {
            "key": metric.key,
            "label": metric.key.replace("_", " ").replace("-", " ").capitalize(),
            "format": _FORMATS.get(kinds[metric.key], "number"),
            "kind": _STATISTICS.get(kinds[metric.key], "mean"),
            "numerator": metric.key,
            "denominator": _denominator(metric) if kinds[metric.key] == "ratio" else None,
            "direction": "increase",
        }
        for metric in request.metrics
    ]


def _grouped(rows: Rows, request: ImportRequest, used: Whole) -> dict[int, list[tuple[str, Whole]]]:
    """Row places by experiment code and arm, both in the order they came."""
    arm = rows.arm[used] if request.arm else used
    pairs = np.stack([rows.experiment[used], arm], axis=1)
    _, first, inverse, counts = np.unique(pairs, axis=0, return_index=True, return_inverse=True, return_counts=True)
    parts = np.split(used[np.argsort(inverse.ravel(), kind="stable")], np.cumsum(counts)[:-1])
    groups: dict[int, list[tuple[str, Whole]]] = {}
    for place in np.argsort(first):
        members = parts[place]
        arms = groups.setdefault(int(rows.experiment[members[0]]), [])
        arms.append((_label(rows, request, int(members[0]), len(arms)), members))
    return groups


def _label(rows: Rows, request: ImportRequest, row: int, place: int) -> str:
    if request.label is not None and rows.label[row] >= 0:
        return rows.names["label"][int(rows.label[row])]
    return rows.names["arm"][int(rows.arm[row])] if request.arm else f"arm {place + 1}"


def _check_names(request: ImportRequest, labels: set[str]) -> None:
    wanted = [("control", request.control), *(("weight", arm) for arm, _ in request.weights)]
    for field_name, label in wanted:
        if label is not None and label not in labels and labels:
            some = ", ".join(repr(other) for other in sorted(labels)[:6])
            raise InvalidInput.field(
                field_name, f"no arm is named {label!r}{nearest(label, labels)} The file has {some}"
                f"{' and more' if len(labels) > 6 else ''}."
            )  # fmt: skip


def _problem(arms: Sequence[tuple[str, Whole]], request: ImportRequest) -> str | None:
    if len(arms) < 2:
        return f"it has only one arm ({arms[0][0]!r}), so there is nothing to compare"
    if len(arms) > ARMS_MAX:
        return f"it has {len(arms):,} arms (at most {ARMS_MAX}); is {request.arm or 'each row'} the arm?"
    return None


def _require_some(built: Built, request: ImportRequest) -> None:
    if not built.experiments:
        value, problem = built.skipped[0]
        of_one = f"experiment {value!r}: " if request.experiment else ""
        raise InvalidInput.field(request.arm or request.experiment or "file", f"{of_one}{problem}.")


def _nothing_left(rows: Rows) -> InvalidInput:
    refused = rows.refused()
    if refused:
        sentence = next(iter(refused))
        example = next(reason.examples[0] for reason in rows.ledger.reasons if reason.sentence == sentence)
        return InvalidInput.field(
            example, f"{sentence}; all {len(rows.reason):,} rows are refused, most for this reason."
        )
    if rows.misshapen:
        row, found = rows.misshapen[0]
        return InvalidInput.field(f"row {row}", f"has {found} cells, another number than the header; so have all rows.")
    return InvalidInput.field("file", "has a header and no rows.")


def _arms(rows: Rows, request: ImportRequest, arms: Sequence[tuple[str, Whole]]) -> list[ImportedArm]:
    control = next((place for place, (label, _) in enumerate(arms) if label == request.control), 0)
    ordered = [arms[control], *arms[:control], *arms[control + 1 :]]
    weights = dict(request.weights)
    total = sum(weights.get(label, 1.0) for label, _ in ordered)
    taken: set[str] = set()
    return [
        ImportedArm(
            key=_slug(label if request.arm else f"arm-{place + 1}", "arm", taken),
            label=label,
            is_control=place == 0,
            weight=weights.get(label, 1.0) / total,
            moments=_aggregated(rows, request, members) if request.count else _joint(rows, request, members),
        )
        for place, (label, members) in enumerate(ordered)
    ]


def _joint(rows: Rows, request: ImportRequest, members: Whole) -> Moments:
    columns, values = [], []
    for place, metric in enumerate(request.metrics):
        columns.append(metric.key)
        values.append(rows.values[members, place])
        if metric.second is not None:
            columns.append(_denominator(metric))
            values.append(rows.seconds[members, place])
    return Moments.from_rows(columns, np.column_stack(values))


def _aggregated(rows: Rows, request: ImportRequest, members: Whole) -> Moments:
    singles = [_summary(rows, place, metric, members) for place, metric in enumerate(request.metrics)]
    means = np.array([one.mean_vector[0] for one in singles])
    squares = np.diag([one.cross[0, 0] for one in singles])
    return Moments(tuple(metric.key for metric in request.metrics), singles[0].n, means, squares)


def _summary(rows: Rows, place: int, metric: MetricRequest, members: Whole) -> Moments:
    counts, values = rows.count[members].astype(np.int64), rows.values[members, place]
    if metric.second is None:
        return Moments.of_proportion(metric.key, successes=int(values.sum()), n=int(counts.sum()))
    total = Moments.empty((metric.key,))
    for n, mean, deviation in zip(counts.tolist(), values, rows.seconds[members, place], strict=True):
        total += Moments.of_summary(metric.key, n=n, mean=float(mean), variance=float(deviation) ** 2)
    return total


def _denominator(metric: MetricRequest) -> str:
    return f"{metric.key}_denominator"


def _group_of(rows: Rows, arms: Sequence[tuple[str, Whole]]) -> str:
    code = int(rows.group[arms[0][1][0]])
    return rows.names["group"][code] if code >= 0 else ""


def _rows_of_experiments(rows: Rows) -> dict[int, Whole]:
    order = np.argsort(rows.experiment, kind="stable")
    codes, starts = np.unique(rows.experiment[order], return_index=True)
    return dict(zip(codes.tolist(), np.split(order, starts[1:]), strict=True))


def _experiment_key(request: ImportRequest, value: str, taken: set[str], *, uncleaned: bool) -> str:
    end = "-uncleaned" if uncleaned else ""
    stem = f"{request.key}-{value}" if request.experiment else request.key
    return _slug(stem, request.key, taken, end=end)


def _experiment_name(request: ImportRequest, value: str, *, uncleaned: bool) -> str:
    name = f"{request.name} {value}" if request.experiment else request.name
    return f"{name[: NAME_MAX - 12]}{' (uncleaned)' if uncleaned else ''}"


def _slug(text: str, fallback: str, taken: set[str], *, end: str = "") -> str:
    # A text that a slug cannot hold (Chinese, too long, differing in case only) gets a digest, so that its key is the
    # same whatever stands beside it in the file.
    slug = slugify(text)
    room = KEY_MAX - len(end)
    if slug != text.lower().replace(" ", "-") or len(slug) > room or slug + end in taken:
        digest = hashlib.sha256(text.encode()).hexdigest()[:8]
        slug = f"{(slug or slugify(fallback) or 'x')[: room - 9].strip('-')}-{digest}"
    taken.add(slug + end)
    return slug + end
